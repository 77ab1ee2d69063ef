// Source: IAM API Reference, "ResyncMFADevice".
#include "iam/data/mfa.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
/// A day, either way.
constexpr std::int64_t kReachOfLost = 2880;

Task<Result<aws::Reply>> ResyncMfaDevice(Iam& iam, aws::Call& call) {
  auto actor = std::make_shared<const Actor>(iam, call);
  SR_CO_TRY(UsersDevice found, co_await RunFor<UsersDevice>(iam, actor, store::Access::kRead, &NeedUsersDevice));
  SR_CO_TRY(std::string first, call.body.RequiredString("AuthenticationCode1"));
  SR_CO_TRY(std::string second, call.body.RequiredString("AuthenticationCode2"));
  // Of so many codes two guessed ones may be right, so that they are counted as single ones are.
  std::string account = found.user.account, user_id = found.user.id, serial = found.device.serial_number;
  SR_CO_TRY(MfaDevice device, co_await BeginMfaAttempt(iam.database(), std::move(account), std::move(user_id),
                                                       std::move(serial), call.time));
  auto clock =
      co_await MatchTwoCodes(iam.sealer(), device, std::move(first), std::move(second), call.time, kReachOfLost);
  if (!clock.ok()) {
    if (clock.error().code() != Errc::kBadMac)
      SR_CO_CHECK(co_await CancelMfaAttempt(iam.database(), std::move(device)));
    co_return std::move(clock).error();
  }
  auto write = [clock = *clock](Work& work) -> Result<aws::Reply> {
    SR_TRY(const UsersDevice now, NeedUsersDevice(work));
    SR_CHECK(SetMfaClock(work, now.device, clock));
    return Done();
  };
  co_return co_await RunFor<aws::Reply>(iam, actor, store::Access::kWrite, std::move(write));
}
}  // namespace

constinit const aws::Operation op::resync_mfa_device = {
    .target = "iam.ResyncMFADevice", .iam_action = "iam:ResyncMFADevice", .handler = aws::Bind<Iam, &ResyncMfaDevice>};

}  // namespace strongroom::iam
