// Source: AWS KMS API Reference, "GetKeyPolicy".
#include "aws/policy/shown.h"
#include "kms/ops/all.h"
#include "kms/pipeline.h"

namespace strongroom::kms {
namespace {

/// Those of the principals whom the policy names who are not there any more, or are others by that name.
Task<Result<std::set<std::string, std::less<>>>> Gone(Kms& kms, const ports::PrincipalIds& ids) {
  std::set<std::string, std::less<>> gone;
  for (const auto& [arn, id] : ids) {
    std::vector<std::string> one{arn};
    const auto now = co_await kms.principals().Resolve(std::move(one));
    if (!now.ok() && now.error().code() != Errc::kNotFound) co_return now.error();
    const bool same = now.ok() && now->contains(arn) && now->find(arn)->second == id;
    if (!same) gone.insert(arn);
  }
  co_return gone;
}

Task<Result<aws::Reply>> GetKeyPolicy(Kms& kms, aws::Call& call) {
  SR_CO_TRY(std::string key_id, call.body.RequiredString("KeyId"));
  SR_CO_TRY(const std::string name, call.body.StringOr("PolicyName", "default"));
  const KeyRules rules{.forms = IdForms::kKeyOnly};
  SR_CO_TRY(const UsableKey usable, co_await UseKey(kms, call, std::move(key_id), rules));
  if (name != "default") co_return Error(Errc::kNotFound, "No such policy exists");
  const KeyRow& row = usable.key->row;
  SR_CO_TRY(const ports::PrincipalIds ids, ports::ReadPrincipalIds(row.policy_principals));
  SR_CO_TRY(const auto gone, co_await Gone(kms, ids));
  aws::Reply reply;
  reply.Text("Policy", aws::policy::ShownPolicy(row.policy, ids, gone)).Text("PolicyName", name);
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::get_key_policy = {
    .target = "TrentService.GetKeyPolicy", .iam_action = "kms:GetKeyPolicy", .handler = aws::Bind<Kms, &GetKeyPolicy>};

}  // namespace strongroom::kms
