#include "iam/data/mfa.h"

#include "crypto/totp.h"
#include "iam/page.h"

namespace strongroom::iam {
namespace {
using store::Text;

constexpr std::int64_t kUsualReach = 1;

Result<std::vector<MfaDevice>> SelectDevices(store::Transaction& t, std::string_view where,
                                             std::initializer_list<store::Value> values) {
  SR_TRY(
      const store::Rows rows,
      t.Query(fmt::format("SELECT account_id, serial_number, sealed_seed, user_id, created_at, enabled_at, last_step, "
                          "drift, failures, failed_at FROM iam_mfa_devices WHERE {} ORDER BY serial_number",
                          where),
              values));
  std::vector<MfaDevice> devices;
  for (const store::Row& row : rows) {
    devices.push_back({row.Text(0), row.Text(1), row.Blob(2), row.Text(3), row.Int(4), row.OptionalInt(5), row.Int(6),
                       row.Int(7), row.Int(8), row.Int(9)});
  }
  return devices;
}

std::int64_t StepOf(ports::WallTime time) {
  return std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count() / crypto::kTotpStepSeconds;
}

Error CodesRefused() { return WrongAuthenticationCode("Authentication code for device is not valid"); }

Error CodeRefused() {
  return Error(Errc::kAccessDenied, "MultiFactorAuthentication failed with invalid MFA one time pass code. ");
}

Error CodesExhausted(std::chrono::seconds wait) {
  return Error(
      Errc::kAccessDenied,
      fmt::format("MultiFactorAuthentication failed: after too many invalid MFA one time pass codes the device "
                  "takes none for {} seconds.",
                  wait.count()));
}

/// The user's device, with one more failure than before: that of the code which comes now, until it proves right.
Result<MfaDevice> CountAttempt(store::Transaction& t, std::string_view account, std::string_view user_id,
                               std::string_view serial_number, std::int64_t now_millis) {
  SR_TRY(auto device, FindMfaDevice(t, account, serial_number));
  if (!device || user_id.empty() || device->user_id != user_id) return CodeRefused();
  const std::chrono::milliseconds until = std::chrono::milliseconds(device->failed_at) + MfaWaitAfter(device->failures);
  if (const auto wait = until - std::chrono::milliseconds(now_millis); device->failures > 0 && wait.count() > 0)
    return CodesExhausted(std::chrono::ceil<std::chrono::seconds>(wait));
  SR_CHECK(
      t.Execute("UPDATE iam_mfa_devices SET failures = failures + 1, failed_at = $1 WHERE account_id = $2 AND "
                "serial_number = $3",
                {now_millis, Text(account), Text(serial_number)}));
  return *std::move(device);
}

/// For an attempt that was none: nobody has looked at the code.
Status UncountAttempt(store::Transaction& t, const MfaDevice& device) {
  SR_CHECK(
      t.Execute("UPDATE iam_mfa_devices SET failures = failures - 1 WHERE account_id = $1 AND serial_number = $2 AND "
                "failures > 0",
                {Text(device.account), Text(device.serial_number)}));
  return {};
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

Status SaveMfaOwner(Work& work, const MfaDevice& device) {
  SR_CHECK(work.t.Execute(
      "UPDATE iam_mfa_devices SET user_id = $1, enabled_at = $2 WHERE account_id = $3 AND "
      "serial_number = $4",
      {Text(device.user_id), store::OrNull(device.enabled_at), Text(device.account), Text(device.serial_number)}));
  return {};
}

Status SetMfaClock(Work& work, const MfaDevice& device, const MfaClock& clock) {
  SR_TRY(const std::int64_t written,
         work.t.Execute("UPDATE iam_mfa_devices SET last_step = $1, drift = $2, failures = 0, failed_at = 0 WHERE "
                        "account_id = $3 AND serial_number = $4 AND last_step < $1",
                        {clock.last_step, clock.drift, Text(device.account), Text(device.serial_number)}));
  if (written == 0) return CodesRefused();
  return {};
}

Status CutMfaPage(const Work& work, std::vector<MfaDevice>& devices, aws::Reply& reply) {
  const std::size_t prefix = IamArn(work.account(), "mfa", "/", "").size() - 1;
  return CutPage(
      work, devices, [prefix](const MfaDevice& one) { return one.serial_number.substr(prefix); }, reply);
}

std::chrono::seconds MfaWaitAfter(std::int64_t failures) {
  constexpr std::int64_t kFree = 5, kMostDoublings = 12;
  constexpr std::chrono::seconds kFirst{30}, kLongest{std::chrono::days(1)};
  if (failures < kFree) return std::chrono::seconds(0);
  return std::min(kFirst * (std::int64_t{1} << std::min(failures - kFree, kMostDoublings)), kLongest);
}

Task<Result<MfaDevice>> BeginMfaAttempt(store::Database& database, std::string account, std::string user_id,
                                        std::string serial_number, ports::WallTime now) {
  const std::int64_t now_millis = std::chrono::floor<std::chrono::milliseconds>(now.time_since_epoch()).count();
  auto count = [account = std::move(account), user_id = std::move(user_id), serial_number = std::move(serial_number),
                now_millis](store::Transaction& t) {
    return CountAttempt(t, account, user_id, serial_number, now_millis);
  };
  co_return co_await database.Run(std::move(count));
}

Task<Status> CancelMfaAttempt(store::Database& database, MfaDevice device) {
  auto uncount = [device = std::move(device)](store::Transaction& t) { return UncountAttempt(t, device); };
  co_return co_await database.Run(std::move(uncount));
}

Task<Result<MfaClock>> MatchTwoCodes(ports::Sealer& sealer, MfaDevice device, std::string first, std::string second,
                                     ports::WallTime now, std::int64_t reach) {
  SR_CO_TRY(const SecretBuffer seed, co_await OpenSeed(sealer, device));
  const std::int64_t step = StepOf(now);
  // A code may come up twice within reach, so that the first match need not be the right one.
  for (std::int64_t from = std::max(step - reach, device.last_step + 1); from <= step + reach;) {
    const auto found = crypto::FindTotpStep(seed, first, from, step + reach);
    if (!found) break;
    if (crypto::FindTotpStep(seed, second, *found + 1, *found + 1)) co_return MfaClock{*found + 1, *found + 1 - step};
    from = *found + 1;
  }
  co_return CodesRefused();
}

Task<Status> UseMfaCode(store::Database& database, ports::Sealer& sealer, std::string account, std::string user_id,
                        std::string serial_number, std::string code, ports::WallTime now) {
  SR_CO_TRY(const MfaDevice device, co_await BeginMfaAttempt(database, account, user_id, serial_number, now));
  auto seed = co_await OpenSeed(sealer, device);
  if (!seed.ok()) {
    SR_CO_CHECK(co_await CancelMfaAttempt(database, device));
    co_return std::move(seed).error();
  }
  const std::int64_t expected = StepOf(now) + device.drift;
  const std::int64_t from = std::max(expected - kUsualReach, device.last_step + 1);
  const auto step = crypto::FindTotpStep(*seed, code, from, expected + kUsualReach);
  if (!step) co_return CodeRefused();
  auto take = [account, serial_number, user_id, used = *step](store::Transaction& t) -> Status {
    SR_TRY(const std::int64_t taken,
           t.Execute("UPDATE iam_mfa_devices SET last_step = $1, failures = 0, failed_at = 0 WHERE account_id = $2 "
                     "AND serial_number = $3 AND user_id = $4 AND last_step < $1",
                     {used, Text(account), Text(serial_number), Text(user_id)}));
    if (taken == 0) return CodeRefused();
    return {};
  };
  co_return co_await database.Run(std::move(take));
}

}  // namespace strongroom::iam
