// Source: AWS KMS API Reference, "RotateKeyOnDemand"; spec/kms.md 4.2. The rotation is written down first and carried
// out then, normally before the answer: what fails then is done by the background work.
#include <algorithm>

#include "base/log.h"
#include "kms/keys/rotation.h"
#include "kms/ops/all.h"

namespace strongroom::kms {
namespace {

constexpr std::int64_t kTooCloseMillis = 20LL * 60 * 1000;

Status RequireNoConflict(const KeyRow& row, std::int64_t now) {
  if (row.on_demand_started_millis)
    return Error(Errc::kConflict, "A rotation of " + row.Arn() + " is in progress already.");
  if (row.rotation_enabled && row.rotation_next_millis && *row.rotation_next_millis <= now + kTooCloseMillis)
    return Error(Errc::kConflict,
                 "An automatic rotation of " + row.Arn() + " is in progress or due within the next 20 minutes.");
  return {};
}

/// The imported material that waits for this, in every Region there.
Result<Material> PendingMaterial(const std::vector<KeyRow>& set, std::int64_t now) {
  const KeyRow& key = set.front();
  const auto pending = std::ranges::find_if(
      key.materials, [](const Material& material) { return material.state == MaterialState::kPendingRotation; });
  const Error none(Errc::kInvalidState, "No available key material pending rotation for the key: " + key.Arn() + ".");
  if (pending == key.materials.end()) return none;
  for (const KeyRow& row : set) {
    const auto own = std::ranges::find(row.materials, pending->id, &Material::id);
    if (own == row.materials.end() || !own->usable(now)) return none;
  }
  return *pending;
}

Status Begin(store::Transaction& t, std::vector<KeyRow>& set, std::int64_t limit) {
  const KeyRow& key = set.front();
  SR_CHECK(RequirePrimary(key));
  SR_TRY(const std::int64_t now, t.NowMillis());
  Material pending;
  if (key.origin == Origin::kExternal) {
    SR_TRY(pending, PendingMaterial(set, now));
  }
  if (key.on_demand_rotations >= limit)
    return Error(Errc::kLimitExceeded,
                 key.Arn() + " has reached its quota of " + std::to_string(limit) + " on-demand rotations.");
  SR_CHECK(RequireNoConflict(key, now));
  for (KeyRow& row : set) ++row.on_demand_rotations;
  if (key.origin == Origin::kExternal) return RotateTo(t, set, pending, RotationType::kOnDemand, now);
  for (KeyRow& row : set) row.on_demand_started_millis = now;
  return {};
}

Task<Result<aws::Reply>> RotateKeyOnDemand(Kms& kms, aws::Call& call) {
  SR_CO_TRY(std::string key_id, call.body.RequiredString("KeyId"));
  // A key of a custom key store is refused by its origin, whatever its store's state.
  const KeyRules rules{.forms = IdForms::kKeyOnly, .states = kUsableOrUnavailable};
  SR_CO_TRY(UsableKey usable, co_await UseKey(kms, call, std::move(key_id), rules));
  SR_CO_CHECK(RequireRotatable(usable.key->row, true));
  const std::string arn = usable.key->arn;
  const std::int64_t limit = kms.limits().on_demand_rotations;
  ChangeSet change = [limit](store::Transaction& t, std::vector<KeyRow>& set) { return Begin(t, set, limit); };
  SR_CO_TRY(KeyRow row, co_await ChangeKeySet(kms, std::move(usable.key), kUsable, std::move(change)));
  const Status done = co_await FinishOnDemandRotation(kms, std::move(row));
  if (!done.ok()) LogError("rotating " + arn + " on demand, which will be tried again", done.error());
  aws::Reply reply;
  reply.Text("KeyId", arn);
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::rotate_key_on_demand = {.target = "TrentService.RotateKeyOnDemand",
                                                           .iam_action = "kms:RotateKeyOnDemand",
                                                           .handler = aws::Bind<Kms, &RotateKeyOnDemand>};

}  // namespace strongroom::kms
