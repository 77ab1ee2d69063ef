#pragma once

#include "encryption_sdk/cmm.h"

namespace strongroom::encryption_sdk::internal {

using CacheId = crypto::Sha384Digest;

/// Source: specification, "Caching CMM", Appendix A; they never leave the process.
Result<CacheId> EncryptionCacheId(std::string_view partition, const EncryptionRequest& request);
Result<CacheId> DecryptionCacheId(std::string_view partition, const DecryptionRequest& request);

}  // namespace strongroom::encryption_sdk::internal
