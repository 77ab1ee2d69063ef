#include "cli/samples.h"

namespace strongroom::cli {

Result<std::vector<SampleKey>> SampleKeys(store::Transaction& t, const std::string& account_id, std::int64_t each) {
  constexpr std::string_view kUsable =
      "SELECT region, key_id, COALESCE(custom_key_store_id, '') FROM kms_keys WHERE account_id = $1 AND enabled = 1 "
      "AND deletion_at IS NULL AND pending_window_days IS NULL AND spec = 'SYMMETRIC_DEFAULT' AND usage = "
      "'ENCRYPT_DECRYPT' AND ";
  std::vector<SampleKey> keys;
  for (const std::string_view kind : {"origin = 'AWS_KMS'", "origin = 'AWS_CLOUDHSM' AND hsm_handle IS NOT NULL"}) {
    SR_TRY(const store::Rows rows,
           t.Query(std::string(kUsable) + std::string(kind) + " ORDER BY created_at, key_id LIMIT $2",
                   {store::Text(account_id), each}));
    for (const store::Row& row : rows)
      keys.push_back({row.Text(0), "arn:aws:kms:" + row.Text(0) + ":" + account_id + ":key/" + row.Text(1),
                      !row.Text(2).empty(), row.Text(2)});
  }
  return keys;
}

}  // namespace strongroom::cli
