#include "kms/keys/policy.h"

#include "aws/dispatch/question.h"
#include "kms/access/conditions.h"

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
                   const KeyRow& row, const KeyLabels& labels, bool bypass_lockout_check) {
  if (policy.size() > kMaxPolicyBytes)
    return Error(Errc::kLimitExceeded, "The key policy is longer than the quota of 32768 bytes.");
  const std::string arn = row.Arn();
  SR_TRY(const auto compiled, authorizer.Compile(ports::PolicyKind::kKey, policy));
  if (bypass_lockout_check) return {};
  const Conditions conditions(call, "kms:PutKeyPolicy", row, &labels);
  ports::Question question = aws::QuestionOf(call);
  question.action = "kms:PutKeyPolicy";
  question.resource = arn;
  question.resource_account = row.account;
  question.policy = compiled.get();
  question.source = &conditions;
  question.request.region = row.region;
  if (!authorizer.Decide(question).allowed)
    return Error(Errc::kMalformedPolicy,
                 "The new key policy will not allow you to update the key policy in the future.");
  return {};
}

}  // namespace strongroom::kms
