// `strongroom cluster repair-log`: rows at the end of a cluster's log that no HSM can verify are moved aside.
#include <algorithm>

#include "base/log.h"
#include "cloudhsm/nodes/ask.h"
#include "crypto/hash.h"
#include "store/cluster_log.h"

namespace strongroom::cloudhsm {
namespace {

struct Verdict {
  std::uint64_t number = 0;  // of the first record that is refused
  std::string hash;
};

Error No(std::string why) { return Error(Errc::kInvalidState, std::move(why)); }

// Every HSM of the cluster must say that it has not got the record, and one at least that it cannot be verified.
Task<Result<Verdict>> AskAll(JobContext& context, const ClusterRow& cluster) {
  Verdict verdict;
  std::vector<std::pair<std::string, proto::HsmStatus>> members;
  for (const HsmRow& hsm : cluster.hsms) {
    auto status = co_await StatusOfHsm(context, hsm);
    if (!status.ok())
      co_return No("HSM " + hsm.hsm_id +
                   " cannot be asked, and may have the record: " + std::string(status.error().public_message()));
    if (status->lifecycle() == proto::EMPTY) continue;
    members.emplace_back(hsm.hsm_id, *std::move(status));
  }
  for (const auto& [hsm_id, status] : members) {
    const std::uint64_t refused = status.refused_number();
    if (refused == 0 || (verdict.number != 0 && refused >= verdict.number)) continue;
    verdict.number = refused;
    verdict.hash = status.refused_hash();
  }
  if (verdict.number == 0)
    co_return No("No HSM of the cluster refuses a record of its log; there is nothing to repair.");
  for (const auto& [hsm_id, status] : members) {
    const std::string record = "record " + std::to_string(verdict.number);
    if (status.head() >= verdict.number) co_return No("HSM " + hsm_id + " has applied " + record + ", so it stays.");
    if (status.pending_number() == verdict.number)
      co_return No("HSM " + hsm_id + " does not know yet what became of its " + record + "; try again later.");
    if (status.refused_number() == verdict.number && status.refused_hash() != verdict.hash)
      co_return No("The HSMs do not see the same " + record + "; try again later.");
  }
  co_return verdict;
}

Result<std::string> Move(store::Transaction& t, const std::string& cluster_id, const Verdict& verdict) {
  const auto number = static_cast<std::int64_t>(verdict.number);
  SR_TRY(const auto row, t.QueryOne("SELECT record FROM cluster_log WHERE cluster_id = $1 AND number = $2",
                                    {store::Text(cluster_id), number}));
  if (!row || AsText(crypto::Sha256(row->Blob(0))) != verdict.hash)
    return No("Record " + std::to_string(number) + " is another one by now; nothing was changed.");
  SR_TRY(
      const std::int64_t moved,
      store::ClusterLog::MoveAsideIn(t, cluster_id, number, "no HSM could verify it (strongroom cluster repair-log)"));
  return moved == 1
             ? "Record " + std::to_string(number) + " was moved aside."
             : "Records " + std::to_string(number) + " to " + std::to_string(number + moved - 1) + " were moved aside.";
}

Status Answer(store::Transaction& t, const std::string& cluster_id, std::string_view state,
              const std::string& message) {
  SR_CHECK(t.Execute("UPDATE cluster_repairs SET state = $2, message = $3 WHERE cluster_id = $1",
                     {store::Text(cluster_id), store::Text(state), store::Text(message)}));
  return {};
}

}  // namespace

Result<bool> RepairIsWanted(store::Transaction& t, const std::string& cluster_id) {
  SR_TRY(const auto row, t.QueryOne("SELECT 1 FROM cluster_repairs WHERE cluster_id = $1 AND state = 'REQUESTED'",
                                    {store::Text(cluster_id)}));
  return row.has_value();
}

Task<Status> RepairLog(JobContext& context, ClusterRow cluster) {
  const auto verdict = co_await AskAll(context, cluster);
  auto finish = [verdict](store::Transaction& t, ClusterRow& row) -> Status {
    if (!verdict.ok()) return Answer(t, row.cluster_id, "REFUSED", std::string(verdict.error().public_message()));
    auto moved = Move(t, row.cluster_id, *verdict);
    if (!moved.ok() && moved.error().code() != Errc::kInvalidState) return std::move(moved).error();
    if (!moved.ok()) return Answer(t, row.cluster_id, "REFUSED", std::string(moved.error().public_message()));
    log::Warn("cluster {}: {}", row.cluster_id, *moved);
    return Answer(t, row.cluster_id, "DONE", *moved);
  };
  co_return co_await ChangeCluster(context, cluster.cluster_id, std::move(finish));
}

}  // namespace strongroom::cloudhsm
