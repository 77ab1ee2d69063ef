#include "hsm/vault_sealer.h"

#include <algorithm>
#include <span>

#include "hsm/replica/byte_io.h"

namespace strongroom::hsm {

void VaultSealer::AppendSegment(SecretBytes& plaintext, const SecretBuffer& secret) {
  replica::PutCounted(plaintext, secret.Reveal(KeyAccess()), 4);
}

crypto::Sha256Digest VaultSealer::DigestOf(const SecretBuffer& secret) {
  return crypto::Sha256(secret.Reveal(KeyAccess()));
}

Result<SecretBuffer> VaultSealer::WithKind(std::uint8_t kind, const SecretBuffer& material) {
  const ByteView bytes = material.Reveal(KeyAccess());
  return SecretBuffer::Produce(bytes.size() + 1, [&](std::span<std::uint8_t> room) {
    room[0] = kind;
    std::copy(bytes.begin(), bytes.end(), room.begin() + 1);
    return room.size();
  });
}

Result<std::pair<std::uint8_t, SecretBuffer>> VaultSealer::SplitKind(const SecretBuffer& plaintext) {
  const ByteView bytes = plaintext.Reveal(KeyAccess());
  if (bytes.empty()) return Error(Errc::kBadCiphertext, "The token does not open.");
  SR_TRY(SecretBuffer material, SecretBuffer::CopyOf(bytes.subspan(1)));
  return std::pair{bytes[0], std::move(material)};
}

Result<SecretBuffer> VaultSealer::Between(ByteView before, const SecretBuffer& secret, ByteView after) {
  const ByteView bytes = secret.Reveal(KeyAccess());
  return SecretBuffer::Produce(before.size() + bytes.size() + after.size(), [&](std::span<std::uint8_t> room) {
    auto at = room.begin();
    for (const ByteView part : {before, bytes, after}) at = std::ranges::copy(part, at).out;
    return room.size();
  });
}

Result<SecretBuffer> VaultSealer::AsLetters(const SecretBuffer& random) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  static_assert(kLetters.size() == 64);
  const ByteView bytes = random.Reveal(KeyAccess());
  return SecretBuffer::Produce(bytes.size(), [&](std::span<std::uint8_t> room) {
    std::ranges::transform(bytes, room.begin(),
                           [&](std::uint8_t byte) { return static_cast<std::uint8_t>(kLetters[byte & 63]); });
    return room.size();
  });
}

}  // namespace strongroom::hsm
