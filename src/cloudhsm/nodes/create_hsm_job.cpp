#include <memory>

#include "base/log.h"
#include "cloudhsm/certificates.h"
#include "cloudhsm/nodes/ask.h"
#include "cloudhsm/nodes/proof.h"
#include "crypto/hash.h"

namespace strongroom::cloudhsm {
namespace {

constexpr int kCatchUpAttempts = 20;

ByteView View(const std::string& text) { return AsBytes(text); }

// Gives the HSM its device certificates, unless it has them. The answer is the one under the manufacturer's root.
Task<Result<std::string>> EnsureDevice(JobContext& context, const HsmRow& hsm, const proto::HsmStatus& status) {
  std::string certificate = status.manufacturer_hardware_certificate();
  if (certificate.empty()) {
    proto::Control question;
    question.mutable_device_request();
    SR_CO_TRY(const proto::Control request, co_await AskHsm(context, hsm, std::move(question)));
    Bytes csr = ToBytes(View(request.device_request().device_csr()));
    SR_CO_TRY(const proto::CertifyDeviceReply made, co_await context.certifier.Certify(std::move(csr), hsm.hsm_id));
    proto::Control install;
    proto::InstallDevice& body = *install.mutable_install_device();
    body.set_aws_hardware_certificate(made.aws_hardware_certificate());
    body.set_manufacturer_hardware_certificate(made.manufacturer_hardware_certificate());
    body.set_aws_root(made.aws_root());
    body.set_manufacturer_root(made.manufacturer_root());
    body.set_backup_certificate(made.backup_certificate());
    SR_CO_CHECK(co_await AskHsm(context, hsm, std::move(install)));
    certificate = made.manufacturer_hardware_certificate();
  }
  // Before anything secret is given to it.
  auto remember = [hsm_id = hsm.hsm_id, certificate](store::Transaction& t) {
    return RememberDevice(t, hsm_id, View(certificate));
  };
  SR_CO_CHECK(co_await context.database.Run(std::move(remember)));
  co_return certificate;
}

Result<ClusterRow> WithCertificates(ClusterRow row, const proto::HsmStatus& status) {
  row.csr = CsrToPem(View(status.csr()));
  SR_TRY(row.hsm_certificate, DerToPem(View(status.hsm_certificate())));
  SR_TRY(row.aws_hw_certificate, DerToPem(View(status.aws_hardware_certificate())));
  SR_TRY(row.manufacturer_hw_certificate, DerToPem(View(status.manufacturer_hardware_certificate())));
  return row;
}

Status MarkActive(store::Transaction& t, const ClusterRow& row, const std::string& hsm_id) {
  const HsmRow* found = row.Hsm(hsm_id);
  // Somebody has asked for its deletion meanwhile: that goes on from here.
  if (found == nullptr || found->state != HsmState::kCreateInProgress) return {};
  HsmRow hsm = *found;
  hsm.state = HsmState::kActive;
  hsm.state_message.clear();
  return UpdateHsm(t, hsm);
}

Status KeepRoots(store::Transaction& t, const proto::HsmStatus& status) {
  const std::pair<std::string_view, const std::string*> roots[] = {{"manufacturer-root", &status.manufacturer_root()},
                                                                   {"aws-root", &status.aws_root()}};
  for (const auto& [name, der] : roots) {
    SR_CHECK(t.Execute("INSERT INTO deployment (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
                       {store::Text(name), store::Blob(View(*der))}));
  }
  return {};
}

Status TakeDomain(store::Transaction& t, ClusterRow& row, const proto::HsmStatus& status) {
  SR_TRY(row.trust_anchor, DerToPem(View(status.trust_anchor())));
  SR_TRY(row.cluster_certificate, DerToPem(View(status.cluster_certificate())));
  if (row.trust_anchor.empty() || row.cluster_certificate.empty()) {
    return Error(Errc::kCorrupted, "The domain cluster's HSM shows no certificate of its own.");
  }
  row.state = ClusterState::kActive;
  SR_CHECK(KeepRoots(t, status));
  return UpdateCluster(t, row);
}

Task<Status> CreateFirst(JobContext& context, const ClusterRow& cluster, const HsmRow& hsm, proto::HsmStatus status) {
  if (status.lifecycle() == proto::EMPTY) {
    if (!cluster.domain()) SR_CO_CHECK(co_await EnsureDevice(context, hsm, status));
    proto::Control question;
    proto::CreateCluster& body = *question.mutable_create_cluster();
    body.set_cluster_id(cluster.cluster_id);
    body.set_fips(cluster.mode == "FIPS");
    *body.mutable_self() = MemberOf(hsm);
    if (cluster.domain()) {
      body.set_domain(true);
      body.set_front_end_public_key(std::string(AsText(context.domain.front_end_public_key)));
      body.set_front_end_name(context.domain.front_end_name);
      body.set_recovery_public_key(std::string(AsText(context.domain.recovery_public_key)));
    }
    SR_CO_TRY(const proto::Control made, co_await AskHsm(context, hsm, std::move(question)));
    status = made.hsm_status();
  }
  if (status.cluster_id() != cluster.cluster_id) {
    co_return Error(Errc::kCorrupted, "HSM " + hsm.hsm_id + " belongs to another cluster.")
        .WithDetail(status.cluster_id());
  }
  auto take = [status, hsm_id = hsm.hsm_id](store::Transaction& t, ClusterRow& row) -> Status {
    if (row.domain()) {
      SR_CHECK(TakeDomain(t, row, status));
    } else {
      SR_TRY(row, WithCertificates(std::move(row), status));
      SR_CHECK(UpdateCluster(t, row));
    }
    return MarkActive(t, row, hsm_id);
  };
  co_return co_await ChangeCluster(context, cluster.cluster_id, std::move(take));
}

bool IsMember(const proto::HsmStatus& status, const std::string& hsm_id) {
  for (const proto::Member& member : status.members())
    if (member.hsm_id() == hsm_id) return status.lifecycle() != proto::EMPTY;
  return false;
}

// Whether another HSM may still have the cluster's state. Those that are being made have not: the first of them brings
// the cluster back, and the others join it.
bool MayHaveMembers(const ClusterRow& cluster, const std::string& hsm_id) {
  for (const HsmRow& other : cluster.hsms)
    if (other.hsm_id != hsm_id && other.state != HsmState::kCreateInProgress) return true;
  return false;
}

// To join and, where that is done, to read the rest of the log.
Task<Status> CatchUp(JobContext& context, const ClusterRow& cluster, const HsmRow& hsm) {
  proto::Control join;
  join.mutable_join_cluster()->set_cluster_id(cluster.cluster_id);
  *join.mutable_join_cluster()->mutable_self() = MemberOf(hsm);
  SR_CO_CHECK(co_await AskHsm(context, hsm, std::move(join)));
  co_return Status();
}

Task<Status> Join(JobContext& context, const ClusterRow& cluster, const HsmRow& hsm, const proto::HsmStatus& status) {
  const HsmRow* member = ActiveHsm(context, cluster, hsm.hsm_id);
  if (member == nullptr) {
    co_return Error(Errc::kUnavailable,
                    "Cluster " + cluster.cluster_id + " has no ACTIVE HSM that could admit another.");
  }
  SR_CO_TRY(std::string device, co_await EnsureDevice(context, hsm, status));
  SR_CO_CHECK(co_await TakeBackup(context, cluster, *member, "join", BackupIdFor("join", hsm.hsm_id)));
  proto::Control admit;
  *admit.mutable_admit_member()->mutable_member() = MemberOf(hsm);
  admit.mutable_admit_member()->mutable_member()->set_feature_level(status.feature_level());
  admit.mutable_admit_member()->set_device_certificate(std::move(device));
  SR_CO_CHECK(co_await AskHsm(context, *member, std::move(admit)));
  co_return co_await CatchUp(context, cluster, hsm);
}

// ACTIVE means that it has all that was acknowledged before: the store's head is compared in the transaction that makes
// it so, and an HSM that is behind by then is sent after the rest.
Task<Status> ActivateCaughtUp(JobContext& context, const ClusterRow& cluster, const HsmRow& hsm) {
  for (int attempt = 0; attempt < kCatchUpAttempts; ++attempt) {
    SR_CO_TRY(const proto::HsmStatus status, co_await StatusOfHsm(context, hsm));
    const auto caught_up = std::make_shared<bool>(false);
    auto mark = [hsm_id = hsm.hsm_id, head = static_cast<std::int64_t>(status.head()), caught_up](
                    store::Transaction& t, ClusterRow& row) -> Status {
      SR_TRY(const auto newest, t.QueryOne("SELECT COALESCE(MAX(number), 0) FROM cluster_log WHERE cluster_id = $1",
                                           {store::Text(row.cluster_id)}));
      *caught_up = newest && head >= newest->Int(0);
      return *caught_up ? MarkActive(t, row, hsm_id) : Status();
    };
    SR_CO_CHECK(co_await ChangeCluster(context, cluster.cluster_id, std::move(mark)));
    if (*caught_up) {
      if (status.lifecycle() == proto::ACTIVE) SR_CO_CHECK(co_await NoteActivation(context, cluster.cluster_id));
      co_return Status();
    }
    SR_CO_CHECK(co_await CatchUp(context, cluster, hsm));
  }
  co_return Error(Errc::kUnavailable, "HSM " + hsm.hsm_id + " does not catch up with the cluster's changes.");
}

}  // namespace

std::string BackupIdFor(std::string_view reason, std::string_view subject) {
  static constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz234567";
  const auto digest = crypto::Sha256(AsBytes(std::string(reason) + "/" + std::string(subject)));
  std::string id = "backup-";
  for (std::size_t i = 0; i < 11; ++i) id += kAlphabet[digest[i] % kAlphabet.size()];
  return id;
}

Task<Status> StartHsm(JobContext& context, const ClusterRow& cluster, const HsmRow& hsm) {
  proto::Control start;
  start.mutable_start_hsm()->set_hsm_id(hsm.hsm_id);
  start.mutable_start_hsm()->set_cluster_id(cluster.cluster_id);
  start.mutable_start_hsm()->set_address(hsm.eni_ip);
  start.mutable_start_hsm()->set_zone(hsm.zone);
  SR_CO_CHECK(co_await AskHost(context, hsm, std::move(start)));
  if (cluster.domain() || cluster.trust_anchor.empty() || cluster.state == ClusterState::kInitializeInProgress) {
    co_return Status();
  }
  SR_CO_TRY(const Bytes anchor, PemToDer(cluster.trust_anchor));
  proto::Control trust;
  trust.mutable_set_client_trust()->set_hsm_id(hsm.hsm_id);
  trust.mutable_set_client_trust()->set_trust_anchor(std::string(AsText(anchor)));
  SR_CO_CHECK(co_await AskHost(context, hsm, std::move(trust)));
  co_return Status();
}

Task<Result<proto::HsmStatus>> StatusOfHsm(JobContext& context, const HsmRow& hsm) {
  proto::Control question;
  question.mutable_hsm_status();
  SR_CO_TRY(const proto::Control answer, co_await AskHsm(context, hsm, std::move(question)));
  co_return answer.hsm_status();
}

Task<Status> FinishCreateHsm(JobContext& context, ClusterRow cluster, HsmRow hsm) {
  SR_CO_CHECK(co_await StartHsm(context, cluster, hsm));
  SR_CO_TRY(proto::HsmStatus status, co_await StatusOfHsm(context, hsm));
  if (cluster.state == ClusterState::kUninitialized) {
    co_return co_await CreateFirst(context, cluster, hsm, std::move(status));
  }
  if (status.lifecycle() != proto::EMPTY && status.cluster_id() != cluster.cluster_id) {
    co_return Error(Errc::kCorrupted, "HSM " + hsm.hsm_id + " belongs to another cluster.")
        .WithDetail(status.cluster_id());
  }
  if (!IsMember(status, hsm.hsm_id)) {
    if (MayHaveMembers(cluster, hsm.hsm_id)) {
      SR_CO_CHECK(co_await Join(context, cluster, hsm, status));
    } else {
      SR_CO_CHECK(co_await EnsureDevice(context, hsm, status));
      SR_CO_CHECK(co_await RestoreCluster(context, cluster, hsm));
    }
  }
  co_return co_await ActivateCaughtUp(context, cluster, hsm);
}

}  // namespace strongroom::cloudhsm
