#include "kms/domain_keys/rows.h"

namespace strongroom::kms {

Result<std::vector<DomainKeyRow>> LoadDomainKeys(store::Transaction& t) {
  SR_TRY(const auto rows,
         t.Query("SELECT generation, made_at, rewrapped_at, dropped_at FROM domain_keys ORDER BY generation"));
  std::vector<DomainKeyRow> found;
  for (const store::Row& row : rows)
    found.push_back({static_cast<std::uint32_t>(row.Int(0)), row.Int(1), row.OptionalInt(2), row.OptionalInt(3)});
  return found;
}

Status NoteDomainKey(store::Transaction& t, std::uint32_t generation, std::int64_t now_millis) {
  SR_CHECK(t.Execute("INSERT INTO domain_keys (generation, made_at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                     {std::int64_t{generation}, now_millis}));
  return {};
}

Status NoteRewrapped(store::Transaction& t, std::uint32_t generation, std::int64_t now_millis) {
  SR_CHECK(t.Execute("UPDATE domain_keys SET rewrapped_at = $2 WHERE generation = $1 AND rewrapped_at IS NULL",
                     {std::int64_t{generation}, now_millis}));
  return {};
}

Status NoteDropped(store::Transaction& t, std::uint32_t generation, std::int64_t now_millis) {
  SR_CHECK(t.Execute("UPDATE domain_keys SET dropped_at = $2 WHERE generation = $1 AND dropped_at IS NULL",
                     {std::int64_t{generation}, now_millis}));
  return {};
}

Result<std::vector<TokenRow>> TokensAfter(store::Transaction& t, const TokenRow& after, std::int64_t limit) {
  SR_TRY(const auto rows, t.Query("SELECT account_id, region, key_id, material_id, token FROM kms_materials "
                                  "WHERE (account_id, region, key_id, material_id) > ($1, $2, $3, $4) "
                                  "ORDER BY account_id, region, key_id, material_id LIMIT $5",
                                  {after.account, after.region, after.key_id, after.material_id, limit}));
  std::vector<TokenRow> found;
  found.reserve(rows.size());
  for (const store::Row& row : rows) found.push_back({row.Text(0), row.Text(1), row.Text(2), row.Text(3), row.Blob(4)});
  return found;
}

Status ReplaceToken(store::Transaction& t, const TokenRow& old, const Bytes& token) {
  SR_CHECK(
      t.Execute("UPDATE kms_materials SET token = $5 WHERE account_id = $1 AND region = $2 AND key_id = $3 AND "
                "material_id = $4 AND token = $6",
                {old.account, old.region, old.key_id, old.material_id, store::Blob(token), store::Blob(old.token)}));
  return {};
}

}  // namespace strongroom::kms
