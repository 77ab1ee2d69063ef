#include "trail/keeping/digest_key.h"

#include "domain_keys.pb.h"
#include "keys.pb.h"
#include "token_keys.pb.h"
#include "wire/key_token.h"

namespace strongroom::trail {
namespace {

constexpr std::string_view kToken = "audit-digest-token";
constexpr std::string_view kPublicKey = "audit-digest-public-key";
constexpr std::string_view kSpec = "ECC_NIST_P256";

Bytes Binding() { return wire::Encode({"deployment", "audit-digest", "1", kSpec, "SIGN_VERIFY"}); }

struct Kept {
  Bytes token;
  Bytes public_key;
  std::int64_t newest = 0;  // generation of the domain key
};

Result<std::optional<Kept>> Load(store::Transaction& t) {
  SR_TRY(const auto token, t.QueryOne("SELECT value FROM deployment WHERE name = $1", {store::Text(kToken)}));
  SR_TRY(const auto key, LoadDigestPublicKey(t));
  if (!token || !key) return std::optional<Kept>();
  SR_TRY(const auto newest, t.QueryOne("SELECT MAX(generation) FROM domain_keys WHERE dropped_at IS NULL"));
  return std::optional<Kept>(Kept{token->Blob(0), *key, newest ? newest->Int(0) : 0});
}

Status Keep(store::Transaction& t, ByteView token, ByteView public_key) {
  SR_TRY(const auto there, Load(t));
  if (there) return {};
  for (const auto& [name, value] : {std::pair(kToken, token), std::pair(kPublicKey, public_key)}) {
    SR_CHECK(
        t.Execute("INSERT INTO deployment (name, value) VALUES ($1, $2)", {store::Text(name), store::Blob(value)}));
  }
  return {};
}

}  // namespace

Result<std::optional<Bytes>> LoadDigestPublicKey(store::Transaction& t) {
  SR_TRY(const auto row, t.QueryOne("SELECT value FROM deployment WHERE name = $1", {store::Text(kPublicKey)}));
  if (!row) return std::optional<Bytes>();
  return std::optional<Bytes>(row->Blob(0));
}

DigestKey::DigestKey(store::Database& database, std::shared_ptr<hsm_client::ClusterClient> hsms)
    : database_(database), hsms_(std::move(hsms)) {}

Task<Result<Bytes>> DigestKey::Ensure() {
  auto load = [](store::Transaction& t) { return Load(t); };
  SR_CO_TRY(auto kept, co_await database_.RunRead(load));
  if (!kept) {
    proto::CreateTokenRequest request;
    request.set_binding(std::string(AsText(Binding())));
    request.set_spec(std::string(kSpec));
    auto made = co_await hsms_->Call<proto::CreateTokenReply>(wire::Command::kCreateToken, request);
    if (!made.ok()) co_return std::move(made).error();
    auto keep = [token = ToBytes(AsBytes(made->reply.token())), key = ToBytes(AsBytes(made->reply.public_key()))](
                    store::Transaction& t) { return Keep(t, token, key); };
    SR_CO_CHECK(co_await database_.Run(std::move(keep)));
    auto again = [](store::Transaction& t) { return Load(t); };
    SR_CO_TRY(kept, co_await database_.RunRead(again));
    if (!kept) co_return Error(Errc::kCorrupted, "The key that signs digests of the audit trail is missing.");
  }
  co_return std::move(kept->public_key);
}

Task<Result<Bytes>> DigestKey::Sign(Bytes message) {
  auto load = [](store::Transaction& t) { return Load(t); };
  SR_CO_TRY(auto kept, co_await database_.RunRead(load));
  if (!kept) co_return Error(Errc::kNotFound, "There is no key that signs digests of the audit trail.");
  const std::int64_t generation = wire::KeyTokenGeneration(kept->token).value_or(0);
  if (generation < kept->newest) {
    proto::RewrapTokenRequest request;
    request.mutable_key()->set_token(std::string(AsText(kept->token)));
    request.mutable_key()->set_binding(std::string(AsText(Binding())));
    auto fresh = co_await hsms_->Call<proto::RewrapTokenReply>(wire::Command::kRewrapToken, request);
    if (!fresh.ok()) co_return std::move(fresh).error();
    auto replace = [old = kept->token,
                    token = ToBytes(AsBytes(fresh->reply.token()))](store::Transaction& t) -> Status {
      SR_CHECK(t.Execute("UPDATE deployment SET value = $2 WHERE name = $1 AND value = $3",
                         {store::Text(kToken), store::Blob(token), store::Blob(old)}));
      return {};
    };
    SR_CO_CHECK(co_await database_.Run(std::move(replace)));
    kept->token = ToBytes(AsBytes(fresh->reply.token()));
  }
  proto::SignRequest request;
  request.mutable_key()->set_token(std::string(AsText(kept->token)));
  request.mutable_key()->set_binding(std::string(AsText(Binding())));
  request.set_algorithm("ECDSA_SHA_256");
  request.set_message_type("RAW");
  std::vector<SecretBuffer> segments;
  SR_CO_TRY(SecretBuffer segment, SecretBuffer::CopyOf(message));
  segments.push_back(std::move(segment));
  auto answer = co_await hsms_->Call<proto::SignReply>(wire::Command::kSign, request, std::move(segments));
  if (!answer.ok()) co_return std::move(answer).error();
  co_return ToBytes(AsBytes(answer->reply.signature()));
}

}  // namespace strongroom::trail
