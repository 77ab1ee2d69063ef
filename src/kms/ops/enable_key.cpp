// Source: AWS KMS API Reference, "EnableKey".
#include "kms/ops/all.h"
#include "kms/pipeline.h"

namespace strongroom::kms {
namespace {

Task<Result<aws::Reply>> EnableKey(Kms& kms, aws::Call& call) {
  SR_CO_TRY(std::string key_id, call.body.RequiredString("KeyId"));
  const KeyRules rules{.forms = IdForms::kKeyOnly, .states = kNotPendingDeletion};
  SR_CO_TRY(UsableKey usable, co_await UseKey(kms, call, std::move(key_id), rules));
  ChangeRow change = [](store::Transaction&, KeyRow& row) -> Status {
    row.enabled = true;
    return {};
  };
  SR_CO_CHECK(co_await ChangeKey(kms, std::move(usable.key), kNotPendingDeletion, std::move(change)));
  co_return aws::Reply::NoBody();
}

}  // namespace

constinit const aws::Operation op::enable_key = {
    .target = "TrentService.EnableKey", .iam_action = "kms:EnableKey", .handler = aws::Bind<Kms, &EnableKey>};

}  // namespace strongroom::kms
