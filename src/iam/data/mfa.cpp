#include "iam/data/mfa.h"

#include "crypto/totp.h"

namespace strongroom::iam {
namespace {
using store::Text;

constexpr std::int64_t kUsualReach = 1;

Result<std::vector<MfaDevice>> SelectDevices(store::Transaction& t, std::string_view where,
                                             std::initializer_list<store::Value> values) {
  SR_TRY(
      const store::Rows rows,
      t.Query(fmt::format("SELECT account_id, serial_number, sealed_seed, user_id, created_at, enabled_at, last_step, "
                          "drift FROM iam_mfa_devices WHERE {} ORDER BY serial_number",
                          where),
              values));
  std::vector<MfaDevice> devices;
  for (const store::Row& row : rows) {
    devices.push_back(
        {row.Text(0), row.Text(1), row.Blob(2), row.Text(3), row.Int(4), row.OptionalInt(5), row.Int(6), row.Int(7)});
  }
  return devices;
}

std::int64_t StepOf(ports::WallTime time) {
  return std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count() / crypto::kTotpStepSeconds;
}

Error CodeRefused() {
  return Error(Errc::kAccessDenied, "MultiFactorAuthentication failed with invalid MFA one time pass code. ");
}

Task<Result<SecretBuffer>> OpenSeed(ports::Sealer& sealer, const MfaDevice& device) {
  std::string purpose(kMfaSeedPurpose);
  co_return co_await sealer.Open(std::move(purpose), device.serial_number, device.sealed_seed);
}
}  // namespace

Result<std::optional<MfaDevice>> FindMfaDevice(store::Transaction& t, std::string_view account,
                                               std::string_view serial_number) {
  SR_TRY(auto found, SelectDevices(t, "account_id = $1 AND serial_number = $2", {Text(account), Text(serial_number)}));
  if (found.empty()) return std::optional<MfaDevice>();
  return std::optional<MfaDevice>(std::move(found.front()));
}

Result<std::vector<MfaDevice>> ListMfaOfAccount(store::Transaction& t, std::string_view account) {
  return SelectDevices(t, "account_id = $1", {Text(account)});
}

Result<std::vector<MfaDevice>> ListMfaOfUser(store::Transaction& t, std::string_view account,
                                             std::string_view user_id) {
  return SelectDevices(t, "account_id = $1 AND user_id = $2", {Text(account), Text(user_id)});
}

Error NoSuchMfaDevice(std::string_view serial_number) {
  return Error(Errc::kNotFound, fmt::format("VirtualMFADevice with serial number {} doesn't exist.", serial_number));
}

Result<MfaDevice> NeedMfaDevice(Work& work) {
  SR_TRY(const std::string serial, work.in.RequiredString("SerialNumber"));
  SR_TRY(auto found, FindMfaDevice(work.t, work.account(), serial));
  if (found) SR_CHECK(NoteResourceTags(work, serial));
  SR_CHECK(work.Authorize(serial));
  if (!found) return NoSuchMfaDevice(serial);
  return *std::move(found);
}

Result<UsersDevice> NeedUsersDevice(Work& work) {
  UsersDevice found;
  SR_TRY(found.user, NeedEntity(work, Kind::kUser, NameMember::kOrCaller));
  SR_TRY(const std::string serial, work.in.RequiredString("SerialNumber"));
  SR_TRY(auto device, FindMfaDevice(work.t, work.account(), serial));
  if (!device || device->user_id != found.user.id) {
    return Error(Errc::kNotFound,
                 fmt::format("MFA Device with serial number {} is not enabled for user {}.", serial, found.user.name));
  }
  found.device = *std::move(device);
  return found;
}

Status SaveMfaDevice(Work& work, const MfaDevice& device) {
  SR_CHECK(
      work.t.Execute("UPDATE iam_mfa_devices SET user_id = $1, enabled_at = $2, last_step = $3, drift = $4 "
                     "WHERE account_id = $5 AND serial_number = $6",
                     {Text(device.user_id), store::OrNull(device.enabled_at), device.last_step, device.drift,
                      Text(device.account), Text(device.serial_number)}));
  return {};
}

Task<Result<MfaClock>> MatchTwoCodes(ports::Sealer& sealer, MfaDevice device, std::string first, std::string second,
                                     ports::WallTime now, std::int64_t reach) {
  SR_CO_TRY(const SecretBuffer seed, co_await OpenSeed(sealer, device));
  const std::int64_t step = StepOf(now);
  // A code may come up twice within reach, so that the first match need not be the right one.
  for (std::int64_t from = step - reach; from <= step + reach;) {
    const auto found = crypto::FindTotpStep(seed, first, from, step + reach);
    if (!found) break;
    if (crypto::FindTotpStep(seed, second, *found + 1, *found + 1)) co_return MfaClock{*found + 1, *found + 1 - step};
    from = *found + 1;
  }
  co_return WrongAuthenticationCode("Authentication code for device is not valid");
}

Task<Status> UseMfaCode(store::Database& database, ports::Sealer& sealer, std::string account, std::string user_id,
                        std::string serial_number, std::string code, ports::WallTime now) {
  auto look = [account, serial_number](store::Transaction& t) { return FindMfaDevice(t, account, serial_number); };
  SR_CO_TRY(const auto device, co_await database.RunRead(std::move(look)));
  if (!device || user_id.empty() || device->user_id != user_id) co_return CodeRefused();
  SR_CO_TRY(const SecretBuffer seed, co_await OpenSeed(sealer, *device));
  const std::int64_t expected = StepOf(now) + device->drift;
  const std::int64_t from = std::max(expected - kUsualReach, device->last_step + 1);
  const auto step = crypto::FindTotpStep(seed, code, from, expected + kUsualReach);
  if (!step) co_return CodeRefused();
  auto take = [account, serial_number, user_id, used = *step](store::Transaction& t) -> Status {
    SR_TRY(const std::int64_t taken, t.Execute("UPDATE iam_mfa_devices SET last_step = $1 WHERE account_id = $2 AND "
                                               "serial_number = $3 AND user_id = $4 AND last_step < $1",
                                               {used, Text(account), Text(serial_number), Text(user_id)}));
    if (taken == 0) return CodeRefused();
    return {};
  };
  co_return co_await database.Run(std::move(take));
}

}  // namespace strongroom::iam
