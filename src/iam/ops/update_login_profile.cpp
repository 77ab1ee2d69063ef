// Source: IAM API Reference, "UpdateLoginProfile".
#include "iam/data/passwords.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<PasswordChange> LookBeforeUpdate(Work& work) {
  PasswordChange change;
  SR_TRY(const Entity user, NeedEntity(work, Kind::kUser));
  SR_TRY(auto there, FindLoginProfile(work.t, work.account(), user.id));
  if (!there) return NoSuchLoginProfile(user.name);
  change.profile = *std::move(there);
  SR_TRY(change.policy, ReadPasswordPolicy(work.t, work.account()));
  SR_TRY(change.profile.reset_required, work.in.BoolOr("PasswordResetRequired", change.profile.reset_required));
  return change;
}

Task<Result<aws::Reply>> UpdateLoginProfile(Iam& iam, aws::Call& call) {
  auto actor = std::make_shared<const Actor>(iam, call);
  SR_CO_TRY(PasswordChange change,
            co_await RunFor<PasswordChange>(iam, actor, store::Access::kRead, &LookBeforeUpdate));
  SR_CO_TRY(auto text, call.body.OptionalSecretText("Password"));
  const std::string before = change.profile.password_hash;
  LoginProfile profile = change.profile;
  if (text) {
    auto password = std::make_shared<const SecretBuffer>(*std::move(text));
    SR_CO_TRY(profile, co_await SetPassword(iam, std::move(change), std::move(password)));
  }
  auto write = [profile, before](Work& work) -> Result<aws::Reply> {
    SR_TRY(const PasswordChange now, LookBeforeUpdate(work));
    if (now.profile.user_id != profile.user_id || now.profile.password_hash != before)
      return TemporarilyUnmodifiable("The login profile is being changed by another request.");
    LoginProfile fresh = profile;
    if (profile.password_hash != before) {
      SR_TRY(fresh.changed_at, work.t.NowMillis());
    }
    SR_CHECK(WriteLoginProfile(work, fresh));
    return Done();
  };
  co_return co_await RunFor<aws::Reply>(iam, actor, store::Access::kWrite, std::move(write));
}
}  // namespace

constinit const aws::Operation op::update_login_profile = {.target = "iam.UpdateLoginProfile",
                                                           .iam_action = "iam:UpdateLoginProfile",
                                                           .handler = aws::Bind<Iam, &UpdateLoginProfile>};

}  // namespace strongroom::iam
