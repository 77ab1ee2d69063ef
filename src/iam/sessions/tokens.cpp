#include "iam/sessions/tokens.h"

#include <algorithm>

#include "base/log.h"
#include "crypto/hash.h"
#include "crypto/random.h"
#include "iam/key_ids.h"

namespace strongroom::iam {
namespace {

constexpr std::string_view kGuardRow = "session-guard", kGuardPurpose = "session-guard", kGuardName = "1";
constexpr std::size_t kGuardKeyBytes = 32, kGuardBytes = 16;
constexpr std::string_view kTokenMagic{"SRK\1\1", 5};  // with version and key
constexpr std::string_view kGuardText{"strongroom session token v1\0", 28};
constexpr std::size_t kMaxTokenCharacters = 8 * 1024;

Error NotOurs() { return Error(Errc::kUnrecognizedClient, "The security token included in the request is invalid."); }

Bytes HeadOf(std::string_view access_key_id, std::int64_t expires_millis) {
  Bytes head = ToBytes(AsBytes(kTokenMagic));
  head.push_back(static_cast<std::uint8_t>(access_key_id.size()));
  Append(head, AsBytes(access_key_id));
  for (int shift = 56; shift >= 0; shift -= 8) head.push_back(static_cast<std::uint8_t>(expires_millis >> shift));
  return head;
}

std::int64_t EpochMillis(ports::WallTime time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

}  // namespace

struct SessionTokens::Parts {
  Bytes head, sealed;
  ports::WallTime expires_at;
};

Task<Status> SessionTokens::Start() {
  auto read = [](store::Transaction& t) -> Result<Bytes> {
    SR_TRY(const auto row, t.QueryOne("SELECT value FROM deployment WHERE name = $1", {store::Text(kGuardRow)}));
    return row ? row->Blob(0) : Bytes();
  };
  SR_CO_TRY(Bytes sealed, co_await database_.RunRead(read));
  if (sealed.empty()) {
    SR_CO_TRY(SecretBuffer fresh, crypto::RandomSecret(kGuardKeyBytes));
    SR_CO_TRY(Bytes made, co_await sealer_.Seal(std::string(kGuardPurpose), std::string(kGuardName), std::move(fresh)));
    // The first front end's wins; all use it.
    auto keep = [made = std::move(made), read](store::Transaction& t) -> Result<Bytes> {
      SR_CHECK(t.Execute("INSERT INTO deployment (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
                         {store::Text(kGuardRow), store::Blob(made)}));
      return read(t);
    };
    SR_CO_TRY(sealed, co_await database_.Run(std::move(keep)));
  }
  SR_CO_TRY(SecretBuffer key,
            co_await sealer_.Open(std::string(kGuardPurpose), std::string(kGuardName), std::move(sealed)));
  guard_key_ = std::make_shared<const SecretBuffer>(std::move(key));
  co_return Status();
}

Bytes SessionTokens::Guard(ByteView head, ByteView sealed) const {
  const crypto::Sha256Digest mac = crypto::HmacSha256(*guard_key_, {AsBytes(kGuardText), head, sealed});
  return ToBytes(ByteView(mac).first(kGuardBytes));
}

Task<Result<SessionTokens::Minted>> SessionTokens::Mint(proto::SessionClaims claims, ports::WallTime expires_at) {
  if (!guard_key_) co_return Error(Errc::kUnavailable, "Session tokens cannot be made yet.");
  Bytes claim_bytes = ToBytes(AsBytes(claims.SerializeAsString()));
  if (claim_bytes.size() > kMaxSessionClaimBytes)
    co_return Error(Errc::kLimitExceeded, "Packed size of session tags and policies exceeds the limit.");
  Minted minted;
  minted.access_key_id = NewAccessKeyId("ASIA", claims.account());
  minted.expires_at = std::chrono::floor<std::chrono::seconds>(expires_at);
  const Bytes head = HeadOf(minted.access_key_id, EpochMillis(minted.expires_at));
  ports::SigningSecrets::Terms terms{std::string(AsText(head)), EpochMillis(minted.expires_at)};
  SR_CO_TRY(ports::SigningSecrets::Made made, co_await secrets_.Make(std::move(terms), std::move(claim_bytes)));
  Bytes token = head;
  Append(token, Guard(head, made.sealed));
  Append(token, made.sealed);
  minted.token = Base64(token);
  minted.secret = std::move(made.secret);
  co_return minted;
}

std::optional<SessionTokens::Parts> SessionTokens::TakeApart(std::string_view access_key_id,
                                                             std::string_view token) const {
  if (!guard_key_ || token.size() > kMaxTokenCharacters || access_key_id.size() > 128) return std::nullopt;
  const auto bytes = FromBase64(token);
  const std::size_t head_bytes = kTokenMagic.size() + 1 + access_key_id.size() + 8;
  if (!bytes.ok() || bytes->size() <= head_bytes + kGuardBytes) return std::nullopt;
  const ByteView all(*bytes), head = all.first(head_bytes), sealed = all.subspan(head_bytes + kGuardBytes);
  std::uint64_t millis = 0;
  for (const std::uint8_t byte : head.last(8)) millis = millis << 8 | byte;
  if (!std::ranges::equal(head, HeadOf(access_key_id, static_cast<std::int64_t>(millis)))) return std::nullopt;
  if (!crypto::ConstantTimeEqual(Guard(head, sealed), all.subspan(head_bytes, kGuardBytes))) return std::nullopt;
  return Parts{ToBytes(head), ToBytes(sealed),
               ports::WallTime(std::chrono::milliseconds(static_cast<std::int64_t>(millis)))};
}

ports::SigningKeySource::Token SessionTokens::Judge(std::string_view access_key_id, std::string_view token,
                                                    ports::WallTime now) const {
  using Token = ports::SigningKeySource::Token;
  const auto parts = TakeApart(access_key_id, token);
  if (!parts) return Token::kForeign;
  return parts->expires_at <= now ? Token::kExpired : Token::kWorthOpening;
}

Task<Result<SessionTokens::Opened>> SessionTokens::Open(ports::WantedKey wanted) {
  auto parts = TakeApart(wanted.access_key_id, wanted.session_token);
  if (!parts) co_return NotOurs();
  ports::SigningSecrets::Terms terms{std::string(AsText(parts->head)), EpochMillis(parts->expires_at)};
  auto derived = co_await secrets_.Derive(std::move(terms), std::move(parts->sealed), std::move(wanted.date),
                                          std::move(wanted.region), std::move(wanted.service));
  if (!derived.ok()) {
    if (derived.error().code() != Errc::kBadCiphertext) co_return std::move(derived).error();
    LogError("iam: a session token with a right guard does not open", derived.error());
    co_return NotOurs();
  }
  Opened opened;
  if (!opened.claims.ParseFromArray(derived->claims.data(), static_cast<int>(derived->claims.size())))
    co_return NotOurs();
  opened.expires_at = parts->expires_at;
  opened.signing_key = std::move(derived->signing_key);
  co_return opened;
}

}  // namespace strongroom::iam
