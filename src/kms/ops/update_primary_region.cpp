// Source: AWS KMS API Reference, "UpdatePrimaryRegion"; spec/kms.md 2.8. The roles are swapped in one transaction, so
// no crash can leave two primary keys or none; both keys are Updating until the background has had its turn.
#include <algorithm>

#include "kms/keys/key_set.h"
#include "kms/ops/all.h"

namespace strongroom::kms {
namespace {

constexpr StateSet kMayBecomePrimary = kUsable | 2;

Status Swap(std::vector<KeyRow>& set, const std::string& region, std::int64_t now) {
  KeyRow& old = set.front();
  SR_CHECK(RequireMultiRegionPrimary(old));
  const auto next = std::ranges::find(set, region, &KeyRow::region);
  if (next == set.end()) return Error(Errc::kNotFound, "Key '" + old.ArnIn(region) + "' does not exist");
  SR_CHECK(RequireState(next->Arn(), StateOf(*next, true, now), kMayBecomePrimary));
  for (KeyRow& row : set) row.primary_region = region;
  old.transition = next->transition = Transition::kUpdating;
  return {};
}

Task<Result<aws::Reply>> UpdatePrimaryRegion(Kms& kms, aws::Call& call) {
  SR_CO_TRY(std::string key_id, call.body.RequiredString("KeyId"));
  SR_CO_TRY(const std::string region, call.body.RequiredString("PrimaryRegion"));
  const KeyRules rules{.forms = IdForms::kKeyOnly, .states = kUsableOrUnavailable};
  SR_CO_TRY(UsableKey usable, co_await UseKey(kms, call, std::move(key_id), rules));
  const KeyRow& row = usable.key->row;
  SR_CO_CHECK(RequireMultiRegionPrimary(row));
  if (region == row.region) co_return Error(Errc::kUnsupported, usable.key->arn + " is the primary key already.");
  SR_CO_TRY(const KeyPtr next, co_await kms.keys().Find(row.account, region, row.key_id));
  if (next == nullptr) co_return Error(Errc::kNotFound, "Key '" + row.ArnIn(region) + "' does not exist");
  SR_CO_CHECK(co_await AuthorizeOnKey(kms, call, next, call.iam_action, nullptr));
  ChangeSet change = [region](store::Transaction& t, std::vector<KeyRow>& set) -> Status {
    SR_TRY(const std::int64_t now, t.NowMillis());
    return Swap(set, region, now);
  };
  SR_CO_CHECK(co_await ChangeKeySet(kms, std::move(usable.key), kUsable, std::move(change)));
  BeginToEndTransitions(kms);
  co_return aws::Reply::NoBody();
}

}  // namespace

constinit const aws::Operation op::update_primary_region = {.target = "TrentService.UpdatePrimaryRegion",
                                                            .iam_action = "kms:UpdatePrimaryRegion",
                                                            .handler = aws::Bind<Kms, &UpdatePrimaryRegion>};

}  // namespace strongroom::kms
