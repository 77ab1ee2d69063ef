// Source: AWS KMS API Reference, "GetKeyLastUsage"; spec/kms.md 2.10.
#include <algorithm>

#include "kms/keys/metadata.h"
#include "kms/ops/all.h"
#include "kms/pipeline.h"

namespace strongroom::kms {
namespace {

/// Uses are noted since the store can hold them.
Result<std::int64_t> TrackedSince(store::Transaction& t) {
  SR_TRY(const auto row, t.QueryOne("SELECT applied_at FROM schema_version WHERE name = '0006_kms_last_usage'"));
  if (!row) return Error(Errc::kCorrupted, "The store does not say since when uses of keys are noted.");
  return row->Int(0);
}

Task<Result<aws::Reply>> GetKeyLastUsage(Kms& kms, aws::Call& call) {
  SR_CO_TRY(std::string key_id, call.body.RequiredString("KeyId"));
  const KeyRules rules{.forms = IdForms::kKeyOnly};
  SR_CO_TRY(const UsableKey usable, co_await UseKey(kms, call, std::move(key_id), rules));
  const KeyRow& row = usable.key->row;
  SR_CO_TRY(const auto use, co_await kms.last_usage().Find(row.account, row.region, row.key_id));
  SR_CO_TRY(const std::int64_t tracked, co_await kms.database().RunRead(&TrackedSince));
  aws::Reply last;
  if (use)
    last.Text("Operation", use->operation)
        .Timestamp("Timestamp", ToWallTime(use->millis))
        .Text("KmsRequestId", use->request_id);
  aws::Reply reply;
  reply.Text("KeyId", row.key_id)
      .Object("KeyLastUsage", std::move(last))
      .Timestamp("TrackingStartDate", ToWallTime(std::max(tracked, row.created_millis)))
      .Timestamp("KeyCreationDate", ToWallTime(row.created_millis));
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::get_key_last_usage = {.target = "TrentService.GetKeyLastUsage",
                                                         .iam_action = "kms:GetKeyLastUsage",
                                                         .handler = aws::Bind<Kms, &GetKeyLastUsage>};

}  // namespace strongroom::kms
