// Source: AWS KMS API Reference, "UntagResource".
#include "kms/keys/tags.h"
#include "kms/ops/all.h"
#include "kms/pipeline.h"

namespace strongroom::kms {
namespace {

Task<Result<aws::Reply>> UntagResource(Kms& kms, aws::Call& call) {
  SR_CO_TRY(std::string key_id, call.body.RequiredString("KeyId"));
  SR_CO_TRY(const auto keys, call.body.StringList("TagKeys"));
  SR_CO_CHECK(CheckTagCount(keys.size()));
  const KeyRules rules{.forms = IdForms::kKeyOnly, .states = kNotPendingDeletion};
  SR_CO_TRY(UsableKey usable, co_await UseKey(kms, call, std::move(key_id), rules));
  ChangeRow change = [keys](store::Transaction& t, KeyRow& row) { return RemoveTags(t, row, keys); };
  SR_CO_CHECK(co_await ChangeKey(kms, std::move(usable.key), kNotPendingDeletion, std::move(change)));
  co_return aws::Reply::NoBody();
}

}  // namespace

constinit const aws::Operation op::untag_resource = {.target = "TrentService.UntagResource",
                                                     .iam_action = "kms:UntagResource",
                                                     .handler = aws::Bind<Kms, &UntagResource>};

}  // namespace strongroom::kms
