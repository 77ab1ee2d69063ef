// Source: AWS KMS API Reference, "DisableKeyRotation"; spec/kms.md 4.1.
#include "kms/keys/rotation.h"
#include "kms/ops/all.h"

namespace strongroom::kms {
namespace {

Task<Result<aws::Reply>> DisableKeyRotation(Kms& kms, aws::Call& call) {
  SR_CO_TRY(std::string key_id, call.body.RequiredString("KeyId"));
  const KeyRules rules{.forms = IdForms::kKeyOnly, .states = kRotationStates};
  SR_CO_TRY(UsableKey usable, co_await UseKey(kms, call, std::move(key_id), rules));
  SR_CO_CHECK(RequireRotatable(usable.key->row, false));
  ChangeSet change = [](store::Transaction&, std::vector<KeyRow>& set) -> Status {
    SR_CHECK(RequirePrimary(set.front()));
    for (KeyRow& row : set) {
      row.rotation_enabled = false;
      row.rotation_next_millis.reset();
    }
    return {};
  };
  SR_CO_CHECK(co_await ChangeKeySet(kms, std::move(usable.key), kRotationStates, std::move(change)));
  co_return aws::Reply::NoBody();
}

}  // namespace

constinit const aws::Operation op::disable_key_rotation = {.target = "TrentService.DisableKeyRotation",
                                                           .iam_action = "kms:DisableKeyRotation",
                                                           .handler = aws::Bind<Kms, &DisableKeyRotation>};

}  // namespace strongroom::kms
