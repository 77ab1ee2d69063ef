#include "encryption_sdk/materials.h"

#include "encryption_sdk/errors.h"
#include "encryption_sdk/internal/wire.h"

namespace strongroom::encryption_sdk {

Result<Bytes> Serialize(std::span<const EncryptedDataKey> keys) {
  using internal::kMostInField;
  if (keys.size() > kMostInField) {
    return MakeError(ErrorCode::kTooManyEncryptedDataKeys,
                     fmt::format("A message holds at most {} encrypted data keys.", kMostInField));
  }
  Bytes out;
  internal::Put16(out, keys.size());
  for (const EncryptedDataKey& key : keys) {
    for (const ByteView field : {AsBytes(key.provider_id), ByteView(key.provider_info), ByteView(key.ciphertext)}) {
      if (field.size() > kMostInField) {
        return MakeError(ErrorCode::kLimitExceeded,
                         fmt::format("A field of an encrypted data key has more than {} bytes.", kMostInField));
      }
      internal::Put16(out, field.size());
      Append(out, field);
    }
  }
  return out;
}

Result<crypto::Sha256Digest> DigestOf(std::span<const EncryptedDataKey> keys) {
  SR_TRY(const Bytes text, Serialize(keys));
  return crypto::Sha256(text);
}

}  // namespace strongroom::encryption_sdk
