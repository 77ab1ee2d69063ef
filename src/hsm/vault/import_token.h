#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "secret/secret_buffer.h"

namespace strongroom::hsm {

/// What an import token says besides the wrapping key that it holds. KMS's names.
struct ImportTerms {
  std::string account, key_id, region, algorithm, wrapping_spec;
  std::int64_t valid_to_millis = 0;  // since 1970
};

/// Import tokens (docs/formats.md 16): the private half of a wrapping pair, sealed under the domain key and bound to
/// the terms, which stand in front in the clear. Errors: kInvalidArgument for a text of more than 255 bytes; kInternal.
Result<Bytes> SealImportToken(const SecretBuffer& domain_key, std::uint32_t generation, const ImportTerms& terms,
                              const SecretBuffer& pkcs8);

/// Generation that a token names. Errors: kInvalidImportToken for anything that is not a token of version 1.
Result<std::uint32_t> ImportTokenGeneration(ByteView token);

struct OpenedImportToken {
  ImportTerms terms;
  SecretBuffer pkcs8;
};
/// Errors: kInvalidImportToken with one text for whatever is wrong.
Result<OpenedImportToken> OpenImportToken(const SecretBuffer& domain_key, ByteView token);

}  // namespace strongroom::hsm
