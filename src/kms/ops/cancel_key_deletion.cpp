// Source: AWS KMS API Reference, "CancelKeyDeletion".
#include "kms/ops/all.h"
#include "kms/pipeline.h"

namespace strongroom::kms {
namespace {

Task<Result<aws::Reply>> CancelKeyDeletion(Kms& kms, aws::Call& call) {
  SR_CO_TRY(std::string key_id, call.body.RequiredString("KeyId"));
  const KeyRules rules{.forms = IdForms::kKeyOnly, .states = kOnlyPendingDeletion};
  SR_CO_TRY(UsableKey usable, co_await UseKey(kms, call, std::move(key_id), rules));
  ChangeRow change = [](store::Transaction&, KeyRow& row) -> Status {
    row.deletion_millis.reset();
    row.pending_window_days.reset();
    row.enabled = false;
    return {};
  };
  SR_CO_TRY(const KeyRow row, co_await ChangeKey(kms, std::move(usable.key), kOnlyPendingDeletion, std::move(change)));
  aws::Reply reply;
  reply.Text("KeyId", row.Arn());
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::cancel_key_deletion = {.target = "TrentService.CancelKeyDeletion",
                                                          .iam_action = "kms:CancelKeyDeletion",
                                                          .handler = aws::Bind<Kms, &CancelKeyDeletion>};

}  // namespace strongroom::kms
