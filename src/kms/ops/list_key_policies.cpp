// Source: AWS KMS API Reference, "ListKeyPolicies". A key has one policy, and its name is default.
#include "kms/ops/all.h"
#include "kms/page.h"
#include "kms/pipeline.h"

namespace strongroom::kms {
namespace {

Task<Result<aws::Reply>> ListKeyPolicies(Kms& kms, aws::Call& call) {
  SR_CO_TRY(std::string key_id, call.body.RequiredString("KeyId"));
  const KeyRules rules{.forms = IdForms::kKeyOnly};
  SR_CO_TRY(const UsableKey usable, co_await UseKey(kms, call, std::move(key_id), rules));
  SR_CO_TRY(const Page page, ParsePage(kms, call, {.default_limit = 100, .max_limit = 1000}, usable.key->row.key_id));
  aws::Reply reply;
  reply.Texts("PolicyNames", {"default"});
  FinishPage(kms, page, false, "", reply);
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::list_key_policies = {.target = "TrentService.ListKeyPolicies",
                                                        .iam_action = "kms:ListKeyPolicies",
                                                        .handler = aws::Bind<Kms, &ListKeyPolicies>};

}  // namespace strongroom::kms
