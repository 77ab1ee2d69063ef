// Source: IAM API Reference, "GetAccountPasswordPolicy".
#include "iam/data/account.h"
#include "iam/data/passwords.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<aws::Reply> GetAccountPasswordPolicy(Work& work) {
  SR_CHECK(AuthorizeAccount(work));
  SR_TRY(const auto policy, ReadPasswordPolicy(work.t, work.account()));
  if (!policy) {
    return Error(Errc::kNotFound,
                 fmt::format("The Password Policy with domain name {} cannot be found.", work.account()));
  }
  aws::Reply shown;
  shown.Int("MinimumPasswordLength", policy->minimum_length)
      .Bool("RequireSymbols", policy->symbols)
      .Bool("RequireNumbers", policy->numbers)
      .Bool("RequireUppercaseCharacters", policy->uppercase)
      .Bool("RequireLowercaseCharacters", policy->lowercase)
      .Bool("AllowUsersToChangePassword", policy->users_may_change)
      .Bool("ExpirePasswords", policy->max_age_days.has_value());
  if (policy->max_age_days) shown.Int("MaxPasswordAge", *policy->max_age_days);
  if (policy->reuse_prevention) shown.Int("PasswordReusePrevention", *policy->reuse_prevention);
  if (policy->hard_expiry) shown.Bool("HardExpiry", *policy->hard_expiry);
  aws::Reply reply;
  reply.Object("PasswordPolicy", std::move(shown));
  return reply;
}
}  // namespace

constinit const aws::Operation op::get_account_password_policy = {.target = "iam.GetAccountPasswordPolicy",
                                                                  .iam_action = "iam:GetAccountPasswordPolicy",
                                                                  .handler = Reading<&GetAccountPasswordPolicy>};

}  // namespace strongroom::iam
