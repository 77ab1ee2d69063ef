// Source: IAM API Reference, "EnableMFADevice".
#include "iam/data/mfa.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
/// A new device's clock may be off by five minutes.
constexpr std::int64_t kReachOfNew = 10;

Result<UsersDevice> DeviceToEnable(Work& work) {
  UsersDevice found;
  SR_TRY(found.user, NeedEntity(work, Kind::kUser));
  SR_TRY(const std::string serial, work.in.RequiredString("SerialNumber"));
  SR_TRY(auto device, FindMfaDevice(work.t, work.account(), serial));
  if (!device) return NoSuchMfaDevice(serial);
  if (!device->user_id.empty()) return Error(Errc::kAlreadyExists, "MFA Device is already in use.");
  SR_TRY(const auto others, ListMfaOfUser(work.t, work.account(), found.user.id));
  if (static_cast<std::int64_t>(others.size()) >= work.limits.mfa_devices_per_user)
    return QuotaExceeded("MFADevicesPerUser", work.limits.mfa_devices_per_user);
  found.device = *std::move(device);
  return found;
}

Task<Result<aws::Reply>> EnableMfaDevice(Iam& iam, aws::Call& call) {
  auto actor = std::make_shared<const Actor>(iam, call);
  SR_CO_TRY(UsersDevice found, co_await RunFor<UsersDevice>(iam, actor, store::Access::kRead, &DeviceToEnable));
  SR_CO_TRY(std::string first, call.body.RequiredString("AuthenticationCode1"));
  SR_CO_TRY(std::string second, call.body.RequiredString("AuthenticationCode2"));
  SR_CO_TRY(const MfaClock clock, co_await MatchTwoCodes(iam.sealer(), found.device, std::move(first),
                                                         std::move(second), call.time, kReachOfNew));
  auto write = [clock, id = found.user.id](Work& work) -> Result<aws::Reply> {
    SR_TRY(UsersDevice now, DeviceToEnable(work));
    if (now.user.id != id) return NoSuchEntity(Kind::kUser, now.user.name);
    now.device.user_id = id;
    SR_TRY(now.device.enabled_at, work.t.NowMillis());
    SR_CHECK(SaveMfaOwner(work, now.device));
    SR_CHECK(SetMfaClock(work, now.device, clock));
    return Done();
  };
  co_return co_await RunFor<aws::Reply>(iam, actor, store::Access::kWrite, std::move(write));
}
}  // namespace

constinit const aws::Operation op::enable_mfa_device = {
    .target = "iam.EnableMFADevice", .iam_action = "iam:EnableMFADevice", .handler = aws::Bind<Iam, &EnableMfaDevice>};

}  // namespace strongroom::iam
