// Source: AWS KMS API Reference, "EnableKey".
#include "base/log.h"
#include "kms/keys/rotation.h"
#include "kms/ops/all.h"

namespace strongroom::kms {
namespace {

Task<Result<aws::Reply>> EnableKey(Kms& kms, aws::Call& call) {
  SR_CO_TRY(std::string key_id, call.body.RequiredString("KeyId"));
  const KeyRules rules{.forms = IdForms::kKeyOnly, .states = kSwitchable};
  SR_CO_TRY(UsableKey usable, co_await UseKey(kms, call, std::move(key_id), rules));
  ChangeRow change = [](store::Transaction&, KeyRow& row) -> Status {
    row.enabled = true;
    return {};
  };
  SR_CO_TRY(KeyRow row, co_await ChangeKey(kms, std::move(usable.key), kSwitchable, std::move(change)));
  // What came due while it was disabled is done now.
  const std::string arn = row.Arn();
  const Status rotated = co_await RotateIfDue(kms, std::move(row));
  if (!rotated.ok()) LogError("rotating " + arn + ", which will be tried again", rotated.error());
  co_return aws::Reply::NoBody();
}

}  // namespace

constinit const aws::Operation op::enable_key = {
    .target = "TrentService.EnableKey", .iam_action = "kms:EnableKey", .handler = aws::Bind<Kms, &EnableKey>};

}  // namespace strongroom::kms
