// Source: IAM API Reference, "UpdateAccountPasswordPolicy".
#include "iam/data/account.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
/// What is left out goes back to its default, as at AWS.
Result<aws::Reply> UpdateAccountPasswordPolicy(Work& work) {
  SR_CHECK(AuthorizeAccount(work));
  std::vector<store::Value> values{store::Text(work.account())};
  SR_TRY(const std::int64_t length, work.in.IntOr("MinimumPasswordLength", 6));
  values.emplace_back(length);
  for (const std::string_view member : {"RequireSymbols", "RequireNumbers", "RequireUppercaseCharacters",
                                        "RequireLowercaseCharacters", "AllowUsersToChangePassword"}) {
    SR_TRY(const bool value, work.in.BoolOr(member, false));
    values.emplace_back(std::int64_t{value});
  }
  for (const std::string_view member : {"MaxPasswordAge", "PasswordReusePrevention"}) {
    SR_TRY(const auto value, work.in.OptionalInt(member));
    values.push_back(store::OrNull(value));
  }
  SR_TRY(const auto hard, work.in.OptionalBool("HardExpiry"));
  values.push_back(hard ? store::Value(std::int64_t{*hard}) : store::Value(nullptr));
  SR_CHECK(work.t.Execute("DELETE FROM iam_password_policies WHERE account_id = $1", {store::Text(work.account())}));
  SR_CHECK(work.t.Execute(
      "INSERT INTO iam_password_policies (account_id, minimum_length, symbols, numbers, uppercase, lowercase, "
      "users_may_change, max_age_days, reuse_prevention, hard_expiry) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
      values));
  return Done();
}
}  // namespace

constinit const aws::Operation op::update_account_password_policy = {.target = "iam.UpdateAccountPasswordPolicy",
                                                                     .iam_action = "iam:UpdateAccountPasswordPolicy",
                                                                     .handler = Writing<&UpdateAccountPasswordPolicy>};

}  // namespace strongroom::iam
