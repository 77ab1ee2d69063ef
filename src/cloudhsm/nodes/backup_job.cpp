#include "cloudhsm/backups.h"
#include "cloudhsm/nodes/ask.h"

namespace strongroom::cloudhsm {
namespace {

constexpr std::int64_t kDayMillis = 24LL * 60 * 60 * 1000;

// READY already: nothing to do, and backups do not change.
Result<bool> BeginBackup(store::Transaction& t, const ClusterRow& cluster, const std::string& backup_id) {
  SR_TRY(const std::optional<BackupRow> known, LoadBackupById(t, backup_id));
  if (known) return known->state != BackupState::kCreateInProgress;
  SR_TRY(const std::int64_t now, t.NowMillis());
  SR_CHECK(InsertBackup(t, BackupOf(cluster, backup_id, now)));
  return false;
}

Status EndBackup(store::Transaction& t, const std::string& backup_id) {
  SR_TRY(std::optional<BackupRow> known, LoadBackupById(t, backup_id));
  if (!known || known->state != BackupState::kCreateInProgress) return {};
  known->state = BackupState::kReady;
  return UpdateBackup(t, *known);
}

}  // namespace

Task<Status> TakeBackup(JobContext& context, const ClusterRow& cluster, const HsmRow& hsm, std::string kind,
                        std::string backup_id) {
  auto begin = [cluster, backup_id](store::Transaction& t) { return BeginBackup(t, cluster, backup_id); };
  SR_CO_TRY(const bool there, co_await context.database.Run(std::move(begin)));
  if (there) co_return Status();
  proto::Control question;
  question.mutable_make_snapshot()->set_kind(std::move(kind));
  question.mutable_make_snapshot()->set_backup_id(backup_id);
  SR_CO_CHECK(co_await AskHsm(context, hsm, std::move(question)));
  auto end = [backup_id](store::Transaction& t) { return EndBackup(t, backup_id); };
  co_return co_await context.database.Run(std::move(end));
}

Task<Status> TakeDueBackup(JobContext& context, ClusterRow cluster) {
  const HsmRow* member = ActiveHsm(context, cluster);
  if (member == nullptr)
    co_return Error(Errc::kUnavailable, "Cluster " + cluster.cluster_id + " has no ACTIVE HSM to take a backup of.");
  struct Due {
    bool first = false;
    std::string begun;  // one that was cut off: nobody else comes back to it
    std::int64_t day = 0;
  };
  auto look = [cluster_id = cluster.cluster_id](store::Transaction& t) -> Result<Due> {
    SR_TRY(const auto any, t.QueryOne("SELECT 1 FROM backups WHERE cluster_id = $1 AND state <> 'CREATE_IN_PROGRESS' "
                                      "LIMIT 1",
                                      {store::Text(cluster_id)}));
    SR_TRY(const auto begun, t.QueryOne("SELECT backup_id FROM backups WHERE cluster_id = $1 AND state = "
                                        "'CREATE_IN_PROGRESS' ORDER BY created_at, backup_id LIMIT 1",
                                        {store::Text(cluster_id)}));
    SR_TRY(const std::int64_t now, t.NowMillis());
    return Due{!any, begun ? begun->Text(0) : std::string(), now / kDayMillis};
  };
  SR_CO_TRY(const Due due, co_await context.database.RunRead(std::move(look)));
  const std::string id = !due.begun.empty() ? due.begun
                         : due.first        ? BackupIdFor("activation", cluster.cluster_id)
                                            : BackupIdFor("daily", cluster.cluster_id + "/" + std::to_string(due.day));
  co_return co_await TakeBackup(context, cluster, *member, due.first ? "activation" : "daily", id);
}

Task<Status> RestoreCluster(JobContext& context, const ClusterRow& cluster, const HsmRow& hsm) {
  proto::Control question;
  proto::RestoreCluster& restore = *question.mutable_restore_cluster();
  restore.set_cluster_id(cluster.cluster_id);
  *restore.mutable_self() = MemberOf(hsm);
  restore.set_backup_id(cluster.source_backup_id.value_or(""));
  SR_CO_CHECK(co_await AskHsm(context, hsm, std::move(question)));
  co_return Status();
}

}  // namespace strongroom::cloudhsm
