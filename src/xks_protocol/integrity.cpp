#include "xks_protocol/integrity.h"

#include "xks_protocol/limits.h"

namespace strongroom::xks {

crypto::Sha256Digest IntegrityValue(ByteView aad, const CiphertextParts& parts) {
  return crypto::Sha256({aad, parts.metadata, parts.iv, parts.ciphertext, parts.tag});
}

Result<Bytes> ExternalKeyAad(ByteView aad, ByteView metadata) {
  if (aad.size() > kMostAadBytes || metadata.size() > kMostMetadataBytes)
    return Error(Errc::kInvalidArgument, "The additional authenticated data or the ciphertext metadata is too long.");
  if (metadata.empty()) return ToBytes(aad);
  Bytes out;
  out.reserve(aad.size() + metadata.size() + 3);
  out.push_back(static_cast<std::uint8_t>(aad.size() >> 8));
  out.push_back(static_cast<std::uint8_t>(aad.size() & 0xff));
  Append(out, aad);
  out.push_back(static_cast<std::uint8_t>(metadata.size()));
  Append(out, metadata);
  return out;
}

}  // namespace strongroom::xks
