#include "cloudhsm/backups.h"

#include <algorithm>

#include "store/clock_guard.h"

namespace strongroom::cloudhsm {
namespace {

constexpr std::string_view kColumns =
    "account_id, region, backup_id, cluster_id, state, created_at, copied_at, never_expires, source_region, "
    "source_backup_id, source_cluster_id, delete_at, hsm_type, mode, cluster_certificate, trust_anchor, "
    "data_cluster_id, data_backup_id";
constexpr std::size_t kColumnCount = 18;
constexpr std::int64_t kDayMillis = 24LL * 60 * 60 * 1000;

Result<BackupRow> Read(const store::Row& row) {
  const auto state = std::find(kBackupStateNames.begin(), kBackupStateNames.end(), row.Text(4));
  if (state == kBackupStateNames.end()) return Error(Errc::kCorrupted, "The store holds a state that is not known.");
  return BackupRow{.account = row.Text(0),
                   .region = row.Text(1),
                   .backup_id = row.Text(2),
                   .cluster_id = row.OptionalText(3),
                   .state = static_cast<BackupState>(state - kBackupStateNames.begin()),
                   .created_at = row.Int(5),
                   .copied_at = row.OptionalInt(6),
                   .never_expires = row.Int(7) != 0,
                   .source_region = row.OptionalText(8),
                   .source_backup_id = row.OptionalText(9),
                   .source_cluster_id = row.OptionalText(10),
                   .delete_at = row.OptionalInt(11),
                   .hsm_type = row.Text(12),
                   .mode = row.Text(13),
                   .cluster_certificate = row.Text(14),
                   .trust_anchor = row.Text(15),
                   .data_cluster_id = row.Text(16),
                   .data_backup_id = row.Text(17)};
}

Result<std::optional<BackupRow>> ReadOptional(Result<std::optional<store::Row>> found) {
  if (!found.ok()) return std::move(found).error();
  if (!found->has_value()) return std::optional<BackupRow>();
  SR_TRY(BackupRow row, Read(**found));
  return std::optional(std::move(row));
}

Result<std::vector<BackupRow>> ReadAll(Result<store::Rows> rows) {
  if (!rows.ok()) return std::move(rows).error();
  std::vector<BackupRow> backups;
  for (const store::Row& row : *rows) {
    SR_TRY(BackupRow backup, Read(row));
    backups.push_back(std::move(backup));
  }
  return backups;
}

Result<BackupRow> Required(Result<std::optional<BackupRow>> loaded, std::string_view backup_id) {
  SR_TRY(std::optional<BackupRow> found, std::move(loaded));
  if (!found || found->state == BackupState::kDeleted)
    return Error(Errc::kNotFound, "Backup " + std::string(backup_id) + " was not found.");
  return *std::move(found);
}

std::string Select(std::string_view where) {
  return "SELECT " + std::string(kColumns) + " FROM backups b WHERE " + std::string(where);
}

Status Purge(store::Transaction& t, BackupRow backup) {
  backup.state = BackupState::kDeleted;
  SR_CHECK(UpdateBackup(t, backup));
  SR_CHECK(PutBackupPolicy(t, backup, {}));
  SR_CHECK(t.Execute("DELETE FROM resource_tags WHERE account_id = $1 AND region = $2 AND resource_id = $3",
                     {store::Text(backup.account), store::Text(backup.region), store::Text(backup.backup_id)}));
  SR_CHECK(
      t.Execute("DELETE FROM cluster_snapshots WHERE cluster_id = $1 AND backup_id = $2 AND NOT EXISTS (SELECT 1 "
                "FROM backups WHERE data_cluster_id = $1 AND data_backup_id = $2 AND state <> 'DELETED')",
                {store::Text(backup.data_cluster_id), store::Text(backup.data_backup_id)}));
  return {};
}

}  // namespace

BackupRow BackupOf(const ClusterRow& cluster, std::string backup_id, std::int64_t now_millis) {
  BackupRow row{.account = cluster.account,
                .region = cluster.region,
                .backup_id = std::move(backup_id),
                .cluster_id = cluster.cluster_id,
                .created_at = now_millis,
                .hsm_type = cluster.hsm_type,
                .mode = cluster.mode,
                .cluster_certificate = cluster.cluster_certificate,
                .trust_anchor = cluster.trust_anchor,
                .data_cluster_id = cluster.cluster_id};
  row.data_backup_id = row.backup_id;
  return row;
}

Result<std::optional<BackupRow>> LoadBackup(store::Transaction& t, std::string_view account, std::string_view region,
                                            std::string_view backup_id) {
  return ReadOptional(t.QueryOne(Select("account_id = $1 AND region = $2 AND backup_id = $3"),
                                 {store::Text(account), store::Text(region), store::Text(backup_id)}));
}

Result<std::optional<BackupRow>> LoadBackupById(store::Transaction& t, std::string_view backup_id) {
  return ReadOptional(t.QueryOne(Select("backup_id = $1"), {store::Text(backup_id)}));
}

Result<BackupRow> RequireBackup(store::Transaction& t, std::string_view account, std::string_view region,
                                std::string_view backup_id) {
  return Required(LoadBackup(t, account, region, backup_id), backup_id);
}

Result<BackupRow> RequireBackupById(store::Transaction& t, std::string_view backup_id) {
  return Required(LoadBackupById(t, backup_id), backup_id);
}

Result<std::vector<BackupRow>> ListBackups(store::Transaction& t, std::string_view account, std::string_view region) {
  return ReadAll(
      t.Query(Select("account_id = $1 AND region = $2 AND state <> 'DELETED' ORDER BY created_at DESC, backup_id"),
              {store::Text(account), store::Text(region)}));
}

Status InsertBackup(store::Transaction& t, const BackupRow& row) {
  SR_CHECK(t.Execute(
      "INSERT INTO backups (" + std::string(kColumns) +
          ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
      {store::Text(row.account), store::Text(row.region), store::Text(row.backup_id), store::OrNull(row.cluster_id),
       store::Text(Name(row.state)), row.created_at, store::OrNull(row.copied_at), std::int64_t{row.never_expires},
       store::OrNull(row.source_region), store::OrNull(row.source_backup_id), store::OrNull(row.source_cluster_id),
       store::OrNull(row.delete_at), store::Text(row.hsm_type), store::Text(row.mode),
       store::Text(row.cluster_certificate), store::Text(row.trust_anchor), store::Text(row.data_cluster_id),
       store::Text(row.data_backup_id)}));
  return t.Change("backup", row.account, row.region, row.backup_id);
}

Status UpdateBackup(store::Transaction& t, const BackupRow& row) {
  SR_CHECK(
      t.Execute("UPDATE backups SET state = $4, never_expires = $5, delete_at = $6 WHERE account_id = $1 AND "
                "region = $2 AND backup_id = $3",
                {store::Text(row.account), store::Text(row.region), store::Text(row.backup_id),
                 store::Text(Name(row.state)), std::int64_t{row.never_expires}, store::OrNull(row.delete_at)}));
  return t.Change("backup", row.account, row.region, row.backup_id);
}

Result<BackupPolicy> LoadBackupPolicy(store::Transaction& t, std::string_view account, std::string_view region,
                                      std::string_view backup_id) {
  SR_TRY(const auto row, t.QueryOne("SELECT policy, policy_principals FROM backups WHERE account_id = $1 AND "
                                    "region = $2 AND backup_id = $3 AND state <> 'DELETED'",
                                    {store::Text(account), store::Text(region), store::Text(backup_id)}));
  if (!row) return BackupPolicy();
  return BackupPolicy{row->Text(0), row->Text(1)};
}

Status PutBackupPolicy(store::Transaction& t, const BackupRow& row, const BackupPolicy& policy) {
  SR_CHECK(
      t.Execute("UPDATE backups SET policy = $4, policy_principals = $5 WHERE account_id = $1 AND region = $2 AND "
                "backup_id = $3",
                {store::Text(row.account), store::Text(row.region), store::Text(row.backup_id),
                 store::Text(policy.text), store::Text(policy.principals)}));
  return t.Change("backup", row.account, row.region, row.backup_id);
}

Result<std::vector<SharedBackup>> ListSharedBackups(store::Transaction& t, std::string_view but_account,
                                                    std::string_view region, const BackupOrder& order,
                                                    std::int64_t limit) {
  std::string sql = "SELECT " + std::string(kColumns) +
                    ", policy, policy_principals FROM backups WHERE region = $1 AND account_id <> $2 AND "
                    "state = 'READY' AND policy <> ''";
  std::vector<store::Value> values{store::Text(region), store::Text(but_account), limit};
  const std::string_view behind = order.ascending ? " > " : " < ";
  if (order.after) {
    sql.append(" AND (created_at").append(behind).append("$4 OR (created_at = $4 AND backup_id");
    sql.append(behind).append("$5))");
    values.emplace_back(order.after->first);
    values.emplace_back(order.after->second);
  }
  const std::string_view direction = order.ascending ? " ASC" : " DESC";
  sql.append(" ORDER BY created_at").append(direction).append(", backup_id").append(direction).append(" LIMIT $3");
  SR_TRY(const store::Rows rows, t.Query(sql, values));
  std::vector<SharedBackup> shared;
  for (const store::Row& row : rows) {
    SR_TRY(BackupRow backup, Read(row));
    shared.push_back({std::move(backup), {row.Text(kColumnCount), row.Text(kColumnCount + 1)}});
  }
  return shared;
}

Status ExpireBackups(store::Transaction& t) {
  SR_TRY(const bool trusted, store::ClockIsTrusted(t));
  if (!trusted) return {};
  SR_TRY(const std::int64_t now, t.NowMillis());
  SR_TRY(const std::vector<BackupRow> old,
         ReadAll(t.Query(
             "SELECT b.account_id, b.region, b.backup_id, b.cluster_id, b.state, b.created_at, b.copied_at, "
             "b.never_expires, b.source_region, b.source_backup_id, b.source_cluster_id, b.delete_at, b.hsm_type, "
             "b.mode, b.cluster_certificate, b.trust_anchor, b.data_cluster_id, b.data_backup_id FROM backups b JOIN "
             "clusters c ON c.cluster_id = b.cluster_id WHERE b.state = 'READY' AND b.never_expires = 0 AND "
             "b.created_at < $1 - c.retention_days * $2 AND EXISTS (SELECT 1 FROM backups n WHERE n.cluster_id = "
             "b.cluster_id AND n.state = 'READY' AND (n.created_at > b.created_at OR (n.created_at = b.created_at AND "
             "n.backup_id > b.backup_id)))",
             {now, kDayMillis})));
  for (BackupRow backup : old) {
    backup.state = BackupState::kPendingDeletion;
    backup.delete_at = now + kPendingMillis;
    SR_CHECK(UpdateBackup(t, backup));
  }
  SR_TRY(const std::vector<BackupRow> due,
         ReadAll(t.Query(Select("state = 'PENDING_DELETION' AND delete_at <= $1"), {now})));
  for (const BackupRow& backup : due) SR_CHECK(Purge(t, backup));
  return {};
}

Status DropUnfinishedBackups(store::Transaction& t, std::string_view cluster_id) {
  SR_TRY(const std::vector<BackupRow> begun,
         ReadAll(t.Query(Select("cluster_id = $1 AND state = 'CREATE_IN_PROGRESS'"), {store::Text(cluster_id)})));
  for (const BackupRow& backup : begun) SR_CHECK(Purge(t, backup));
  return {};
}

Error WrongBackupState(const BackupRow& backup) {
  return Error(Errc::kInvalidState,
               "Backup " + backup.backup_id + " is in state " + std::string(Name(backup.state)) + ".");
}

}  // namespace strongroom::cloudhsm
