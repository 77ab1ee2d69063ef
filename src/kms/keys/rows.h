#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kms/keys/key.h"
#include "store/database.h"

namespace strongroom::kms {

// The statements on kms_keys and kms_aliases. Each change also goes to the change feed, kind "kms-key" or "kms-alias".

Result<std::optional<KeyRow>> LoadKey(store::Transaction& t, const std::string& account, const std::string& region,
                                      const std::string& key_id);
/// Regions that have a multi-Region key of this id, in order.
Result<std::vector<std::string>> RegionsOfKey(store::Transaction& t, const std::string& account,
                                              const std::string& key_id);
/// The related keys in the other Regions, as LoadKey has them.
Result<std::vector<KeyRow>> LoadRelatives(store::Transaction& t, const KeyRow& key);
/// With its materials.
Status InsertKey(store::Transaction& t, const KeyRow& row);
/// The last step of making a key in a custom key store. Until then the row is there but nobody is shown it.
Status SetHandle(store::Transaction& t, const KeyRow& row);
/// Keys in custom key stores whose creation began before `before_millis` and has no handle yet.
Result<std::vector<KeyRow>> HalfMadeKeys(store::Transaction& t, std::int64_t before_millis, std::int64_t limit);
/// Writes all that can change but the handle and the materials, and counts the version up: row.version stays what it
/// was, so a second UpdateKey of the same row is a conflict.
/// Errors: kConflict when the row has another version by now, so that a stale decision changes nothing.
Status UpdateKey(store::Transaction& t, const KeyRow& row);
/// Removes the key with its materials, aliases, tags and grants.
Status DeleteKey(store::Transaction& t, const KeyRow& row);
/// Ids in order, after `after`.
Result<std::vector<std::string>> ListKeyIds(store::Transaction& t, const std::string& account,
                                            const std::string& region, const std::string& after, std::int64_t limit);
Result<std::int64_t> CountKeys(store::Transaction& t, const std::string& account, const std::string& region);
/// Keys of a custom key store, in any state, without half-made ones.
Result<std::int64_t> CountKeysInStore(store::Transaction& t, const std::string& account, const std::string& region,
                                      const std::string& store_id);
/// Drops the half-made keys of a custom key store that goes away.
Status DeleteHalfMadeInStore(store::Transaction& t, const std::string& account, const std::string& region,
                             const std::string& store_id);
/// The store has another cluster now, which has the materials of its keys. Their ids.
Result<std::vector<std::string>> MoveKeys(store::Transaction& t, const std::string& account, const std::string& region,
                                          const std::string& store_id, const std::string& cluster_id);
/// Keys whose window has passed, all accounts, those first that wait the longest; after the first `skip`.
Result<std::vector<KeyRow>> DueForDeletion(store::Transaction& t, std::int64_t now_millis, std::int64_t limit,
                                           std::int64_t skip = 0);

struct AliasRow {
  std::string account, region, name, key_id;
  std::int64_t created_millis = 0, updated_millis = 0;
  std::string Arn() const { return "arn:aws:kms:" + region + ":" + account + ":" + name; }
};
Result<std::optional<AliasRow>> LoadAlias(store::Transaction& t, const std::string& account, const std::string& region,
                                          const std::string& name);
/// False when the name is taken.
Result<bool> InsertAlias(store::Transaction& t, const AliasRow& row);
/// `old_key_id` is what the alias named before: that key's aliases have changed, too.
Status UpdateAliasTarget(store::Transaction& t, const AliasRow& row, const std::string& old_key_id);
Status DeleteAliasRow(store::Transaction& t, const AliasRow& row);
/// By name, after `after`; of one key when key_id is not empty.
Result<std::vector<AliasRow>> ListAliasRows(store::Transaction& t, const std::string& account,
                                            const std::string& region, const std::string& key_id,
                                            const std::string& after, std::int64_t limit);
Result<std::int64_t> CountAliases(store::Transaction& t, const std::string& account, const std::string& region,
                                  const std::string& key_id);

}  // namespace strongroom::kms
