#include <sodium.h>

#include "base/log.h"
#include "kms/keystore/custom_stores.h"

namespace strongroom::kms {
namespace {

/// Two attempts at most, and then a lease must still be left to write the passwords down, which renews it.
constexpr std::chrono::seconds kConnectTimeout{12};
static_assert(2 * kConnectTimeout < CustomStores::kLease);

/// 32 letters and digits, what a kmsuser password may be.
Result<SecretBuffer> NewPassword() {
  static constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  return SecretBuffer::Produce(32, [](std::span<std::uint8_t> room) {
    for (std::uint8_t& c : room)
      c = static_cast<std::uint8_t>(kAlphabet[::randombytes_uniform(static_cast<std::uint32_t>(kAlphabet.size()))]);
    return room.size();
  });
}

}  // namespace

std::string ConnectionErrorCode(const Error& error) {
  switch (error.code()) {
    case Errc::kLoginFailed: return "INVALID_CREDENTIALS";
    case Errc::kUserNotFound: return "USER_NOT_FOUND";
    case Errc::kUserLocked: return "USER_LOCKED_OUT";
    case Errc::kUserBusy: return "USER_LOGGED_IN";
    case Errc::kUnavailable:
    case Errc::kUntrusted:
    case Errc::kTimeout: return "NETWORK_ERRORS";
    default: return "INTERNAL_ERROR";
  }
}

Task<Result<CustomStores::Outcome>> CustomStores::Connect(CustomStoreRow row) {
  if (row.external()) co_return co_await ConnectProxy(std::move(row));
  const auto failed = [](std::string code) { return Outcome{std::optional<std::string>(std::move(code))}; };
  SR_CO_TRY(auto cluster, co_await parts_.clusters.Find(row.account, row.region, row.cluster_id));
  if (!cluster) co_return failed("CLUSTER_NOT_FOUND");
  if (cluster->active_hsms() == 0) co_return failed("INSUFFICIENT_CLOUDHSM_HSMS");

  // One connection to one HSM: the rotation must not meet our own other sessions.
  const std::vector<Loop*> one_loop{parts_.loops[0]};
  std::shared_ptr<hsm_client::ClusterClient> client;
  SecretBuffer working;
  Status reached;
  // What is in force, if an earlier attempt ended between changing the password and writing that down, is one of two.
  std::vector<Bytes> candidates{row.sealed_password};
  if (row.sealed_previous) candidates.push_back(*row.sealed_previous);
  for (const Bytes& sealed : candidates) {
    SR_CO_TRY(SecretBuffer password, co_await parts_.sealer.Open("kmsuser", row.store_id, sealed));
    SR_CO_TRY(working, password.Clone());
    SR_CO_TRY(client, MakeClient(row, *cluster, std::move(password), one_loop));
    std::function<void()> close = [client] { client->Close(); };
    const Background::Cut cut(parts_.background, std::move(close));
    reached = co_await client->Probe(hsm_client::Clock::now() + kConnectTimeout);
    if (reached.ok()) break;
    client->Close();
    if (reached.error().code() != Errc::kLoginFailed) break;
  }
  if (!reached.ok()) {
    if (reached.error().code() == Errc::kCancelled) co_return reached.error();
    LogError("custom key store " + row.store_id + ": reaching cluster " + row.cluster_id, reached.error());
    co_return failed(ConnectionErrorCode(reached.error()));
  }
  std::function<void()> close = [client] { client->Close(); };
  const Background::Cut cut(parts_.background, std::move(close));
  const Status rotated = co_await Rotate(row, client, std::move(working));
  client->Close();
  if (!rotated.ok()) {
    if (rotated.error().code() == Errc::kCancelled) co_return rotated.error();
    LogError("custom key store " + row.store_id + ": rotating kmsuser's password", rotated.error());
    co_return failed(ConnectionErrorCode(rotated.error()));
  }
  co_return Outcome{};
}

Task<Status> CustomStores::Rotate(CustomStoreRow row, std::shared_ptr<hsm_client::ClusterClient> client,
                                  SecretBuffer working) {
  SR_CO_TRY(SecretBuffer fresh, NewPassword());
  SR_CO_TRY(SecretBuffer to_seal, fresh.Clone());
  SR_CO_TRY(const Bytes sealed_fresh, co_await parts_.sealer.Seal("kmsuser", row.store_id, std::move(to_seal)));
  SR_CO_TRY(const Bytes sealed_working, co_await parts_.sealer.Seal("kmsuser", row.store_id, std::move(working)));
  // Both are written down before the change, so that a crash in between can be recovered from.
  std::optional<Bytes> previous(sealed_working);
  SR_CO_CHECK(co_await SavePasswords(row, sealed_fresh, std::move(previous)));
  proto::ChangePasswordRequest request;
  request.set_type(proto::CU);
  request.set_name("kmsuser");
  std::vector<SecretBuffer> segments;
  segments.push_back(std::move(fresh));
  auto changed = co_await client->Call(wire::Command::kChangePassword, request, std::move(segments));
  if (!changed.ok()) {
    const Errc code = changed.error().code();
    const bool perhaps = code == Errc::kUnavailable || code == Errc::kTimeout || code == Errc::kCancelled;
    if (!perhaps) {
      std::optional<Bytes> none;
      SR_CO_CHECK(co_await SavePasswords(row, sealed_working, std::move(none)));
    }
    co_return std::move(changed).error();
  }
  std::optional<Bytes> none;
  co_return co_await SavePasswords(row, sealed_fresh, std::move(none));
}

Task<Status> CustomStores::SavePasswords(CustomStoreRow row, Bytes current, std::optional<Bytes> previous) {
  auto save = [row, current, previous](store::Transaction& t) -> Status {
    SR_TRY(auto now, LoadCustomStore(t, row.account, row.region, row.store_id));
    if (!now || now->attempt_id != row.attempt_id || now->state != ConnectionState::kConnecting)
      return Error(Errc::kCancelled, "The connection attempt was ended by another request.");
    now->sealed_password = current;
    now->sealed_previous = previous;
    SR_TRY(const std::int64_t millis, t.NowMillis());
    now->lease_until = millis + std::chrono::milliseconds(kLease).count();
    return UpdateCustomStore(t, *now);
  };
  co_return co_await parts_.database.Run(std::move(save));
}

}  // namespace strongroom::kms
