#include "recovery/rehouse.h"

#include <optional>

#include "base/ids.h"

namespace strongroom::recovery {
namespace {

using cloudhsm::ClusterRow;
using cloudhsm::ClusterState;
using cloudhsm::HsmRow;
using cloudhsm::HsmState;

std::string Moved(const std::string& address, const std::string& prefix) {
  const auto dot = address.rfind('.');
  return prefix + (dot == std::string::npos ? ".10" : address.substr(dot));
}

// What its HSM had made is in nobody's backup, and the owner has signed nothing that would fit another key pair.
Status BeginAnew(store::Transaction& t, ClusterRow& cluster) {
  cluster.state = ClusterState::kUninitialized;
  cluster.state_message = "The cluster begins anew: it was restored before it was initialized.";
  for (std::string* certificate :
       {&cluster.csr, &cluster.hsm_certificate, &cluster.aws_hw_certificate, &cluster.manufacturer_hw_certificate,
        &cluster.cluster_certificate, &cluster.trust_anchor})
    certificate->clear();
  SR_CHECK(t.Execute("DELETE FROM cluster_log WHERE cluster_id = $1", {store::Text(cluster.cluster_id)}));
  SR_CHECK(t.Execute("DELETE FROM cluster_snapshots WHERE cluster_id = $1", {store::Text(cluster.cluster_id)}));
  return UpdateCluster(t, cluster);
}

Status MoveHsm(store::Transaction& t, const HsmRow& old, const NewHome& home, std::int64_t now) {
  HsmRow gone = old;
  gone.state = HsmState::kDeleted;
  gone.state_message.clear();
  SR_CHECK(UpdateHsm(t, gone));
  if (old.state == HsmState::kDeleteInProgress) return {};
  HsmRow fresh = old;
  fresh.hsm_id = NewBase32Id("hsm-");
  fresh.eni_ip = Moved(old.eni_ip, home.network_prefix);
  fresh.host_id = home.host_id;
  fresh.state = HsmState::kCreateInProgress;
  fresh.state_message = "The HSM is being restored.";
  fresh.created_at = now;
  return InsertHsm(t, fresh);
}

}  // namespace

Result<HsmRow> Rehouse(store::Transaction& t, const NewHome& home) {
  SR_TRY(std::int64_t now, t.NowMillis());
  SR_CHECK(t.Execute("DELETE FROM deployment WHERE name LIKE 'lease/%'"));
  // The machines of before are not those of now; this one enters itself when it starts, and others join anew.
  // So are what they said of clocks; the time that they saw stays.
  for (const std::string_view gone :
       {"DELETE FROM machines", "DELETE FROM invitations", "DELETE FROM cluster_repairs",
        "DELETE FROM clock_marks WHERE front_end <> ''", "UPDATE clock_marks SET doubt = ''"})
    SR_CHECK(t.Execute(gone));
  // The machines are gone; this one is the first again.
  SR_CHECK(t.Execute("DELETE FROM machines"));
  SR_CHECK(t.Execute("DELETE FROM invitations"));
  SR_TRY(const store::Rows ids,
         t.Query("SELECT cluster_id FROM clusters WHERE state <> 'DELETED' ORDER BY cluster_id"));
  std::optional<std::string> domain;
  for (const store::Row& id : ids) {
    SR_TRY(std::optional<ClusterRow> cluster, cloudhsm::LoadClusterById(t, id.Text(0)));
    if (!cluster) continue;
    if (cluster->domain()) domain = cluster->cluster_id;
    const bool unfinished = !cluster->domain() && (cluster->state == ClusterState::kUninitialized ||
                                                   cluster->state == ClusterState::kInitializeInProgress);
    if (unfinished && !cluster->hsms.empty()) SR_CHECK(BeginAnew(t, *cluster));
    // One millisecond apart, so that they are restored in the order in which they were made.
    for (const HsmRow& hsm : cluster->hsms) SR_CHECK(MoveHsm(t, hsm, home, now++));
  }
  if (domain) {
    SR_TRY(const std::optional<ClusterRow> cluster, cloudhsm::LoadClusterById(t, *domain));
    if (cluster && !cluster->hsms.empty()) return cluster->hsms.front();
  }
  return Error(Errc::kCorrupted, "The backup has no domain cluster with an HSM: there is nothing to restore it to.");
}

Status NoteRestored(store::Transaction& t, const HsmRow& hsm) {
  HsmRow active = hsm;
  active.state = HsmState::kActive;
  active.state_message.clear();
  return UpdateHsm(t, active);
}

}  // namespace strongroom::recovery
