#include "kms/keys/policy.h"

namespace strongroom::kms {
namespace {
constexpr std::size_t kMaxPolicyBytes = 32768;
}  // namespace

std::string DefaultPolicy(std::string_view account) {
  return "{\n  \"Version\" : \"2012-10-17\",\n  \"Id\" : \"key-default-1\",\n  \"Statement\" : [ {\n"
         "    \"Sid\" : \"Enable IAM User Permissions\",\n    \"Effect\" : \"Allow\",\n    \"Principal\" : {\n"
         "      \"AWS\" : \"arn:aws:iam::" +
         std::string(account) +
         ":root\"\n    },\n"
         "    \"Action\" : \"kms:*\",\n    \"Resource\" : \"*\"\n  } ]\n}";
}

Status CheckPolicy(const ports::Authorizer& authorizer, const aws::Call& call, const std::string& policy,
                   const KeyRow& row, bool bypass_lockout_check) {
  if (policy.size() > kMaxPolicyBytes)
    return Error(Errc::kLimitExceeded, "The key policy is longer than the quota of 32768 bytes.");
  const std::string arn = row.Arn();
  SR_TRY(const auto compiled, authorizer.Compile(policy, row.account, arn));
  if (bypass_lockout_check) return {};
  ports::Question question{.caller = call.caller,
                           .action = "kms:PutKeyPolicy",
                           .resource = arn,
                           .resource_account = row.account,
                           .policy = compiled.get()};
  if (!authorizer.Decide(question).allowed)
    return Error(Errc::kMalformedPolicy,
                 "The new key policy will not allow you to update the key policy in the future.");
  return {};
}

}  // namespace strongroom::kms
