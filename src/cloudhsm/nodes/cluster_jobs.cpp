#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/log.h"
#include "cloudhsm/backups.h"
#include "cloudhsm/certificates.h"
#include "cloudhsm/machines/removal.h"
#include "cloudhsm/nodes/ask.h"
#include "cloudhsm/nodes/proof.h"

namespace strongroom::cloudhsm {
namespace {

constexpr int kZeroizeAttempts = 5;

Task<void> Pause(std::chrono::milliseconds duration) {
  using Timer = boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                                  boost::asio::wait_traits<std::chrono::steady_clock>, LoopExecutor>;
  Timer timer(co_await boost::asio::this_coro::executor, duration);
  boost::system::error_code ignored;
  co_await timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable_t<LoopExecutor>{}, ignored));
}

/// The HSM looked at our certificates and does not want them: asking again will not help.
bool IsRefusal(Errc code) {
  return code == Errc::kInvalidArgument || code == Errc::kUntrusted || code == Errc::kBadSignature ||
         code == Errc::kUnsupported;
}

// Whether its machine is no part of the deployment any more: nobody will ever be able to ask it. A host that is merely
// not connected yet, as just after the start, is not gone.
Task<Result<bool>> IsGone(JobContext& context, const HsmRow& hsm) {
  if (context.hosts.Find(hsm.host_id) != nullptr) co_return false;
  auto look = [host_id = hsm.host_id](store::Transaction& t) { return HostIsGone(t, host_id); };
  co_return co_await context.database.RunRead(std::move(look));
}

// Another HSM that is a member of the cluster now; null when there is none. HSMs that are to be deleted too still count
// while they are members, or two deletions would wait for each other.
Task<Result<const HsmRow*>> OtherMember(JobContext& context, const ClusterRow& cluster, const std::string& hsm_id) {
  std::optional<Error> unasked;
  for (const HsmState state : {HsmState::kActive, HsmState::kDeleteInProgress}) {
    for (const HsmRow& other : cluster.hsms) {
      if (other.state != state || other.hsm_id == hsm_id) continue;
      SR_CO_TRY(const bool gone, co_await IsGone(context, other));
      if (gone) continue;
      const auto status = co_await StatusOfHsm(context, other);
      if (!status.ok()) {
        unasked = status.error();
        continue;
      }
      if (status->lifecycle() != proto::EMPTY && status->cluster_id() == cluster.cluster_id) co_return &other;
    }
  }
  // One that cannot be asked may be a member.
  if (unasked) co_return *unasked;
  co_return static_cast<const HsmRow*>(nullptr);
}

// What the other HSMs must do before this one goes; or, if it is the last, what it must leave behind.
Task<Status> Detach(JobContext& context, const ClusterRow& cluster, const HsmRow& hsm) {
  if (cluster.state == ClusterState::kUninitialized) co_return Status();
  SR_CO_TRY(const HsmRow* remaining, co_await OtherMember(context, cluster, hsm.hsm_id));
  if (remaining != nullptr) {
    if (cluster.state == ClusterState::kActive)
      SR_CO_CHECK(co_await TakeBackup(context, cluster, *remaining, "remove", BackupIdFor("remove", hsm.hsm_id)));
    proto::Control question;
    question.mutable_remove_member()->set_hsm_id(hsm.hsm_id);
    SR_CO_CHECK(co_await AskHsm(context, *remaining, std::move(question)));
    co_return Status();
  }
  // What it had and was acknowledged is in the cluster's log and backups, out of which the next HSM is made.
  SR_CO_TRY(const bool gone, co_await IsGone(context, hsm));
  if (gone) co_return Status();
  SR_CO_CHECK(co_await StartHsm(context, cluster, hsm));
  SR_CO_TRY(const proto::HsmStatus status, co_await StatusOfHsm(context, hsm));
  // Empty: it is zeroised already, and the backup was taken before.
  if (status.lifecycle() != proto::EMPTY)
    SR_CO_CHECK(co_await TakeBackup(context, cluster, hsm, "remove", BackupIdFor("remove", hsm.hsm_id)));
  co_return Status();
}

// Whether it has proved that it keeps nothing.
Task<Result<bool>> Erase(JobContext& context, const ClusterRow& cluster, const HsmRow& hsm) {
  SR_CO_TRY(const bool gone, co_await IsGone(context, hsm));
  if (gone) {
    log::Error("{} (its machine {} is gone)", CountsAsCompromised(hsm.hsm_id), hsm.host_id);
    co_return false;
  }
  SR_CO_CHECK(co_await StartHsm(context, cluster, hsm));
  Result<proto::Control> zeroized = Error(Errc::kUnavailable, "not asked");
  for (int attempt = 0; attempt < kZeroizeAttempts; ++attempt) {
    proto::Control question;
    question.mutable_zeroize();
    zeroized = co_await AskHsm(context, hsm, std::move(question));
    if (zeroized.ok()) break;
    co_await Pause(std::chrono::milliseconds(100 << attempt));
  }
  Status proved = zeroized.ok() ? Status() : Status(zeroized.error());
  if (zeroized.ok()) {
    // What was proved is so for good, also when this job is cut off and begins anew with an HSM that is gone.
    auto check = [hsm_id = hsm.hsm_id, proof = zeroized->zeroize()](store::Transaction& t) -> Status {
      SR_CHECK(CheckZeroized(t, hsm_id, proof));
      return ForgetDevice(t, hsm_id);
    };
    proved = co_await context.database.Run(std::move(check));
    if (!proved.ok() && proved.error().code() != Errc::kUntrusted) co_return proved.error();
  }
  // It may be too damaged to start; its host removes the state directory all the same.
  if (!proved.ok()) log::Error("{} ({})", CountsAsCompromised(hsm.hsm_id), proved.error().ForLog());
  proto::Control destroy;
  destroy.mutable_destroy_hsm()->set_hsm_id(hsm.hsm_id);
  SR_CO_CHECK(co_await AskHost(context, hsm, std::move(destroy)));
  co_return proved.ok();
}

}  // namespace

Task<Status> FinishCreateCluster(JobContext& context, ClusterRow cluster) {
  auto change = [](store::Transaction& t, ClusterRow& row) -> Status {
    if (row.state != ClusterState::kCreateInProgress) return {};
    // What is made from a backup is initialised already; its first HSM brings the users and keys.
    row.state = row.source_backup_id ? ClusterState::kInitialized : ClusterState::kUninitialized;
    return UpdateCluster(t, row);
  };
  co_return co_await ChangeCluster(context, cluster.cluster_id, std::move(change));
}

Task<Status> FinishDeleteHsm(JobContext& context, ClusterRow cluster, HsmRow hsm) {
  SR_CO_CHECK(co_await Detach(context, cluster, hsm));
  SR_CO_TRY(const bool proved, co_await Erase(context, cluster, hsm));
  auto change = [hsm_id = hsm.hsm_id, proved](store::Transaction& t, ClusterRow& row) -> Status {
    const HsmRow* found = row.Hsm(hsm_id);
    if (found == nullptr) return {};
    HsmRow gone = *found;
    gone.state = HsmState::kDeleted;
    gone.state_message.clear();
    SR_CHECK(UpdateHsm(t, gone));
    SR_CHECK(ForgetDevice(t, hsm_id));
    if (!proved && row.state != ClusterState::kUninitialized) {
      row.state_message = CountsAsCompromised(hsm_id);
      SR_CHECK(UpdateCluster(t, row));
    }
    if (row.state != ClusterState::kUninitialized || row.hsms.size() > 1) return {};
    // Nobody owns what was made here: the next HSM begins anew, with a key pair and a request of its own.
    row.csr.clear();
    row.hsm_certificate.clear();
    row.aws_hw_certificate.clear();
    row.manufacturer_hw_certificate.clear();
    SR_CHECK(t.Execute("DELETE FROM cluster_log WHERE cluster_id = $1", {store::Text(row.cluster_id)}));
    SR_CHECK(t.Execute("DELETE FROM cluster_snapshots WHERE cluster_id = $1", {store::Text(row.cluster_id)}));
    return UpdateCluster(t, row);
  };
  co_return co_await ChangeCluster(context, cluster.cluster_id, std::move(change));
}

Task<Status> FinishInitialize(JobContext& context, ClusterRow cluster) {
  const HsmRow* hsm = ActiveHsm(context, cluster);
  if (hsm == nullptr) co_return Error(Errc::kUnavailable, "Cluster " + cluster.cluster_id + " has no ACTIVE HSM.");
  SR_CO_TRY(const Bytes certificate, PemToDer(cluster.cluster_certificate));
  SR_CO_TRY(const Bytes anchor, PemToDer(cluster.trust_anchor));
  proto::Control question;
  question.mutable_install_cluster_certificate()->set_certificate(std::string(AsText(certificate)));
  question.mutable_install_cluster_certificate()->set_trust_anchor(std::string(AsText(anchor)));
  const auto installed = co_await AskHsm(context, *hsm, std::move(question));
  if (!installed.ok() && IsRefusal(installed.error().code())) {
    LogError("initialising cluster " + cluster.cluster_id, installed.error());
    auto refuse = [why = installed.error().public_message()](store::Transaction& t, ClusterRow& row) -> Status {
      row.state = ClusterState::kUninitialized;
      row.state_message = "The HSM refused the certificates: " + why;
      row.state_message.resize(std::min<std::size_t>(row.state_message.size(), 300));
      row.cluster_certificate.clear();
      row.trust_anchor.clear();
      return UpdateCluster(t, row);
    };
    co_return co_await ChangeCluster(context, cluster.cluster_id, std::move(refuse));
  }
  if (!installed.ok()) co_return installed.error();
  proto::Control trust;
  trust.mutable_set_client_trust()->set_hsm_id(hsm->hsm_id);
  trust.mutable_set_client_trust()->set_trust_anchor(std::string(AsText(anchor)));
  SR_CO_CHECK(co_await AskHost(context, *hsm, std::move(trust)));
  auto change = [](store::Transaction& t, ClusterRow& row) -> Status {
    if (row.state != ClusterState::kInitializeInProgress) return {};
    row.state = ClusterState::kInitialized;
    row.state_message.clear();
    row.csr.clear();
    row.hsm_certificate.clear();
    row.aws_hw_certificate.clear();
    row.manufacturer_hw_certificate.clear();
    return UpdateCluster(t, row);
  };
  co_return co_await ChangeCluster(context, cluster.cluster_id, std::move(change));
}

Task<Status> FinishDeleteCluster(JobContext& context, ClusterRow cluster) {
  auto change = [](store::Transaction& t, ClusterRow& row) -> Status {
    if (row.state != ClusterState::kDeleteInProgress) return {};
    row.state = ClusterState::kDeleted;
    row.state_message.clear();
    SR_TRY(row.delete_at, t.NowMillis());
    // The backups stay; the log without its HSMs is of no use to anybody.
    SR_CHECK(t.Execute("DELETE FROM cluster_log WHERE cluster_id = $1", {store::Text(row.cluster_id)}));
    SR_CHECK(DropUnfinishedBackups(t, row.cluster_id));
    return UpdateCluster(t, row);
  };
  co_return co_await ChangeCluster(context, cluster.cluster_id, std::move(change));
}

Task<Status> NoteFailure(JobContext& context, std::string cluster_id, std::string hsm_id, std::string why) {
  why.resize(std::min<std::size_t>(why.size(), 300));
  auto change = [hsm_id = std::move(hsm_id), why = std::move(why)](store::Transaction& t, ClusterRow& row) -> Status {
    const HsmRow* found = row.Hsm(hsm_id);
    if (found == nullptr || found->state_message == why) return {};
    HsmRow noted = *found;
    noted.state_message = why;
    return UpdateHsm(t, noted);
  };
  co_return co_await ChangeCluster(context, std::move(cluster_id), std::move(change));
}

Task<Status> NoteActivation(JobContext& context, std::string cluster_id) {
  auto change = [cluster_id = std::move(cluster_id)](store::Transaction& t) -> Status {
    SR_TRY(std::optional<ClusterRow> row, LoadClusterById(t, cluster_id));
    if (!row || row->state != ClusterState::kInitialized) return {};
    row->state = ClusterState::kActive;
    row->state_message.clear();
    return UpdateCluster(t, *row);
  };
  co_return co_await context.database.Run(std::move(change));
}

}  // namespace strongroom::cloudhsm
