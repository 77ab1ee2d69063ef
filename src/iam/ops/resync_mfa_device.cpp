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
  SR_CO_TRY(const MfaClock clock, co_await MatchTwoCodes(iam.sealer(), found.device, std::move(first),
                                                         std::move(second), call.time, kReachOfLost));
  auto write = [clock](Work& work) -> Result<aws::Reply> {
    SR_TRY(UsersDevice now, NeedUsersDevice(work));
    now.device.last_step = clock.last_step;
    now.device.drift = clock.drift;
    SR_CHECK(SaveMfaDevice(work, now.device));
    return Done();
  };
  co_return co_await RunFor<aws::Reply>(iam, actor, store::Access::kWrite, std::move(write));
}
}  // namespace

constinit const aws::Operation op::resync_mfa_device = {
    .target = "iam.ResyncMFADevice", .iam_action = "iam:ResyncMFADevice", .handler = aws::Bind<Iam, &ResyncMfaDevice>};

}  // namespace strongroom::iam
