#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "cloudhsm/rows.h"

namespace strongroom::cloudhsm {

/// Source: CloudHSMv2 API Reference, "Backup"; spec: states and their order.
enum class BackupState : std::uint8_t { kCreateInProgress, kReady, kDeleted, kPendingDeletion };
inline constexpr std::array<std::string_view, 4> kBackupStateNames{"CREATE_IN_PROGRESS", "READY", "DELETED",
                                                                   "PENDING_DELETION"};
constexpr std::string_view Name(BackupState state) noexcept {
  return kBackupStateNames[static_cast<std::size_t>(state)];
}

/// As opposed to a cluster's id.
inline bool IsBackupId(std::string_view id) noexcept { return id.starts_with("backup-"); }

/// How long a backup that was given up can still be restored.
inline constexpr std::int64_t kPendingMillis = 7LL * 24 * 60 * 60 * 1000;

/// One row of `backups`: a backup as the API knows it.
struct BackupRow {
  std::string account, region, backup_id;
  std::optional<std::string> cluster_id;  // none for a copy from another region
  BackupState state = BackupState::kCreateInProgress;
  std::int64_t created_at = 0;  // of the state in it, also in a copy
  std::optional<std::int64_t> copied_at;
  bool never_expires = false;
  std::optional<std::string> source_region, source_backup_id, source_cluster_id;
  std::optional<std::int64_t> delete_at;
  std::string hsm_type, mode, cluster_certificate, trust_anchor;
  std::string data_cluster_id, data_backup_id;  // where its sealed bytes are
};

/// A backup's resource policy as it is kept: an empty text while it has none.
struct BackupPolicy {
  std::string text, principals;  // the unique ids of those whom it names: ports::ReadPrincipalIds
};
struct SharedBackup {
  BackupRow backup;
  BackupPolicy policy;
};

/// A backup of a cluster as it is now, not yet taken.
BackupRow BackupOf(const ClusterRow& cluster, std::string backup_id, std::int64_t now_millis);

/// Inside a transaction of the caller's. Errors: the transaction's; kCorrupted for an unknown state.
Result<std::optional<BackupRow>> LoadBackup(store::Transaction& t, std::string_view account, std::string_view region,
                                            std::string_view backup_id);
/// By id alone, for background jobs. Ids are drawn at random and unique over accounts.
Result<std::optional<BackupRow>> LoadBackupById(store::Transaction& t, std::string_view backup_id);
/// Errors: kNotFound, in the API's words, also for one that is DELETED.
Result<BackupRow> RequireBackup(store::Transaction& t, std::string_view account, std::string_view region,
                                std::string_view backup_id);
/// As RequireBackup for who has been given the backup, which may be another account's.
Result<BackupRow> RequireBackupById(store::Transaction& t, std::string_view backup_id);
/// All of an account and region but DELETED ones, newest first.
Result<std::vector<BackupRow>> ListBackups(store::Transaction& t, std::string_view account, std::string_view region);
Status InsertBackup(store::Transaction& t, const BackupRow& row);
/// Writes state, times and whether it expires.
Status UpdateBackup(store::Transaction& t, const BackupRow& row);

/// None also for a backup that is not there.
Result<BackupPolicy> LoadBackupPolicy(store::Transaction& t, std::string_view account, std::string_view region,
                                      std::string_view backup_id);
Status PutBackupPolicy(store::Transaction& t, const BackupRow& row, const BackupPolicy& policy);
/// Where a list of backups goes on: by creation time and then by id, behind the place of the last one read.
struct BackupOrder {
  bool ascending = false;
  std::optional<std::pair<std::int64_t, std::string>> after;
};
/// READY backups in the region with a policy, of all accounts but this one, at most `limit`.
Result<std::vector<SharedBackup>> ListSharedBackups(store::Transaction& t, std::string_view but_account,
                                                    std::string_view region, const BackupOrder& order,
                                                    std::int64_t limit);

/// Lets go what its time has come for: backups beyond their cluster's retention are marked for deletion (never a
/// cluster's last one, nor one that never expires, nor a copy), and those marked for seven days are deleted with their
/// bytes, tags and policies. Nothing while the clock is doubted (store/clock_guard.h). Cheap without anything to do.
Status ExpireBackups(store::Transaction& t);

/// Deletes the cluster's backups that were begun and never taken, with what bytes they may have.
Status DropUnfinishedBackups(store::Transaction& t, std::string_view cluster_id);

/// "Backup <id> is in state <STATE>."
Error WrongBackupState(const BackupRow& backup);

}  // namespace strongroom::cloudhsm
