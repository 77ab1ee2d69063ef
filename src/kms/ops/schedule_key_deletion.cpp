// Source: AWS KMS API Reference, "ScheduleKeyDeletion".
#include "kms/keys/metadata.h"
#include "kms/ops/all.h"
#include "kms/pipeline.h"

namespace strongroom::kms {
namespace {

constexpr std::int64_t kDayMillis = 24LL * 3600 * 1000;

Task<Result<aws::Reply>> ScheduleKeyDeletion(Kms& kms, aws::Call& call) {
  SR_CO_TRY(std::string key_id, call.body.RequiredString("KeyId"));
  SR_CO_TRY(const std::int64_t days, call.body.IntOr("PendingWindowInDays", 30));
  const KeyRules rules{.forms = IdForms::kKeyOnly, .states = kNotPendingDeletion};
  SR_CO_TRY(UsableKey usable, co_await UseKey(kms, call, std::move(key_id), rules));
  ChangeRow change = [days](store::Transaction& t, KeyRow& row) -> Status {
    SR_TRY(const std::int64_t now, t.NowMillis());
    row.deletion_millis = now + days * kDayMillis;
    return {};
  };
  SR_CO_TRY(const KeyRow row, co_await ChangeKey(kms, std::move(usable.key), kNotPendingDeletion, std::move(change)));
  aws::Reply reply;
  reply.Text("KeyId", row.Arn())
      .Timestamp("DeletionDate", ToWallTime(row.deletion_millis.value_or(0)))
      .Text("KeyState", "PendingDeletion")
      .Int("PendingWindowInDays", days);
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::schedule_key_deletion = {.target = "TrentService.ScheduleKeyDeletion",
                                                            .iam_action = "kms:ScheduleKeyDeletion",
                                                            .handler = aws::Bind<Kms, &ScheduleKeyDeletion>};

}  // namespace strongroom::kms
