#include "kms/keys/key_set.h"

#include "base/log.h"
#include "kms/keys/rows.h"

namespace strongroom::kms {
namespace {
constexpr std::int64_t kBatch = 100;
}

Result<std::vector<KeyRow>> LoadKeySet(store::Transaction& t, const KeyRow& key) {
  std::vector<KeyRow> set;
  SR_TRY(auto row, LoadKey(t, key.account, key.region, key.key_id));
  if (!row) return set;
  SR_TRY(set, LoadRelatives(t, *row));
  set.insert(set.begin(), std::move(*row));
  return set;
}

Status UpdateKeySet(store::Transaction& t, const std::vector<KeyRow>& set) {
  for (const KeyRow& row : set) SR_CHECK(UpdateKey(t, row));
  return {};
}

void ForgetKeySet(Kms& kms, const std::vector<KeyRow>& set) {
  for (const KeyRow& row : set) kms.keys().ForgetKey(row);
}

Task<Result<KeyRow>> ChangeKeySet(Kms& kms, KeyPtr key, StateSet states, ChangeSet change) {
  auto work = [key, states, change = std::move(change)](store::Transaction& t) -> Result<std::vector<KeyRow>> {
    SR_TRY(auto set, LoadKeySet(t, key->row));
    if (set.empty()) return Error(Errc::kNotFound, "Key '" + key->arn + "' does not exist");
    SR_TRY(const std::int64_t now, t.NowMillis());
    SR_CHECK(RequireState(key->arn, StateOf(set.front(), true, now), states));
    SR_CHECK(change(t, set));
    SR_CHECK(UpdateKeySet(t, set));
    return set;
  };
  auto changed = co_await kms.database().Run(std::move(work));
  kms.keys().ForgetKey(key->row);
  if (!changed.ok()) co_return std::move(changed).error();
  ForgetKeySet(kms, *changed);
  co_return std::move(changed->front());
}

Status RequirePrimary(const KeyRow& row) {
  if (!row.replica()) return {};
  return Error(Errc::kUnsupported, row.Arn() +
                                       " is a multi-Region replica key. This operation is valid on its primary key " +
                                       row.ArnIn(row.primary_region) + " only.");
}

Status RequireMultiRegionPrimary(const KeyRow& row) {
  if (!row.multi_region) return Error(Errc::kUnsupported, row.Arn() + " is not a multi-Region key.");
  return RequirePrimary(row);
}

Result<std::vector<KeyRow>> LoadThose(store::Transaction& t, std::string_view where,
                                      std::initializer_list<store::Value> values) {
  SR_TRY(const auto found,
         t.Query("SELECT account_id, region, key_id FROM kms_keys WHERE " + std::string(where), values));
  std::vector<KeyRow> rows;
  for (const store::Row& one : found) {
    SR_TRY(auto row, LoadKey(t, one.Text(0), one.Text(1), one.Text(2)));
    if (row) rows.push_back(std::move(*row));
  }
  return rows;
}

Task<void> EndTransitions(Kms& kms) {
  auto end = [](store::Transaction& t) -> Result<std::vector<KeyRow>> {
    SR_TRY(std::vector<KeyRow> rows, LoadThose(t, "transition > '' LIMIT $1", {kBatch}));
    for (KeyRow& row : rows) row.transition = Transition::kNone;
    SR_CHECK(UpdateKeySet(t, rows));
    return rows;
  };
  for (bool more = true; more && !kms.background().stopping();) {
    auto ended = co_await kms.database().Run(end);
    if (!ended.ok()) {
      LogError("ending what multi-Region keys are in the middle of", ended.error());
      co_return;
    }
    ForgetKeySet(kms, *ended);
    more = ended->size() == static_cast<std::size_t>(kBatch);
  }
}

void BeginToEndTransitions(Kms& kms) {
  kms.background().Spawn("ending the making of multi-Region keys", EndTransitions(kms));
}

}  // namespace strongroom::kms
