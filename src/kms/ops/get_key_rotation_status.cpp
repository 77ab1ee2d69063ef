// Source: AWS KMS API Reference, "GetKeyRotationStatus"; spec/kms.md 4.1.
#include "kms/keys/metadata.h"
#include "kms/keys/rotation.h"
#include "kms/ops/all.h"

namespace strongroom::kms {
namespace {

Task<Result<aws::Reply>> GetKeyRotationStatus(Kms& kms, aws::Call& call) {
  SR_CO_TRY(std::string key_id, call.body.RequiredString("KeyId"));
  const KeyRules rules{.forms = IdForms::kKeyOfAnyAccount};
  SR_CO_TRY(const UsableKey usable, co_await UseKey(kms, call, std::move(key_id), rules));
  const KeyRow& row = usable.key->row;
  SR_CO_CHECK(RequireRotatable(row, true));
  // A key that is to be deleted does not rotate; its setting is kept for the case that it is not.
  const bool rotates =
      row.rotation_enabled && row.rotation_next_millis && !row.deletion_millis && !row.pending_window_days;
  aws::Reply reply;
  reply.Bool("KeyRotationEnabled", rotates).Text("KeyId", usable.key->arn);
  if (rotates)
    reply.Int("RotationPeriodInDays", row.rotation_period_days)
        .Timestamp("NextRotationDate", ToWallTime(*row.rotation_next_millis));
  if (row.on_demand_started_millis)
    reply.Timestamp("OnDemandRotationStartDate", ToWallTime(*row.on_demand_started_millis));
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::get_key_rotation_status = {.target = "TrentService.GetKeyRotationStatus",
                                                              .iam_action = "kms:GetKeyRotationStatus",
                                                              .handler = aws::Bind<Kms, &GetKeyRotationStatus>};

}  // namespace strongroom::kms
