// Source: IAM API Reference, "CreateLoginProfile".
#include "iam/data/passwords.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
/// Not in the anonymous namespace: GCC 14 fails on a coroutine template whose frame holds such a type.
struct LoginWanted {
  Entity user;
  PasswordChange change;
};

namespace {
Result<LoginWanted> LookBeforeLogin(Work& work) {
  LoginWanted wanted;
  SR_TRY(wanted.user, NeedEntity(work, Kind::kUser, NameMember::kOrCaller));
  SR_TRY(const auto there, FindLoginProfile(work.t, work.account(), wanted.user.id));
  if (there) {
    return Error(Errc::kAlreadyExists, fmt::format("Login Profile for user {} already exists.", wanted.user.name));
  }
  SR_TRY(wanted.change.policy, ReadPasswordPolicy(work.t, work.account()));
  wanted.change.profile.user_id = wanted.user.id;
  SR_TRY(wanted.change.profile.reset_required, work.in.BoolOr("PasswordResetRequired", false));
  SR_TRY(wanted.change.profile.created_at, work.t.NowMillis());
  wanted.change.profile.changed_at = wanted.change.profile.created_at;
  return wanted;
}

Task<Result<aws::Reply>> CreateLoginProfile(Iam& iam, aws::Call& call) {
  auto actor = std::make_shared<const Actor>(iam, call);
  SR_CO_TRY(LoginWanted wanted, co_await RunFor<LoginWanted>(iam, actor, store::Access::kRead, &LookBeforeLogin));
  SR_CO_TRY(SecretBuffer text, call.body.RequiredSecretText("Password"));
  auto password = std::make_shared<const SecretBuffer>(std::move(text));
  SR_CO_TRY(const LoginProfile profile, co_await SetPassword(iam, std::move(wanted.change), std::move(password)));
  auto write = [profile](Work& work) -> Result<aws::Reply> {
    SR_TRY(const LoginWanted now, LookBeforeLogin(work));
    if (now.user.id != profile.user_id) return NoSuchEntity(Kind::kUser, now.user.name);
    SR_CHECK(WriteLoginProfile(work, profile));
    return ShowLoginProfile(now.user, profile);
  };
  co_return co_await RunFor<aws::Reply>(iam, actor, store::Access::kWrite, std::move(write));
}
}  // namespace

constinit const aws::Operation op::create_login_profile = {.target = "iam.CreateLoginProfile",
                                                           .iam_action = "iam:CreateLoginProfile",
                                                           .handler = aws::Bind<Iam, &CreateLoginProfile>};

}  // namespace strongroom::iam
