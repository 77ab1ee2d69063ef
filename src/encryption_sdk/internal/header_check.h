#pragma once

#include "encryption_sdk/decryptor.h"
#include "encryption_sdk/internal/frames.h"
#include "encryption_sdk/internal/header_parser.h"

namespace strongroom::encryption_sdk::internal {

struct VerifiedHeader {
  DecryptionMaterials materials;
  SecretBuffer derived_key;
};

/// What has to hold before anything of a header is believed: policy, the materials manager's checks, commitment, tag.
/// Errors: of the Decryptor.
Result<VerifiedHeader> VerifyHeader(Cmm& cmm, const HeaderParser& parser, const DecryptOptions& options);

/// Errors: InvalidArgument for limits that make no sense.
Status CheckOptions(const DecryptOptions& options);

}  // namespace strongroom::encryption_sdk::internal
