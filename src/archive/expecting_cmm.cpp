#include "archive/expecting_cmm.h"

#include "archive/paths.h"
#include "encryption_sdk/errors.h"

namespace strongroom::archive {

namespace esdk = encryption_sdk;

Result<esdk::EncryptionMaterials> ExpectingCmm::ForEncryption(const esdk::EncryptionRequest& request) {
  return inner_.ForEncryption(request);
}

Result<esdk::DecryptionMaterials> ExpectingCmm::ForDecryption(const esdk::DecryptionRequest& request) {
  for (const auto& [name, value] : expected_.context) {
    const auto there = request.context.find(name);
    if (there == request.context.end() || there->second != value)
      return esdk::MakeError(
          esdk::ErrorCode::kContextMismatch,
          fmt::format("Its encryption context does not say {} = {}.", Printable(name), Printable(value)));
  }
  const std::size_t own = request.context.contains(std::string(esdk::kPublicKeyName)) ? 1 : 0;
  if (expected_.nothing_else && request.context.size() != expected_.context.size() + own)
    return esdk::MakeError(esdk::ErrorCode::kContextMismatch, "Its encryption context has more in it than expected.");
  if (expected_.data_keys) {
    SR_TRY(const crypto::Sha256Digest digest, esdk::DigestOf(request.encrypted_data_keys));
    if (digest != *expected_.data_keys)
      return esdk::MakeError(esdk::ErrorCode::kHeaderAuthenticationFailed,
                             "Its encrypted data keys are not those that were written.");
  }
  auto materials = inner_.ForDecryption(request);
  // All else is as it was written, so what KMS does not recognise is the public key in the context.
  if (!materials.ok() && own != 0 && expected_.data_keys && expected_.nothing_else &&
      esdk::CodeOf(materials.error()) == esdk::ErrorCode::kNoDataKey &&
      materials.error().code() == Errc::kBadCiphertext)
    return esdk::MakeError(esdk::ErrorCode::kContextMismatch,
                           "The public key in its encryption context is another one.");
  return materials;
}

}  // namespace strongroom::archive
