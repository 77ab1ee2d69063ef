#include "kms/blob/blob.h"

#include <algorithm>

namespace strongroom::kms {
namespace {
constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kAccountBytes = 12, kMaxKeyId = 64, kSealOverhead = 48;
constexpr std::size_t kBeforeKeyId = 2 + 1 + 1 + kAccountBytes + 1;
}  // namespace

Bytes EncodeHeader(const BlobHeader& header) {
  Bytes out{'S', 'R', kVersion, static_cast<std::uint8_t>(header.store)};
  out.reserve(kBeforeKeyId + header.key_id.size() + header.material.size());
  Append(out, AsBytes(header.account));
  out.push_back(static_cast<std::uint8_t>(header.key_id.size()));
  Append(out, AsBytes(header.key_id));
  Append(out, header.material);
  return out;
}

Result<ParsedBlob> ParseBlob(ByteView blob) {
  const auto bad = [] { return Error(Errc::kBadCiphertext, ""); };
  if (blob.size() < kBeforeKeyId || blob[0] != 'S' || blob[1] != 'R' || blob[2] != kVersion) return bad();
  if (blob[3] < 1 || blob[3] > 3) return bad();
  ParsedBlob parsed;
  parsed.header.store = static_cast<StoreKind>(blob[3]);
  parsed.header.account = AsText(blob.subspan(4, kAccountBytes));
  const std::size_t id_size = blob[4 + kAccountBytes];
  if (id_size == 0 || id_size > kMaxKeyId) return bad();
  const std::size_t header_size = kBeforeKeyId + id_size + parsed.header.material.size();
  if (blob.size() < header_size + kSealOverhead) return bad();
  parsed.header.key_id = AsText(blob.subspan(kBeforeKeyId, id_size));
  // What ends up in statements and messages must look like what we write there.
  const auto plain = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-'; };
  if (!std::ranges::all_of(parsed.header.account, [](char c) { return c >= '0' && c <= '9'; }) ||
      !std::ranges::all_of(parsed.header.key_id, plain))
    return bad();
  const ByteView material = blob.subspan(kBeforeKeyId + id_size, parsed.header.material.size());
  std::ranges::copy(material, parsed.header.material.begin());
  parsed.header_bytes = blob.first(header_size);
  parsed.sealed = blob.subspan(header_size);
  return parsed;
}

}  // namespace strongroom::kms
