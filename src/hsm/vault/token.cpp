#include "hsm/vault/token.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "crypto/seal.h"
#include "hsm/vault_sealer.h"
#include "secret/secret_vector.h"

namespace strongroom::hsm {
namespace {

constexpr std::string_view kPurpose{"strongroom token v1\0", 20};

using Info = std::array<std::uint8_t, kPurpose.size() + 4>;

void PutGeneration(std::uint32_t generation, std::uint8_t* to) noexcept {
  for (int i = 0; i < 4; ++i) to[i] = static_cast<std::uint8_t>(generation >> (8 * (3 - i)));
}

Info InfoOf(std::uint32_t generation) noexcept {
  Info info{};
  std::ranges::copy(AsBytes(kPurpose), info.begin());
  PutGeneration(generation, info.data() + kPurpose.size());
  return info;
}

Error BadToken() { return Error(Errc::kBadCiphertext, "The key token does not open."); }

}  // namespace

Result<std::uint32_t> TokenGeneration(ByteView token) {
  const auto generation = wire::KeyTokenGeneration(token);
  if (!generation || token.size() <= kTokenHeadBytes + crypto::kSealOverheadBytes || token.size() > kMaxTokenBytes)
    return BadToken();
  return *generation;
}

Result<Binding> ReadBinding(ByteView bytes) {
  const auto binding = wire::ParseKeyTokenBinding(bytes);
  if (!binding) return Error(Errc::kInvalidArgument, "The token's binding is not well-formed.");
  return *binding;
}

Result<Bytes> SealToken(const SecretBuffer& domain_key, std::uint32_t generation, ByteView binding, MaterialKind kind,
                        const SecretBuffer& material) {
  SR_TRY(const SecretBuffer framed, VaultSealer::WithKind(static_cast<std::uint8_t>(kind), material));
  Bytes token(kTokenHeadBytes + crypto::SealedSize(framed.size()));
  if (token.size() > kMaxTokenBytes) return Error(Errc::kInvalidArgument, "The key is too large for a token.");
  std::ranges::copy(wire::kKeyTokenMagic, token.begin());
  PutGeneration(generation, token.data() + 4);
  const Info info = InfoOf(generation);
  SR_CHECK(crypto::SealSecretInto(domain_key, info, binding, framed, std::span(token).subspan(kTokenHeadBytes)));
  return token;
}

Result<OpenedToken> OpenToken(const SecretBuffer& domain_key, std::uint32_t generation, ByteView binding,
                              ByteView token) {
  SR_TRY(const std::uint32_t named, TokenGeneration(token));
  if (named != generation) return BadToken();
  const ByteView sealed = token.subspan(kTokenHeadBytes);
  const Info info = InfoOf(generation);
  OpenedToken opened;
  std::uint8_t kind = 0;
  auto material = SecretBuffer::Produce(sealed.size() - crypto::kSealOverheadBytes,
                                        [&](std::span<std::uint8_t> room) -> Result<std::size_t> {
                                          SR_CHECK(crypto::OpenInto(domain_key, info, binding, sealed, room));
                                          kind = room[0];
                                          std::memmove(room.data(), room.data() + 1, room.size() - 1);
                                          secret::Wipe(room.data() + room.size() - 1, 1);
                                          return room.size() - 1;
                                        });
  if (!material) {
    if (material.error().code() == Errc::kBadCiphertext) return BadToken();
    return std::move(material).error();
  }
  if (kind != static_cast<std::uint8_t>(MaterialKind::kSymmetric) &&
      kind != static_cast<std::uint8_t>(MaterialKind::kPkcs8))
    return BadToken();
  opened.kind = static_cast<MaterialKind>(kind);
  opened.material = std::move(*material);
  return opened;
}

}  // namespace strongroom::hsm
