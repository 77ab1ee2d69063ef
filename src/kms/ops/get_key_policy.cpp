// Source: AWS KMS API Reference, "GetKeyPolicy".
#include "aws/policy/shown.h"
#include "kms/ops/all.h"
#include "kms/pipeline.h"
#include "ports/principal_directory.h"

namespace strongroom::kms {
namespace {

Task<Result<aws::Reply>> GetKeyPolicy(Kms& kms, aws::Call& call) {
  SR_CO_TRY(std::string key_id, call.body.RequiredString("KeyId"));
  SR_CO_TRY(const std::string name, call.body.StringOr("PolicyName", "default"));
  const KeyRules rules{.forms = IdForms::kKeyOnly};
  SR_CO_TRY(const UsableKey usable, co_await UseKey(kms, call, std::move(key_id), rules));
  if (name != "default") co_return Error(Errc::kNotFound, "No such policy exists");
  const KeyRow& row = usable.key->row;
  SR_CO_TRY(const ports::PrincipalIds ids, ports::ReadPrincipalIds(row.policy_principals));
  SR_CO_TRY(const auto gone, co_await ports::WhoIsGone(kms.principals(), ids));
  aws::Reply reply;
  reply.Text("Policy", aws::policy::ShownPolicy(row.policy, ids, gone)).Text("PolicyName", name);
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::get_key_policy = {
    .target = "TrentService.GetKeyPolicy", .iam_action = "kms:GetKeyPolicy", .handler = aws::Bind<Kms, &GetKeyPolicy>};

}  // namespace strongroom::kms
