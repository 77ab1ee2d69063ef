// Source: IAM API Reference, "ChangePassword".
#include "iam/data/passwords.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<PasswordChange> LookBeforeChange(Work& work) {
  if (work.caller().kind != ports::PrincipalKind::kUser)
    return InvalidUserType("Only IAM Users can change their own password.");
  PasswordChange change;
  SR_TRY(change.policy, ReadPasswordPolicy(work.t, work.account()));
  // The account's policy can allow it to everyone; else the user's own policies decide.
  SR_TRY(const auto user, FindEntity(work.t, work.account(), Kind::kUser, work.caller().user_name));
  if (!user) return NoSuchEntity(Kind::kUser, work.caller().user_name);
  if (!change.policy || !change.policy->users_may_change) SR_CHECK(work.Authorize(user->Arn()));
  SR_TRY(auto there, FindLoginProfile(work.t, work.account(), user->id));
  if (!there) return NoSuchLoginProfile(user->name);
  change.profile = *std::move(there);
  return change;
}

Task<Result<aws::Reply>> ChangePassword(Iam& iam, aws::Call& call) {
  auto actor = std::make_shared<const Actor>(iam, call);
  SR_CO_TRY(PasswordChange change,
            co_await RunFor<PasswordChange>(iam, actor, store::Access::kRead, &LookBeforeChange));
  SR_CO_TRY(SecretBuffer old_text, call.body.RequiredSecretText("OldPassword"));
  SR_CO_TRY(SecretBuffer new_text, call.body.RequiredSecretText("NewPassword"));
  auto old_password = std::make_shared<const SecretBuffer>(std::move(old_text));
  auto new_password = std::make_shared<const SecretBuffer>(std::move(new_text));
  const std::string before = change.profile.password_hash;
  const bool right = co_await IsPassword(iam, change.profile, std::move(old_password));
  if (!right) co_return Error(Errc::kAccessDenied, "The old password is not correct.");
  SR_CO_TRY(LoginProfile profile, co_await SetPassword(iam, std::move(change), std::move(new_password)));
  profile.reset_required = false;
  auto write = [profile, before](Work& work) -> Result<aws::Reply> {
    SR_TRY(const PasswordChange now, LookBeforeChange(work));
    if (now.profile.user_id != profile.user_id || now.profile.password_hash != before)
      return TemporarilyUnmodifiable("The login profile is being changed by another request.");
    LoginProfile fresh = profile;
    SR_TRY(fresh.changed_at, work.t.NowMillis());
    SR_CHECK(WriteLoginProfile(work, fresh));
    return Done();
  };
  co_return co_await RunFor<aws::Reply>(iam, actor, store::Access::kWrite, std::move(write));
}
}  // namespace

constinit const aws::Operation op::change_password = {
    .target = "iam.ChangePassword", .iam_action = "iam:ChangePassword", .handler = aws::Bind<Iam, &ChangePassword>};

}  // namespace strongroom::iam
