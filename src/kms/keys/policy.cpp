#include "kms/keys/policy.h"

#include "aws/dispatch/question.h"
#include "kms/access/conditions.h"
#include "ports/principal_directory.h"

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

Task<Result<std::string>> CheckPolicy(Kms& kms, const aws::Call& call, PolicyCheck check) {
  if (check.policy.size() > kMaxPolicyBytes)
    co_return Error(Errc::kLimitExceeded, "The key policy is longer than the quota of 32768 bytes.");
  SR_CO_TRY(const auto named, kms.authorizer().Compile(ports::PolicyKind::kKey, check.policy));
  auto ids = co_await kms.principals().Resolve(named->NamedPrincipals());
  if (!ids.ok() && ids.error().code() == Errc::kNotFound)
    co_return Error(Errc::kMalformedPolicy, "Policy contains a statement with one or more invalid principals.");
  if (!ids.ok()) co_return std::move(ids).error();
  std::string principals = ports::TextOf(*ids);
  if (check.bypass_lockout_check) co_return principals;
  SR_CO_TRY(const auto compiled, kms.authorizer().Compile(ports::PolicyKind::kKey, check.policy, *ids));
  const KeyRow& row = check.row;
  const std::string arn = row.Arn();
  const Conditions conditions(call, "kms:PutKeyPolicy", row, &check.labels);
  ports::Question question = aws::QuestionOf(call);
  question.action = "kms:PutKeyPolicy";
  question.resource = arn;
  question.resource_account = row.account;
  question.policy = compiled.get();
  question.source = &conditions;
  question.request.region = row.region;
  if (!kms.authorizer().Decide(question).allowed)
    co_return Error(Errc::kMalformedPolicy,
                    "The new key policy will not allow you to update the key policy in the future.");
  co_return principals;
}

}  // namespace strongroom::kms
