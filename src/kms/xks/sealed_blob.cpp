#include "kms/xks/sealed_blob.h"

#include "xks_protocol/limits.h"

namespace strongroom::kms {

Bytes EncodeExternalBlob(ByteView header, const xks::EncryptAnswer& sealed) {
  Bytes blob;
  blob.reserve(header.size() + sealed.iv.size() + sealed.tag.size() + sealed.metadata.size() +
               sealed.ciphertext.size() + 2);
  Append(blob, header);
  blob.push_back(static_cast<std::uint8_t>(sealed.iv.size()));
  Append(blob, sealed.iv);
  Append(blob, sealed.tag);
  blob.push_back(static_cast<std::uint8_t>(sealed.metadata.size()));
  Append(blob, sealed.metadata);
  Append(blob, sealed.ciphertext);
  return blob;
}

Result<xks::EncryptAnswer> ParseExternalBlob(ByteView body) {
  const auto bad = [] { return Error(Errc::kBadCiphertext, ""); };
  xks::EncryptAnswer sealed;
  const auto take = [&body](std::size_t bytes) {
    Bytes taken = ToBytes(body.first(bytes));
    body = body.subspan(bytes);
    return taken;
  };
  if (body.empty() || (body[0] != xks::kShortIvBytes && body[0] != xks::kLongIvBytes)) return bad();
  const std::size_t iv_bytes = body[0];
  if (body.size() < 1 + iv_bytes + xks::kTagBytes + 1) return bad();
  body = body.subspan(1);
  sealed.iv = take(iv_bytes);
  sealed.tag = take(xks::kTagBytes);
  const std::size_t metadata_bytes = body[0];
  body = body.subspan(1);
  if (metadata_bytes > xks::kMostMetadataBytes || body.size() <= metadata_bytes) return bad();
  sealed.metadata = take(metadata_bytes);
  if (body.size() > xks::kMostPlaintextBytes) return bad();
  sealed.ciphertext = ToBytes(body);
  return sealed;
}

}  // namespace strongroom::kms
