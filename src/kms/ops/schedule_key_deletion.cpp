// Source: AWS KMS API Reference, "ScheduleKeyDeletion".
#include <algorithm>

#include "kms/events.h"
#include "kms/keys/metadata.h"
#include "kms/keys/rotation.h"
#include "kms/ops/all.h"
#include "store/clock_guard.h"

namespace strongroom::kms {
namespace {

Task<Result<aws::Reply>> ScheduleKeyDeletion(Kms& kms, aws::Call& call) {
  SR_CO_TRY(std::string key_id, call.body.RequiredString("KeyId"));
  SR_CO_TRY(const std::int64_t days, call.body.IntOr("PendingWindowInDays", 30));
  const KeyRules rules{.forms = IdForms::kKeyOnly, .states = kDeletable};
  SR_CO_TRY(UsableKey usable, co_await UseKey(kms, call, std::move(key_id), rules));
  ChangeRow change = [days, called = ToMillis(call.time)](store::Transaction& t, KeyRow& row) -> Status {
    // A primary key's window begins when its last replica is gone.
    if (row.multi_region && !row.replica() && row.relatives.size() > 1) {
      row.pending_window_days = days;
      return {};
    }
    // A database's clock that is behind must not make the window shorter.
    SR_TRY(const std::int64_t now, store::LatestMillis(t));
    row.deletion_millis = std::max(now, called) + days * kDayMillis;
    return {};
  };
  SR_CO_TRY(const KeyRow row, co_await ChangeKey(kms, std::move(usable.key), kDeletable, std::move(change)));
  if (row.cluster_id) {
    call.AuditData("clusterId", *row.cluster_id);
    call.AuditData("backingKeys", "[" + BackingKeyText(row) + "]");
  }
  aws::Reply reply;
  reply.Text("KeyId", row.Arn());
  if (row.deletion_millis) reply.Timestamp("DeletionDate", ToWallTime(*row.deletion_millis));
  reply.Text("KeyState", row.deletion_millis ? "PendingDeletion" : "PendingReplicaDeletion")
      .Int("PendingWindowInDays", days);
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::schedule_key_deletion = {.target = "TrentService.ScheduleKeyDeletion",
                                                            .iam_action = "kms:ScheduleKeyDeletion",
                                                            .handler = aws::Bind<Kms, &ScheduleKeyDeletion>};

}  // namespace strongroom::kms
