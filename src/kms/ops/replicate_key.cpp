// Source: AWS KMS API Reference, "ReplicateKey"; spec/kms.md 2.8. The replica is whole with its row: Creating is what
// AWS shows for some seconds, and here until the background has had its turn.
#include <algorithm>

#include "kms/keys/key_set.h"
#include "kms/keys/material_rows.h"
#include "kms/keys/metadata.h"
#include "kms/keys/policy.h"
#include "kms/keys/rows.h"
#include "kms/keys/tags.h"
#include "kms/ops/all.h"

namespace strongroom::kms {
namespace {

struct Request {
  std::string key_id, region, description, policy, policy_principals;
  bool bypass_lockout_check = false;
  std::vector<Tag> tags;
};

Result<Request> Parse(const aws::Call& call) {
  Request r;
  SR_TRY(r.key_id, call.body.RequiredString("KeyId"));
  SR_TRY(r.region, call.body.RequiredString("ReplicaRegion"));
  SR_TRY(r.description, call.body.StringOr("Description", ""));
  SR_TRY(auto policy, call.body.OptionalString("Policy"));
  SR_TRY(const bool bypass, call.body.BoolOr("BypassPolicyLockoutSafetyCheck", false));
  r.bypass_lockout_check = bypass || !policy;
  r.policy = policy ? std::move(*policy) : DefaultPolicy(call.account());
  SR_TRY(r.tags, call.body.PairList("Tags", "TagKey", "TagValue"));
  SR_CHECK(CheckTagCount(r.tags.size()));
  return r;
}

Error ThereAlready(const KeyRow& primary, const std::string& region) {
  return Error(Errc::kAlreadyExists, "The multi-Region key " + primary.ArnIn(region) + " already exists.");
}

/// What the request says of the replica, and what all keys of the set share.
KeyRow ReplicaOf(const KeyRow& primary, const Request& r) {
  KeyRow row;
  row.account = primary.account;
  row.region = r.region;
  row.key_id = primary.key_id;
  row.spec = primary.spec;
  row.usage = primary.usage;
  row.origin = primary.origin;
  row.description = r.description;
  row.policy = r.policy;
  row.policy_principals = r.policy_principals;
  row.multi_region = true;
  row.primary_region = primary.primary_region;
  row.relatives = primary.relatives;
  row.relatives.push_back(r.region);
  std::ranges::sort(row.relatives);
  row.material_id = primary.material_id;
  row.materials = primary.materials;
  row.rotation_enabled = primary.rotation_enabled;
  row.rotation_period_days = primary.rotation_period_days;
  row.rotation_next_millis = primary.rotation_next_millis;
  row.on_demand_rotations = primary.on_demand_rotations;
  row.on_demand_started_millis = primary.on_demand_started_millis;
  row.transition = Transition::kCreating;
  return row;
}

/// Imported material is imported into each Region by itself. What waited for its rotation waits for the new replica,
/// too.
Status LeaveImportedMaterial(store::Transaction& t, KeyRow& replica, std::vector<KeyRow>& set) {
  constexpr MaterialState kWaits = MaterialState::kPendingMultiRegionImportAndRotation;
  for (Material& material : replica.materials) {
    material.token.clear();
    material.valid_to_millis.reset();
    material.description.clear();
    if (!material.permanent()) material.state = kWaits;
  }
  for (KeyRow& row : set) {
    for (Material& material : row.materials) {
      if (material.permanent() || material.state == kWaits) continue;
      material.state = kWaits;
      SR_CHECK(UpdateMaterial(t, row, material));
    }
  }
  return {};
}

Result<std::vector<KeyRow>> Insert(store::Transaction& t, const Key& key, const Request& r, KeyQuota& quota) {
  SR_TRY(auto set, LoadKeySet(t, key.row));
  if (set.empty()) return Error(Errc::kNotFound, "Key '" + key.arn + "' does not exist");
  SR_TRY(const std::int64_t now, t.NowMillis());
  SR_CHECK(RequireState(key.arn, StateOf(set.front(), true, now), kOnlyEnabled));
  SR_CHECK(RequireMultiRegionPrimary(set.front()));
  if (std::ranges::find(set, r.region, &KeyRow::region) != set.end()) return ThereAlready(key.row, r.region);
  SR_TRY(const bool has_room, quota.HasRoom(t, key.row.account, r.region));
  if (!has_room)
    return Error(Errc::kLimitExceeded, "The account has reached its quota of " + std::to_string(quota.keys()) +
                                           " KMS keys in " + r.region + ".");
  KeyRow replica = ReplicaOf(set.front(), r);
  replica.created_millis = now;
  if (replica.origin == Origin::kExternal) SR_CHECK(LeaveImportedMaterial(t, replica, set));
  SR_CHECK(InsertKey(t, replica));
  SR_CHECK(PutTags(t, replica, r.tags));
  // The others now show one replica more.
  SR_CHECK(UpdateKeySet(t, set));
  set.insert(set.begin(), std::move(replica));
  return set;
}

Status CheckRegion(const Kms& kms, const KeyRow& primary, const std::string& region) {
  if (region == primary.region) return ThereAlready(primary, region);
  if (std::ranges::find(kms.regions(), region) != kms.regions().end()) return {};
  return Error(Errc::kInvalidArgument, "ReplicaRegion " + region + " is not a Region of this deployment.");
}

Task<Result<aws::Reply>> ReplicateKey(Kms& kms, aws::Call& call) {
  SR_CO_TRY(Request r, Parse(call));
  // A key of a custom key store is refused as one that is not multi-Region, whatever its store's state.
  const KeyRules rules{.forms = IdForms::kKeyOnly, .states = kOnlyEnabled | 8};
  SR_CO_TRY(UsableKey usable, co_await UseKey(kms, call, r.key_id, rules));
  const KeyRow wanted = ReplicaOf(usable.key->row, r);
  SR_CO_CHECK(AuthorizeMaking(kms, call, "kms:CreateKey", wanted));
  if (!r.tags.empty()) SR_CO_CHECK(AuthorizeMaking(kms, call, "kms:TagResource", wanted));
  SR_CO_CHECK(RequireMultiRegionPrimary(usable.key->row));
  SR_CO_CHECK(CheckRegion(kms, usable.key->row, r.region));
  SR_CO_CHECK(CheckTags(r.tags));
  const KeyLabels labels{.tags = r.tags, .aliases = {}};
  PolicyCheck check{r.policy, wanted, labels, r.bypass_lockout_check};
  SR_CO_TRY(r.policy_principals, co_await CheckPolicy(kms, call, std::move(check)));
  auto insert = [key = usable.key, r, quota = kms.key_quota()](store::Transaction& t) {
    return Insert(t, *key, r, *quota);
  };
  auto set = co_await kms.database().Run(std::move(insert));
  kms.keys().ForgetKey(usable.key->row);
  if (!set.ok()) co_return std::move(set).error();
  ForgetKeySet(kms, *set);
  BeginToEndTransitions(kms);
  const KeyRow& replica = set->front();
  call.AuditResource(replica.Arn());
  std::vector<aws::Reply> tags;
  for (const auto& [key, value] : r.tags) {
    tags.emplace_back();
    tags.back().Text("TagKey", key).Text("TagValue", value);
  }
  aws::Reply reply;
  reply.Object("ReplicaKeyMetadata", Metadata(replica, KeyState::kCreating, replica.created_millis))
      .Text("ReplicaPolicy", replica.policy)
      .Objects("ReplicaTags", std::move(tags));
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::replicate_key = {
    .target = "TrentService.ReplicateKey", .iam_action = "kms:ReplicateKey", .handler = aws::Bind<Kms, &ReplicateKey>};

}  // namespace strongroom::kms
