#include "crypto/hkdf.h"

#include "crypto/internal/openssl.h"
#include "secret/secret_vector.h"

namespace strongroom::crypto {
namespace {
constexpr std::size_t kHashBytes = 32;
constexpr std::size_t kMostBytes = 255 * kHashBytes;
}  // namespace

// OpenSSL's own HKDF fetches its digest and allocates with every call, several times the cost of the two HMACs that
// HKDF is made of (RFC 5869, 2.2 and 2.3).
void HkdfSha256Raw(ByteView input_key, ByteView salt, ByteView info, std::span<std::uint8_t> out) {
  // An empty HMAC key and one of 32 zero bytes are the same key.
  std::array<std::uint8_t, kHashBytes> pseudo_random_key, block;
  HmacSha256Raw(salt, {input_key}, pseudo_random_key);
  std::size_t done = 0;
  for (std::uint8_t counter = 1; done < out.size(); ++counter) {
    const ByteView previous = counter == 1 ? ByteView{} : ByteView{block};
    HmacSha256Raw(pseudo_random_key, {previous, info, ByteView{&counter, 1}}, block);
    const std::size_t piece = std::min(kHashBytes, out.size() - done);
    std::memcpy(out.data() + done, block.data(), piece);
    done += piece;
  }
  secret::Wipe(pseudo_random_key.data(), pseudo_random_key.size());
  secret::Wipe(block.data(), block.size());
}

Result<SecretBuffer> HkdfSha256(const SecretBuffer& input_key, ByteView salt, ByteView info, std::size_t size_bytes) {
  if (size_bytes == 0 || size_bytes > kMostBytes) {
    return Error(Errc::kInvalidArgument, fmt::format("HKDF-SHA-256 gives between 1 and {} bytes.", kMostBytes));
  }
  return SecretBuffer::Produce(size_bytes, [&](std::span<std::uint8_t> room) {
    HkdfSha256Raw(EvpKeyLoader::View(input_key), salt, info, room);
    return room.size();
  });
}

}  // namespace strongroom::crypto
