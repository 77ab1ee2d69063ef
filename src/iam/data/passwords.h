#pragma once

#include <memory>
#include <optional>
#include <string>

#include "iam/data/entity.h"

namespace strongroom::iam {

/// What an account asks of its users' passwords.
struct PasswordPolicy {
  std::int64_t minimum_length = 6;
  bool symbols = false, numbers = false, uppercase = false, lowercase = false;
  bool users_may_change = false;
  std::optional<std::int64_t> max_age_days, reuse_prevention;
  std::optional<bool> hard_expiry;
};
/// None when the account has not set any: then AWS's own counts, of eight characters and three of the four sorts.
Result<std::optional<PasswordPolicy>> ReadPasswordPolicy(store::Transaction& t, std::string_view account);
/// Errors: kLoginFailed (PasswordPolicyViolation), which names the rule and never the password.
Status CheckPassword(const std::optional<PasswordPolicy>& policy, const SecretBuffer& password);

struct LoginProfile {
  std::string user_id, password_hash;
  std::string earlier_hashes;  // a line each, newest first
  bool reset_required = false;
  std::int64_t created_at = 0, changed_at = 0;
};
Result<std::optional<LoginProfile>> FindLoginProfile(store::Transaction& t, std::string_view account,
                                                     std::string_view user_id);
Error NoSuchLoginProfile(std::string_view user_name);
Status WriteLoginProfile(Work& work, const LoginProfile& profile);
aws::Reply ShowLoginProfile(const Entity& user, const LoginProfile& profile);

/// A password's change, judged and hashed on the service's worker: its new profile's hashes.
/// Errors: kLoginFailed, also for a password that was used before; kResourceExhausted.
struct PasswordChange {
  std::optional<PasswordPolicy> policy;
  LoginProfile profile;
};
Task<Result<LoginProfile>> SetPassword(Iam& iam, PasswordChange change, std::shared_ptr<const SecretBuffer> password);
/// Whether it is the profile's password, on the worker.
Task<bool> IsPassword(Iam& iam, LoginProfile profile, std::shared_ptr<const SecretBuffer> password);

}  // namespace strongroom::iam
