#include "kms/keys/rows.h"

#include "kms/grants/rows.h"
#include "kms/keys/material_rows.h"

namespace strongroom::kms {
namespace {

using store::OrNull;
using store::Text;
using store::Value;

#define SR_KEY_COLUMNS                                                                                       \
  "account_id, region, key_id, spec, usage, origin, enabled, created_at, deletion_at, description, policy, " \
  "multi_region, custom_key_store_id, cluster_id, material_id, hsm_handle, version, primary_region, "        \
  "rotation_enabled, rotation_period_days, rotation_next, on_demand_rotations, on_demand_started, "          \
  "pending_window_days, transition, xks_key_id, policy_principals"

/// Rows that are whole: a key in a CloudHSM key store counts once its HSM key is there.
#define SR_WHOLE "(origin <> 'AWS_CLOUDHSM' OR hsm_handle IS NOT NULL)"
/// The others, in the words of the index that has them.
#define SR_HALF_MADE "origin = 'AWS_CLOUDHSM' AND hsm_handle IS NULL"

constexpr std::string_view kCreating = "CREATING", kUpdating = "UPDATING";

Transition TransitionOf(const std::string& name) noexcept {
  if (name == kCreating) return Transition::kCreating;
  return name == kUpdating ? Transition::kUpdating : Transition::kNone;
}
Value OrNull(Transition transition) {
  if (transition == Transition::kNone) return nullptr;
  return Text(transition == Transition::kCreating ? kCreating : kUpdating);
}

KeyRow ReadKey(const store::Row& row) {
  KeyRow key;
  key.account = row.Text(0);
  key.region = row.Text(1);
  key.key_id = row.Text(2);
  key.spec = row.Text(3);
  key.usage = row.Text(4);
  key.origin = OriginOf(row.Text(5));
  key.enabled = row.Int(6) != 0;
  key.created_millis = row.Int(7);
  key.deletion_millis = row.OptionalInt(8);
  key.description = row.Text(9);
  key.policy = row.Text(10);
  key.multi_region = row.Int(11) != 0;
  key.custom_key_store_id = row.OptionalText(12);
  key.cluster_id = row.OptionalText(13);
  key.material_id = row.Text(14);
  key.hsm_handle = row.OptionalInt(15);
  key.version = row.Int(16);
  key.primary_region = row.Text(17);
  key.rotation_enabled = row.Int(18) != 0;
  key.rotation_period_days = row.Int(19);
  key.rotation_next_millis = row.OptionalInt(20);
  key.on_demand_rotations = row.Int(21);
  key.on_demand_started_millis = row.OptionalInt(22);
  key.pending_window_days = row.OptionalInt(23);
  key.transition = TransitionOf(row.Text(24));
  key.xks_key_id = row.OptionalText(25);
  key.policy_principals = row.Text(26);
  return key;
}

AliasRow ReadAlias(const store::Row& row) {
  return {row.Text(0), row.Text(1), row.Text(2), row.Text(3), row.Int(4), row.Int(5)};
}

Status KeyChanged(store::Transaction& t, const KeyRow& row) {
  return t.Change("kms-key", row.account, row.region, row.key_id);
}
/// Conditions can ask for a key's aliases, which are cached with it.
Status AliasChanged(store::Transaction& t, const AliasRow& row) {
  SR_CHECK(t.Change("kms-key", row.account, row.region, row.key_id));
  return t.Change("kms-alias", row.account, row.region, row.name);
}

Result<std::int64_t> Count(store::Transaction& t, std::string_view sql, std::initializer_list<Value> values) {
  SR_TRY(const auto row, t.QueryOne(sql, values));
  return row ? row->Int(0) : 0;
}

}  // namespace

Result<std::optional<KeyRow>> LoadKey(store::Transaction& t, const std::string& account, const std::string& region,
                                      const std::string& key_id) {
  SR_TRY(const auto row,
         t.QueryOne("SELECT " SR_KEY_COLUMNS ", grant_count FROM kms_keys WHERE account_id = $1 AND region = $2 AND "
                    "key_id = $3 AND " SR_WHOLE,
                    {account, region, key_id}));
  if (!row) return std::optional<KeyRow>();
  std::optional<KeyRow> key(ReadKey(*row));
  key->grant_count = row->Int(row->size() - 1);
  SR_TRY(key->materials, LoadMaterials(t, *key));
  if (key->multi_region) {
    SR_TRY(key->relatives, RegionsOfKey(t, account, key_id));
  }
  return key;
}

Result<std::vector<std::string>> RegionsOfKey(store::Transaction& t, const std::string& account,
                                              const std::string& key_id) {
  SR_TRY(const auto rows, t.Query("SELECT region FROM kms_keys WHERE account_id = $1 AND key_id = $2 AND multi_region "
                                  "= 1 ORDER BY region",
                                  {account, key_id}));
  std::vector<std::string> regions;
  for (const store::Row& row : rows) regions.push_back(row.Text(0));
  return regions;
}

Result<std::vector<KeyRow>> LoadRelatives(store::Transaction& t, const KeyRow& key) {
  std::vector<KeyRow> rows;
  for (const std::string& region : key.relatives) {
    if (region == key.region) continue;
    SR_TRY(auto row, LoadKey(t, key.account, region, key.key_id));
    if (row) rows.push_back(std::move(*row));
  }
  return rows;
}

Status InsertKey(store::Transaction& t, const KeyRow& k) {
  SR_CHECK(t.Execute("INSERT INTO kms_keys (" SR_KEY_COLUMNS
                     ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, "
                     "$20, $21, $22, $23, $24, $25, $26, $27)",
                     {k.account,
                      k.region,
                      k.key_id,
                      k.spec,
                      k.usage,
                      Text(Name(k.origin)),
                      std::int64_t{k.enabled},
                      k.created_millis,
                      OrNull(k.deletion_millis),
                      k.description,
                      k.policy,
                      std::int64_t{k.multi_region},
                      OrNull(k.custom_key_store_id),
                      OrNull(k.cluster_id),
                      k.material_id,
                      OrNull(k.hsm_handle),
                      k.version,
                      k.primary_region,
                      std::int64_t{k.rotation_enabled},
                      k.rotation_period_days,
                      OrNull(k.rotation_next_millis),
                      k.on_demand_rotations,
                      OrNull(k.on_demand_started_millis),
                      OrNull(k.pending_window_days),
                      OrNull(k.transition),
                      OrNull(k.xks_key_id),
                      k.policy_principals}));
  for (const Material& material : k.materials) SR_CHECK(InsertMaterial(t, k, material));
  return KeyChanged(t, k);
}

Status SetHandle(store::Transaction& t, const KeyRow& k) {
  SR_TRY(const std::int64_t changed,
         t.Execute("UPDATE kms_keys SET hsm_handle = $4 WHERE account_id = $1 AND region = $2 AND key_id = $3",
                   {k.account, k.region, k.key_id, OrNull(k.hsm_handle)}));
  if (changed != 1) return Error(Errc::kConflict, "The key's creation was given up. Try again.");
  return KeyChanged(t, k);
}

Result<std::vector<KeyRow>> HalfMadeKeys(store::Transaction& t, std::int64_t before_millis, std::int64_t limit) {
  SR_TRY(const auto rows, t.Query("SELECT " SR_KEY_COLUMNS " FROM kms_keys WHERE " SR_HALF_MADE
                                  " AND created_at < $1 ORDER BY created_at LIMIT $2",
                                  {before_millis, limit}));
  std::vector<KeyRow> keys;
  for (const store::Row& row : rows) keys.push_back(ReadKey(row));
  return keys;
}

Status UpdateKey(store::Transaction& t, const KeyRow& k) {
  SR_TRY(
      const std::int64_t changed,
      t.Execute(
          "UPDATE kms_keys SET enabled = $5, deletion_at = $6, description = $7, policy = $8, material_id = $9, "
          "primary_region = $10, rotation_enabled = $11, rotation_period_days = $12, rotation_next = $13, "
          "on_demand_rotations = $14, on_demand_started = $15, pending_window_days = $16, transition = $17, "
          "policy_principals = $18, "
          "version = version + 1 WHERE account_id = $1 AND region = $2 AND key_id = $3 AND version = $4",
          {k.account, k.region, k.key_id, k.version, std::int64_t{k.enabled}, OrNull(k.deletion_millis), k.description,
           k.policy, k.material_id, k.primary_region, std::int64_t{k.rotation_enabled}, k.rotation_period_days,
           OrNull(k.rotation_next_millis), k.on_demand_rotations, OrNull(k.on_demand_started_millis),
           OrNull(k.pending_window_days), OrNull(k.transition), k.policy_principals}));
  if (changed != 1) return Error(Errc::kConflict, "The key was changed at the same time. Try again.");
  return KeyChanged(t, k);
}

Status DeleteKey(store::Transaction& t, const KeyRow& k) {
  for (bool more = true; more;) {
    SR_TRY(const auto aliases, ListAliasRows(t, k.account, k.region, k.key_id, "", 1000));
    for (const AliasRow& alias : aliases) SR_CHECK(DeleteAliasRow(t, alias));
    more = !aliases.empty();
  }
  SR_CHECK(t.Execute("DELETE FROM kms_tags WHERE account_id = $1 AND region = $2 AND key_id = $3",
                     {k.account, k.region, k.key_id}));
  SR_CHECK(DeleteGrantsOfKey(t, k));
  SR_CHECK(t.Execute("DELETE FROM kms_last_usage WHERE account_id = $1 AND region = $2 AND key_id = $3",
                     {k.account, k.region, k.key_id}));
  SR_CHECK(DeleteMaterials(t, k));
  SR_CHECK(t.Execute("DELETE FROM kms_keys WHERE account_id = $1 AND region = $2 AND key_id = $3",
                     {k.account, k.region, k.key_id}));
  return KeyChanged(t, k);
}

Result<std::vector<std::string>> ListKeyIds(store::Transaction& t, const std::string& account,
                                            const std::string& region, const std::string& after, std::int64_t limit) {
  // Out of the primary key's index alone: whether a row is whole is in the row, of which a page would read a thousand.
  SR_TRY(const auto rows,
         t.Query("SELECT key_id FROM kms_keys WHERE account_id = $1 AND region = $2 AND key_id > $3 "
                 "AND key_id NOT IN (SELECT key_id FROM kms_keys WHERE account_id = $1 AND region = $2 "
                 "AND " SR_HALF_MADE ") ORDER BY key_id LIMIT $4",
                 {account, region, after, limit}));
  std::vector<std::string> ids;
  ids.reserve(rows.size());
  for (const store::Row& row : rows) ids.push_back(row.Text(0));
  return ids;
}

Result<std::int64_t> CountKeys(store::Transaction& t, const std::string& account, const std::string& region) {
  return Count(t, "SELECT COUNT(*) FROM kms_keys WHERE account_id = $1 AND region = $2", {account, region});
}

Result<std::int64_t> CountKeysInStore(store::Transaction& t, const std::string& account, const std::string& region,
                                      const std::string& store_id) {
  return Count(
      t,
      "SELECT COUNT(*) FROM kms_keys WHERE account_id = $1 AND region = $2 AND custom_key_store_id = $3 AND " SR_WHOLE,
      {account, region, store_id});
}

Status DeleteHalfMadeInStore(store::Transaction& t, const std::string& account, const std::string& region,
                             const std::string& store_id) {
  SR_CHECK(
      t.Execute("DELETE FROM kms_tags WHERE account_id = $1 AND region = $2 AND key_id IN (SELECT key_id FROM kms_keys "
                "WHERE account_id = $1 AND region = $2 AND custom_key_store_id = $3 AND NOT " SR_WHOLE ")",
                {account, region, store_id}));
  SR_CHECK(t.Execute(
      "DELETE FROM kms_keys WHERE account_id = $1 AND region = $2 AND custom_key_store_id = $3 AND NOT " SR_WHOLE,
      {account, region, store_id}));
  return {};
}

Result<std::vector<std::string>> MoveKeys(store::Transaction& t, const std::string& account, const std::string& region,
                                          const std::string& store_id, const std::string& cluster_id) {
  SR_TRY(const auto rows,
         t.Query("UPDATE kms_keys SET cluster_id = $4, version = version + 1 WHERE account_id = $1 AND "
                 "region = $2 AND custom_key_store_id = $3 RETURNING key_id",
                 {account, region, store_id, cluster_id}));
  std::vector<std::string> ids;
  for (const store::Row& row : rows) {
    ids.push_back(row.Text(0));
    SR_CHECK(t.Change("kms-key", account, region, ids.back()));
  }
  return ids;
}

Result<std::vector<KeyRow>> DueForDeletion(store::Transaction& t, std::int64_t now_millis, std::int64_t limit,
                                           std::int64_t skip) {
  SR_TRY(const auto rows, t.Query("SELECT " SR_KEY_COLUMNS
                                  " FROM kms_keys WHERE deletion_at <= $1 ORDER BY deletion_at LIMIT $2 OFFSET $3",
                                  {now_millis, limit, skip}));
  std::vector<KeyRow> keys;
  for (const store::Row& row : rows) keys.push_back(ReadKey(row));
  return keys;
}

Result<std::optional<AliasRow>> LoadAlias(store::Transaction& t, const std::string& account, const std::string& region,
                                          const std::string& name) {
  SR_TRY(const auto row,
         t.QueryOne("SELECT account_id, region, alias_name, key_id, created_at, updated_at FROM kms_aliases "
                    "WHERE account_id = $1 AND region = $2 AND alias_name = $3",
                    {account, region, name}));
  if (!row) return std::optional<AliasRow>();
  return std::optional<AliasRow>(ReadAlias(*row));
}

Result<bool> InsertAlias(store::Transaction& t, const AliasRow& a) {
  SR_TRY(const std::int64_t inserted,
         t.Execute("INSERT INTO kms_aliases (account_id, region, alias_name, key_id, created_at, updated_at) VALUES "
                   "($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
                   {a.account, a.region, a.name, a.key_id, a.created_millis, a.updated_millis}));
  if (inserted == 0) return false;
  SR_CHECK(AliasChanged(t, a));
  return true;
}

Status UpdateAliasTarget(store::Transaction& t, const AliasRow& a, const std::string& old_key_id) {
  SR_CHECK(
      t.Execute("UPDATE kms_aliases SET key_id = $4, updated_at = $5 WHERE account_id = $1 AND region = $2 AND "
                "alias_name = $3",
                {a.account, a.region, a.name, a.key_id, a.updated_millis}));
  SR_CHECK(t.Change("kms-key", a.account, a.region, old_key_id));
  return AliasChanged(t, a);
}

Status DeleteAliasRow(store::Transaction& t, const AliasRow& a) {
  SR_CHECK(t.Execute("DELETE FROM kms_aliases WHERE account_id = $1 AND region = $2 AND alias_name = $3",
                     {a.account, a.region, a.name}));
  return AliasChanged(t, a);
}

Result<std::vector<AliasRow>> ListAliasRows(store::Transaction& t, const std::string& account,
                                            const std::string& region, const std::string& key_id,
                                            const std::string& after, std::int64_t limit) {
#define SR_ALIASES_OF                                                                                        \
  "SELECT account_id, region, alias_name, key_id, created_at, updated_at FROM kms_aliases WHERE account_id " \
  "= $1 AND region = $2 AND alias_name > $3 "
  // A statement for each, so that those of one key are found by the index of keys.
  SR_TRY(const auto rows, key_id.empty()
                              ? t.Query(SR_ALIASES_OF "ORDER BY alias_name LIMIT $4", {account, region, after, limit})
                              : t.Query(SR_ALIASES_OF "AND key_id = $5 ORDER BY alias_name LIMIT $4",
                                        {account, region, after, limit, key_id}));
  std::vector<AliasRow> aliases;
  for (const store::Row& row : rows) aliases.push_back(ReadAlias(row));
  return aliases;
}

Result<std::int64_t> CountAliases(store::Transaction& t, const std::string& account, const std::string& region,
                                  const std::string& key_id) {
  return Count(t, "SELECT COUNT(*) FROM kms_aliases WHERE account_id = $1 AND region = $2 AND key_id = $3",
               {account, region, key_id});
}

}  // namespace strongroom::kms
