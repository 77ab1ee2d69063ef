// Source: AWS KMS API Reference, "EnableKeyRotation"; spec/kms.md 4.1.
#include "kms/keys/rotation.h"
#include "kms/ops/all.h"

namespace strongroom::kms {
namespace {

Task<Result<aws::Reply>> EnableKeyRotation(Kms& kms, aws::Call& call) {
  SR_CO_TRY(std::string key_id, call.body.RequiredString("KeyId"));
  SR_CO_TRY(const std::int64_t days, call.body.IntOr("RotationPeriodInDays", 365));
  const KeyRules rules{.forms = IdForms::kKeyOnly, .states = kRotationStates};
  SR_CO_TRY(UsableKey usable, co_await UseKey(kms, call, std::move(key_id), rules));
  SR_CO_CHECK(RequireRotatable(usable.key->row, false));
  ChangeSet change = [days](store::Transaction& t, std::vector<KeyRow>& set) -> Status {
    SR_CHECK(RequirePrimary(set.front()));
    SR_TRY(const std::int64_t now, t.NowMillis());
    for (KeyRow& row : set) {
      row.rotation_enabled = true;
      row.rotation_period_days = days;
      row.rotation_next_millis = now + days * kDayMillis;
    }
    return {};
  };
  SR_CO_CHECK(co_await ChangeKeySet(kms, std::move(usable.key), kRotationStates, std::move(change)));
  co_return aws::Reply::NoBody();
}

}  // namespace

constinit const aws::Operation op::enable_key_rotation = {.target = "TrentService.EnableKeyRotation",
                                                          .iam_action = "kms:EnableKeyRotation",
                                                          .handler = aws::Bind<Kms, &EnableKeyRotation>};

}  // namespace strongroom::kms
