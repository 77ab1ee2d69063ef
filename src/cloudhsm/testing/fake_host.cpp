#include "cloudhsm/certificates.h"
#include "cloudhsm/testing/world.h"
#include "crypto/hash.h"
#include "wire/zeroize_statement.h"

namespace strongroom::cloudhsm::testing {
namespace {

using crypto::KeySpec;
using crypto::NameEntry;
using crypto::PrivateKey;

std::string Text(const Bytes& bytes) { return std::string(AsText(bytes)); }

const PrivateKey& ClusterKey() {
  static const PrivateKey key = PrivateKey::Generate(KeySpec::kRsa2048).value();
  return key;
}

std::vector<NameEntry> Subject(const std::string& cn) {
  return {{"C", "US"}, {"ST", "CA"}, {"O", "Cavium"}, {"OU", "N3FIPS"}, {"L", "SanJose"}, {"CN", cn}};
}

Bytes CsrDer(const std::string& pem) {
  std::string base64;
  bool inside = false;
  for (std::size_t at = 0; at < pem.size();) {
    const auto end = std::min(pem.find('\n', at), pem.size());
    const std::string line = pem.substr(at, end - at);
    at = end + 1;
    if (line.starts_with("-----"))
      inside = !inside;
    else if (inside)
      base64 += line;
  }
  return FromBase64(base64).value();
}

crypto::CertificateOptions Ca() {
  crypto::CertificateOptions options;
  options.ca = true;
  return options;
}

}  // namespace

FakeHardware::FakeHardware() {
  manufacturer_key = PrivateKey::Generate(KeySpec::kP256).value();
  manufacturer_root = crypto::MakeSelfSigned({{"CN", "Manufacturer root"}}, *manufacturer_key, Ca()).value();
}

Task<Result<proto::ReleaseKeysReply>> FakeHardware::Release(proto::ReleaseKeysRequest request) {
  proto::ReleaseKeysReply reply;
  *reply.mutable_wrapped() = request.wrapped();
  co_return reply;
}

Task<Result<proto::CertifyDeviceReply>> FakeHardware::Certify(Bytes device_csr, std::string hsm_id) {
  asked.push_back("certify");
  SR_CO_TRY(const auto request, crypto::ParseCsr(CsrToPem(device_csr)));
  SR_CO_TRY(const auto key, crypto::PublicKey::FromSpki(request.public_key_spki));
  SR_CO_TRY(const auto made, crypto::Issue(Subject("HSM:" + hsm_id), key, *manufacturer_root, *manufacturer_key, Ca()));
  proto::CertifyDeviceReply reply;
  reply.set_aws_hardware_certificate(Text(made.ToDer()));
  reply.set_manufacturer_hardware_certificate(Text(made.ToDer()));
  reply.set_aws_root(Text(manufacturer_root->ToDer()));
  reply.set_manufacturer_root(Text(manufacturer_root->ToDer()));
  co_return reply;
}

Task<Result<proto::Control>> FakeHost::Ask(std::string hsm_id, proto::Control question, std::chrono::milliseconds) {
  if (!up) co_return Error(Errc::kUnavailable, "The host is not connected.");
  const bool last = hardware_.crash_after == 0;
  if (hardware_.crash_after >= 0) --hardware_.crash_after;
  if (last && hardware_.crash == FakeHardware::Crash::kBefore) co_return Error(Errc::kCancelled, "crashed");
  auto answer = co_await Carry(std::move(hsm_id), std::move(question));
  if (last) co_return Error(Errc::kCancelled, "crashed");
  co_return answer;
}

Task<Result<proto::Control>> FakeHost::Carry(std::string hsm_id, proto::Control question) {
  auto& hsms = hardware_.hsms;
  switch (question.body_case()) {
    case proto::Control::kStartHsm: {
      hardware_.asked.push_back("start");
      FakeHsm& hsm = hsms[question.start_hsm().hsm_id()];
      hsm.cluster_id = question.start_hsm().cluster_id();
      hsm.address = question.start_hsm().address();
      co_return proto::Control();
    }
    case proto::Control::kSetClientTrust:
      hardware_.asked.push_back("trust");
      hardware_.trusted[question.set_client_trust().hsm_id()] = question.set_client_trust().trust_anchor();
      co_return proto::Control();
    case proto::Control::kDestroyHsm:
      hardware_.asked.push_back("destroy");
      hsms.erase(question.destroy_hsm().hsm_id());
      co_return proto::Control();
    default: {
      const auto found = hsms.find(hsm_id);
      if (found == hsms.end()) co_return Error(Errc::kUnavailable, "No such HSM runs here.");
      co_return co_await ToHsm(found->second, hsm_id, std::move(question));
    }
  }
}

Task<Status> FakeHost::Append(std::string hsm_id, std::string cluster_id) {
  proto::Control question;
  question.set_hsm_id(hsm_id);
  question.mutable_log_read()->set_cluster_id(cluster_id);
  SR_CO_TRY(const proto::Control read, co_await log_.Answer(host_id_, question));
  question.mutable_log_append()->set_cluster_id(cluster_id);
  question.mutable_log_append()->set_number(read.log_read().head() + 1);
  std::string prev_hash(32, '\0');
  const auto& rows = read.log_read().rows();
  if (!rows.empty()) prev_hash = AsText(crypto::Sha256(AsBytes(rows.rbegin()->record())));
  question.mutable_log_append()->set_prev_hash(prev_hash);
  question.mutable_log_append()->set_record("record of " + hsm_id);
  SR_CO_TRY(const proto::Control done, co_await log_.Answer(host_id_, question));
  if (done.log_append().rows_size() != 0) co_return Error(Errc::kConflict, "The race was lost.");
  co_return Status();
}

Task<std::uint64_t> FakeHost::HeadOf(std::string hsm_id, std::string cluster_id) {
  proto::Control question;
  question.set_hsm_id(std::move(hsm_id));
  question.mutable_log_read()->set_cluster_id(std::move(cluster_id));
  const auto read = co_await log_.Answer(host_id_, std::move(question));
  co_return read.ok() ? read->log_read().head() : 0;
}

proto::Zeroize FakeHost::ProofOf(const FakeHsm& hsm, const std::string& hsm_id) const {
  using Proof = FakeHardware::Proof;
  proto::Zeroize proof;
  if (hardware_.proof == Proof::kNone || !hsm.device_key) return proof;
  wire::ZeroizeStatement says;
  says.hsm_id = hardware_.proof == Proof::kOtherHsm ? "hsm-aaaaaaaaaaa" : hsm_id;
  const Bytes statement = wire::MakeZeroizeStatement(says);
  Bytes signed_form = wire::SignedForm(statement);
  if (hardware_.proof == Proof::kBadSignature) signed_form.push_back(0);
  proof.set_statement(std::string(AsText(statement)));
  proof.set_signature(Text(
      hsm.device_key->Sign(crypto::SignatureScheme::kEcdsaSha256, crypto::MessageForm::kRaw, signed_form).value()));
  proof.set_device_certificate(hsm.device.manufacturer_hardware_certificate());
  return proof;
}

Task<Status> FakeHost::Snapshot(std::string hsm_id, std::string cluster_id, proto::MakeSnapshot asked) {
  proto::Control question;
  question.set_hsm_id(std::move(hsm_id));
  proto::SnapshotPut& put = *question.mutable_snapshot_put();
  put.set_cluster_id(std::move(cluster_id));
  put.set_number(1);
  put.set_backup_id(asked.backup_id());
  put.set_kind(asked.kind());
  put.set_data("sealed " + NewCounter());
  SR_CO_CHECK(co_await log_.Answer(host_id_, std::move(question)));
  co_return Status();
}

// Reads the newest backup, or else the one named, and has its key released, as a real HSM does.
Task<Status> FakeHost::Restore(std::string hsm_id, proto::RestoreCluster asked) {
  proto::Control question;
  question.set_hsm_id(hsm_id);
  question.mutable_snapshot_get()->set_cluster_id(asked.cluster_id());
  SR_CO_TRY(proto::Control found, co_await log_.Answer(host_id_, question));
  if (found.snapshot_get().number() == 0) {
    question.mutable_snapshot_get()->set_backup_id(asked.backup_id());
    SR_CO_TRY(found, co_await log_.Answer(host_id_, question));
  }
  question.mutable_release_keys()->set_cluster_id(found.snapshot_get().cluster_id());
  question.mutable_release_keys()->add_wrapped()->set_wrapped(found.snapshot_get().data());
  SR_CO_TRY(const proto::Control released, co_await log_.Answer(host_id_, question));
  hardware_.restored_from = released.release_keys().wrapped(0).wrapped();
  co_return Status();
}

std::string FakeHost::NewCounter() {
  static int count = 0;
  return std::to_string(++count);
}

Task<Result<proto::Control>> FakeHost::ToHsm(FakeHsm& hsm, std::string hsm_id, proto::Control question) {
  proto::Control answer;
  proto::HsmStatus& status = hsm.status;
  auto& asked = hardware_.asked;
  switch (question.body_case()) {
    case proto::Control::kHsmStatus:
      asked.push_back("status");
      if (status.lifecycle() != proto::EMPTY) {
        const std::uint64_t head = co_await HeadOf(hsm_id, status.cluster_id());
        status.set_head(hsm.behind > 0 ? head - 1 : head);
        hsm.behind -= hsm.behind > 0;
      }
      *answer.mutable_hsm_status() = status;
      break;
    case proto::Control::kDeviceRequest: {
      asked.push_back("device-request");
      if (!hsm.device_key) hsm.device_key = PrivateKey::Generate(KeySpec::kP256).value();
      const std::string pem = crypto::MakeCsr(Subject("HSM:" + hsm_id), *hsm.device_key).value();
      answer.mutable_device_request()->set_device_csr(Text(CsrDer(pem)));
      break;
    }
    case proto::Control::kInstallDevice:
      asked.push_back("install-device");
      hsm.device = question.install_device();
      status.set_aws_hardware_certificate(hsm.device.aws_hardware_certificate());
      status.set_manufacturer_hardware_certificate(hsm.device.manufacturer_hardware_certificate());
      status.set_manufacturer_root(hsm.device.manufacturer_root());
      break;
    case proto::Control::kCreateCluster: {
      asked.push_back("create");
      if (status.lifecycle() == proto::EMPTY) {
        ++hsm.created;
        SR_CO_CHECK(co_await Append(hsm_id, question.create_cluster().cluster_id()));
        status.set_cluster_id(question.create_cluster().cluster_id());
        status.set_lifecycle(proto::UNINITIALIZED);
        *status.add_members() = question.create_cluster().self();
        const auto subject = Subject("HSM:" + hsm_id.substr(4) + ":PARTN:3, for FIPS mode");
        status.set_csr(Text(CsrDer(crypto::MakeCsr(subject, ClusterKey()).value())));
        const auto device =
            crypto::Certificate::FromDer(AsBytes(hsm.device.manufacturer_hardware_certificate())).value();
        status.set_hsm_certificate(
            Text(crypto::Issue(subject, ClusterKey().public_key(), device, *hsm.device_key, {}).value().ToDer()));
      }
      *answer.mutable_hsm_status() = status;
      break;
    }
    case proto::Control::kInstallClusterCertificate:
      asked.push_back("install");
      if (!hardware_.refuse_install.empty()) co_return Error(Errc::kUntrusted, hardware_.refuse_install.front());
      ++hsm.installed;
      status.set_lifecycle(proto::INITIALIZED);
      status.set_cluster_certificate(question.install_cluster_certificate().certificate());
      break;
    case proto::Control::kAdmitMember: {
      asked.push_back("admit");
      ++hsm.admitted;
      const auto device = crypto::Certificate::FromDer(AsBytes(question.admit_member().device_certificate()));
      if (!device.ok() || !device->VerifyIssuedBy(*hardware_.manufacturer_root).ok()) {
        co_return Error(Errc::kUntrusted, "The device is not one of ours.");
      }
      SR_CO_CHECK(co_await Append(hsm_id, status.cluster_id()));
      break;
    }
    case proto::Control::kJoinCluster:
      asked.push_back("join");
      ++hsm.joined;
      status.set_cluster_id(question.join_cluster().cluster_id());
      status.set_lifecycle(proto::ACTIVE);
      if (status.members().empty()) *status.add_members() = question.join_cluster().self();
      break;
    case proto::Control::kRestoreCluster: {
      asked.push_back("restore");
      if (!status.members().empty()) break;
      SR_CO_CHECK(co_await Restore(hsm_id, question.restore_cluster()));
      ++hsm.restored;
      status.set_cluster_id(question.restore_cluster().cluster_id());
      status.set_lifecycle(proto::ACTIVE);
      *status.add_members() = question.restore_cluster().self();
      break;
    }
    case proto::Control::kRemoveMember:
      asked.push_back("remove");
      ++hsm.removed;
      break;
    case proto::Control::kMakeSnapshot:
      asked.push_back("snapshot-" + question.make_snapshot().kind());
      ++hsm.snapshots;
      SR_CO_CHECK(co_await Snapshot(hsm_id, status.cluster_id(), question.make_snapshot()));
      break;
    case proto::Control::kZeroize:
      asked.push_back("zeroize");
      ++hsm.zeroized;
      status.Clear();
      *answer.mutable_zeroize() = ProofOf(hsm, hsm_id);
      break;
    default: co_return Error(Errc::kUnsupported, "The fake HSM does not know this question.");
  }
  co_return answer;
}

}  // namespace strongroom::cloudhsm::testing
