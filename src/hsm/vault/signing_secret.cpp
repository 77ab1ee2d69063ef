#include "hsm/vault/signing_secret.h"

#include <algorithm>
#include <chrono>

#include "crypto/random.h"
#include "crypto/seal.h"
#include "hsm/replica/byte_io.h"
#include "hsm/vault_sealer.h"
#include "secret/secret_vector.h"

namespace strongroom::hsm {
namespace {

constexpr std::string_view kSigningPurpose{"strongroom signing secret v1\0", 29};
constexpr std::size_t kSecretCharacters = 40;
constexpr std::size_t kMaxScopeBytes = 64;
// A presigned request is good for seven days, and clocks differ.
constexpr std::chrono::days kDaysBack{8}, kDaysAhead{1};

Result<Bytes> BoundTerms(const SigningTerms& terms) {
  if (terms.binding.empty() || terms.binding.size() > kMaxSigningBindingBytes || terms.expires_millis < 0)
    return Error(Errc::kInvalidArgument, "A signing secret has a binding of 1 to 1024 bytes, and ends after 1970.");
  Bytes bound;
  replica::PutInteger(bound, static_cast<std::uint64_t>(terms.expires_millis), 8);
  Append(bound, AsBytes(terms.binding));
  return bound;
}

std::optional<std::chrono::sys_days> ReadDay(std::string_view text) {
  if (text.size() != 8 || !std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; })) return std::nullopt;
  const auto number = [&](std::size_t at, std::size_t count) {
    int value = 0;
    for (const char c : text.substr(at, count)) value = value * 10 + (c - '0');
    return value;
  };
  const std::chrono::year_month_day day{std::chrono::year(number(0, 4)),
                                        std::chrono::month(static_cast<unsigned>(number(4, 2))),
                                        std::chrono::day(static_cast<unsigned>(number(6, 2)))};
  if (!day.ok()) return std::nullopt;
  return std::chrono::sys_days(day);
}

Error BadSecret() { return Error(Errc::kBadCiphertext, "The secret does not open."); }

}  // namespace

Result<SecretBuffer> NewSecretAccessKey() {
  SR_TRY(const SecretBuffer random, crypto::RandomSecret(kSecretCharacters));
  return VaultSealer::AsLetters(random);
}

Result<Bytes> SealSigningSecret(const SecretBuffer& material, const SigningTerms& terms, const SecretBuffer& secret,
                                std::string_view claims) {
  if (secret.size() != kSecretCharacters || claims.size() > kMaxSigningClaimBytes)
    return Error(Errc::kInvalidArgument, "A signing secret has 40 characters, its claims at most 16384 bytes.");
  SR_TRY(const Bytes bound, BoundTerms(terms));
  SR_TRY(const SecretBuffer framed, VaultSealer::Between({}, secret, AsBytes(claims)));
  return crypto::SealSecret(material, AsBytes(kSigningPurpose), bound, framed);
}

Result<OpenedSigningSecret> OpenSigningSecret(const SecretBuffer& material, const SigningTerms& terms,
                                              std::string_view sealed) {
  constexpr std::size_t kLeast = crypto::SealedSize(kSecretCharacters);
  if (sealed.size() < kLeast || sealed.size() > kLeast + kMaxSigningClaimBytes) return BadSecret();
  SR_TRY(const Bytes bound, BoundTerms(terms));
  OpenedSigningSecret opened;
  auto secret = SecretBuffer::Produce(
      sealed.size() - crypto::kSealOverheadBytes, [&](std::span<std::uint8_t> room) -> Result<std::size_t> {
        SR_CHECK(crypto::OpenInto(material, AsBytes(kSigningPurpose), bound, AsBytes(sealed), room));
        opened.claims = ToBytes(room.subspan(kSecretCharacters));
        return kSecretCharacters;
      });
  if (!secret.ok()) {
    if (secret.error().code() == Errc::kBadCiphertext) return BadSecret();
    return std::move(secret).error();
  }
  opened.secret = *std::move(secret);
  return opened;
}

Status CheckSigningScope(const crypto::SigningScope& scope, const SigningTerms& terms, std::int64_t now_millis) {
  if (terms.expires_millis != 0 && now_millis >= terms.expires_millis)
    return Error(Errc::kExpiredToken, "The secret has expired.");
  const auto day = ReadDay(scope.date);
  const auto today = std::chrono::floor<std::chrono::days>(
      std::chrono::sys_time<std::chrono::milliseconds>(std::chrono::milliseconds(now_millis)));
  if (!day || *day < today - kDaysBack || *day > today + kDaysAhead)
    return Error(Errc::kInvalidArgument, "A signing key is for a day near today.");
  for (const std::string_view name : {scope.region, scope.service})
    if (name.empty() || name.size() > kMaxScopeBytes)
      return Error(Errc::kInvalidArgument, "A Region and a service have 1 to 64 bytes.");
  return {};
}

}  // namespace strongroom::hsm
