// Source: AWS KMS API Reference, "DisableKey".
#include "kms/ops/all.h"
#include "kms/pipeline.h"

namespace strongroom::kms {
namespace {

Task<Result<aws::Reply>> DisableKey(Kms& kms, aws::Call& call) {
  SR_CO_TRY(std::string key_id, call.body.RequiredString("KeyId"));
  const KeyRules rules{.forms = IdForms::kKeyOnly, .states = kSwitchable};
  SR_CO_TRY(UsableKey usable, co_await UseKey(kms, call, std::move(key_id), rules));
  ChangeRow change = [](store::Transaction&, KeyRow& row) -> Status {
    row.enabled = false;
    return {};
  };
  SR_CO_CHECK(co_await ChangeKey(kms, std::move(usable.key), kSwitchable, std::move(change)));
  co_return aws::Reply::NoBody();
}

}  // namespace

constinit const aws::Operation op::disable_key = {
    .target = "TrentService.DisableKey", .iam_action = "kms:DisableKey", .handler = aws::Bind<Kms, &DisableKey>};

}  // namespace strongroom::kms
