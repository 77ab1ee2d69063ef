// Source: AWS KMS API Reference, "UpdateKeyDescription".
#include "kms/ops/all.h"
#include "kms/pipeline.h"

namespace strongroom::kms {
namespace {

Task<Result<aws::Reply>> UpdateKeyDescription(Kms& kms, aws::Call& call) {
  SR_CO_TRY(std::string key_id, call.body.RequiredString("KeyId"));
  SR_CO_TRY(const std::string description, call.body.RequiredString("Description"));
  const KeyRules rules{.forms = IdForms::kKeyOnly, .states = kNotPendingDeletion};
  SR_CO_TRY(UsableKey usable, co_await UseKey(kms, call, std::move(key_id), rules));
  ChangeRow change = [description](store::Transaction&, KeyRow& row) -> Status {
    row.description = description;
    return {};
  };
  SR_CO_CHECK(co_await ChangeKey(kms, std::move(usable.key), kNotPendingDeletion, std::move(change)));
  co_return aws::Reply::NoBody();
}

}  // namespace

constinit const aws::Operation op::update_key_description = {.target = "TrentService.UpdateKeyDescription",
                                                             .iam_action = "kms:UpdateKeyDescription",
                                                             .handler = aws::Bind<Kms, &UpdateKeyDescription>};

}  // namespace strongroom::kms
