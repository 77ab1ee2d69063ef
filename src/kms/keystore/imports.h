#pragma once

#include <cstdint>
#include <string>

#include "kms/keystore/hsm_key_store.h"

namespace strongroom::kms {

// What the domain cluster does for imported key material (docs/formats.md 16).

struct WrappingParameters {
  Bytes import_token;
  Bytes public_key;  // DER SubjectPublicKeyInfo
};
/// A wrapping pair for material of this key in its Region. `algorithm` and `spec` are KMS's names.
/// Errors: kUnsupported when such material cannot be wrapped like that; the domain store's.
Task<Result<WrappingParameters>> MakeWrappingParameters(HsmKeyStore& domain, const KeyRow& row, std::string algorithm,
                                                        std::string spec, std::int64_t valid_to_millis);

struct ImportedMaterial {
  std::string id;  // 64 hex digits, the same for the same key id and material
  Bytes token;
};
/// Errors: kInvalidImportToken, kExpiredImportToken, kBadCiphertext, kIncorrectKeyMaterial, in texts for the caller;
/// the domain store's.
Task<Result<ImportedMaterial>> Unwrap(HsmKeyStore& domain, const KeyRow& row, Bytes import_token, Bytes wrapped,
                                      std::int64_t now_millis);

}  // namespace strongroom::kms
