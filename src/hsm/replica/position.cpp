#include "hsm/replica/position.h"

#include <algorithm>

#include "crypto/hash.h"
#include "crypto/hkdf.h"
#include "hsm/replica/byte_io.h"
#include "hsm/replica/sealed_body.h"

namespace strongroom::hsm::replica {
namespace {
constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kMacBytes = 16;
}  // namespace

Result<SecretBuffer> PositionKey(const SecretBuffer& epoch_secret) {
  return crypto::HkdfSha256(epoch_secret, {}, Purpose("strongroom position v1"), 32);
}

Bytes MakePosition(const SecretBuffer& position_key, std::uint64_t epoch, const Head& head) {
  Bytes token;
  token.reserve(kPositionBytes);
  token.push_back(kVersion);
  PutInteger(token, epoch, 8);
  PutInteger(token, head.number, 8);
  PutBytes(token, head.hash);
  const auto mac = crypto::HmacSha256(position_key, {token});
  PutBytes(token, ByteView(mac).first(kMacBytes));
  return token;
}

std::optional<PositionToken> ParsePosition(ByteView token) {
  if (token.size() != kPositionBytes || token[0] != kVersion) return std::nullopt;
  ByteReader in(token.subspan(1));
  PositionToken position;
  position.epoch = *in.Integer(8);
  position.head.number = *in.Integer(8);
  const ByteView hash = *in.Take(position.head.hash.size());
  std::copy(hash.begin(), hash.end(), position.head.hash.begin());
  position.authenticated = token.first(kPositionBytes - kMacBytes);
  position.mac = token.last(kMacBytes);
  return position;
}

bool VerifyPosition(const SecretBuffer& position_key, const PositionToken& token) {
  const auto mac = crypto::HmacSha256(position_key, {token.authenticated});
  return crypto::ConstantTimeEqual(ByteView(mac).first(kMacBytes), token.mac);
}

}  // namespace strongroom::hsm::replica
