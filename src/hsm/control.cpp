#include "hsm/control.h"

#include "base/log.h"

namespace strongroom::hsm {
namespace {

std::string Text(const Bytes& bytes) { return std::string(AsText(bytes)); }

std::vector<replica::StoredRecord> RowsOf(google::protobuf::RepeatedPtrField<proto::LogRow>& rows) {
  std::vector<replica::StoredRecord> out;
  out.reserve(static_cast<std::size_t>(rows.size()));
  for (proto::LogRow& row : rows) out.push_back({row.number(), ToBytes(AsBytes(row.record()))});
  return out;
}

// The host's own words when it has nobody to pass a question on to (hsm_host/front_ends.cpp). Any other failure may
// have come after the store had the record; so would this one count, were the words to change.
constexpr std::string_view kNobodyWasAsked = "No front end is connected.";

Error WrongAnswer() { return Error(Errc::kUnavailable, "The control plane's answer does not fit the question."); }

}  // namespace

Control::Control(std::shared_ptr<control::Link> link, std::string hsm_id, Options options)
    : link_(std::move(link)), hsm_id_(std::move(hsm_id)), options_(options) {}

Control::~Control() { link_->Close(Error(Errc::kCancelled, "The HSM is stopping.")); }

void Control::Serve(replica::Replica& replica, std::function<void(const Error&)> on_closed) {
  replica_ = &replica;
  link_->Start([this](proto::Control question) { return Answer(std::move(question)); },
               [this](proto::Control notice) {
                 if (replica_ != nullptr && notice.has_log_notice()) replica_->OnLogNotice(notice.log_notice());
               },
               std::move(on_closed));
  TellStatus();
}

void Control::Detach() { replica_ = nullptr; }

void Control::TellStatus() {
  if (replica_ == nullptr) return;
  proto::Control notice;
  notice.set_hsm_id(hsm_id_);
  auto* status = notice.mutable_status_changed();
  status->set_cluster_id(replica_->state().identity().cluster_id);
  status->set_lifecycle(replica_->state().lifecycle());
  status->set_head(replica_->head());
  status->set_message(replica_->LogProblem());
  // A hint: the control plane asks for the status itself whenever it connects.
  if (const Status sent = link_->Notify(std::move(notice)); !sent.ok()) LogError("telling the status", sent.error());
}

Task<Result<proto::Control>> Control::Answer(proto::Control question) {
  if (replica_ == nullptr) co_return Error(Errc::kUnavailable, "The HSM is stopping.");
  if (!question.hsm_id().empty() && question.hsm_id() != hsm_id_)
    co_return Error(Errc::kNotFound, "This HSM is " + hsm_id_ + ", not " + question.hsm_id() + ".");
  proto::Control answer;
  const auto kind = question.body_case();
  const Status done = co_await Obey(question, answer);
  if (!done.ok()) {
    LogError("control question " + std::to_string(kind), done.error());
    co_return done.error();
  }
  co_return answer;
}

Task<Status> Control::Obey(proto::Control& question, proto::Control& answer) {
  replica::Replica& replica = *replica_;
  Status done;
  switch (question.body_case()) {
    case proto::Control::kHsmStatus: break;
    case proto::Control::kCreateCluster:
      done = co_await replica.CreateCluster(std::move(*question.mutable_create_cluster()));
      break;
    case proto::Control::kDeviceRequest: {
      SR_CO_TRY(const Bytes csr, co_await replica.DeviceRequest());
      answer.mutable_device_request()->set_device_csr(Text(csr));
      co_return Status{};
    }
    case proto::Control::kInstallDevice:
      done = co_await replica.InstallDevice(std::move(*question.mutable_install_device()));
      break;
    case proto::Control::kInstallClusterCertificate:
      done = co_await replica.InstallClusterCertificate(std::move(*question.mutable_install_cluster_certificate()));
      break;
    case proto::Control::kAdmitMember:
      done = co_await replica.AdmitMember(std::move(*question.mutable_admit_member()));
      break;
    case proto::Control::kJoinCluster:
      done = co_await replica.JoinCluster(std::move(*question.mutable_join_cluster()));
      break;
    case proto::Control::kRemoveMember:
      done = co_await replica.RemoveMember(std::move(*question.mutable_remove_member()->mutable_hsm_id()));
      break;
    case proto::Control::kRestoreCluster:
      done = co_await replica.RestoreCluster(std::move(*question.mutable_restore_cluster()));
      break;
    case proto::Control::kReplaceRecoveryKey:
      done = co_await replica.ReplaceRecoveryKey(
          std::move(*question.mutable_replace_recovery_key()->mutable_public_key()));
      break;
    case proto::Control::kMakeSnapshot: {
      auto* make = question.mutable_make_snapshot();
      done = co_await replica.MakeSnapshot(std::move(*make->mutable_kind()), std::move(*make->mutable_backup_id()));
      break;
    }
    case proto::Control::kEnrollFrontEnd:
      done = co_await replica.EnrollFrontEnd(std::move(*question.mutable_enroll_front_end()));
      break;
    case proto::Control::kRemoveFrontEnd:
      done = co_await replica.RemoveFrontEnd(std::move(*question.mutable_remove_front_end()));
      break;
    case proto::Control::kZeroize: {
      SR_CO_TRY(*answer.mutable_zeroize(), co_await replica.Zeroize());
      co_return Status{};
    }
    default: co_return Error(Errc::kUnsupported, "An HSM does not answer this control question.");
  }
  if (!done.ok()) co_return done;
  if (replica_ == nullptr) co_return Error(Errc::kUnavailable, "The HSM is stopping.");
  *answer.mutable_hsm_status() = replica_->HsmStatus();
  co_return Status{};
}

Task<replica::Offer> Control::Offered(proto::LogAppend append) {
  using Outcome = replica::Offer::Outcome;
  replica::Offer offer;
  proto::Control question;
  question.set_hsm_id(hsm_id_);
  *question.mutable_log_append() = std::move(append);
  auto answer = co_await link_->Ask(std::move(question), options_.log_deadline);
  if (!answer.ok()) {
    // A full or closed link took nothing, and a front end that waits for others' records (kStale) takes nothing;
    // anything else may have reached the store.
    const Error& error = answer.error();
    const bool refused = error.code() == Errc::kStale;
    const bool not_sent = error.code() == Errc::kThrottled || error.public_message() == kNobodyWasAsked;
    offer.outcome = refused || not_sent ? Outcome::kNotOffered : Outcome::kUnknown;
    offer.why = answer.error().ForLog();
    if (refused) offer.refusal = error.public_message();
    co_return offer;
  }
  if (!answer->has_log_append()) {
    offer.why = WrongAnswer().ForLog();
    co_return offer;
  }
  auto* answered = answer->mutable_log_append();
  offer.rows = RowsOf(*answered->mutable_rows());
  offer.outcome = offer.rows.empty() ? Outcome::kAppended : Outcome::kLost;
  co_return offer;
}

namespace {

proto::LogAppend AppendOf(std::string cluster_id, std::uint64_t number, const Bytes& prev_hash, const Bytes& record) {
  proto::LogAppend append;
  append.set_cluster_id(std::move(cluster_id));
  append.set_number(number);
  append.set_prev_hash(Text(prev_hash));
  append.set_record(Text(record));
  return append;
}

proto::LogRead ReadOf(std::string cluster_id, std::uint64_t from) {
  proto::LogRead read;
  read.set_cluster_id(std::move(cluster_id));
  read.set_from(from);
  return read;
}

}  // namespace

Task<replica::Offer> Control::Append(std::string cluster_id, std::uint64_t number, Bytes prev_hash, Bytes record) {
  proto::LogAppend append = AppendOf(std::move(cluster_id), number, prev_hash, record);
  co_return co_await Offered(std::move(append));
}

Task<replica::Offer> Control::GiveBack(std::string cluster_id, std::uint64_t number, Bytes prev_hash, Bytes record) {
  proto::LogAppend append = AppendOf(std::move(cluster_id), number, prev_hash, record);
  append.set_again(true);
  co_return co_await Offered(std::move(append));
}

Task<Result<replica::Rows>> Control::Rows(proto::LogRead read) {
  if (replica_ != nullptr) read.set_have(replica_->head());
  proto::Control question;
  question.set_hsm_id(hsm_id_);
  *question.mutable_log_read() = std::move(read);
  SR_CO_TRY(auto answer, co_await link_->Ask(std::move(question), options_.log_deadline));
  if (!answer.has_log_read()) co_return WrongAnswer();
  replica::Rows rows;
  rows.head = answer.log_read().head();
  rows.rows = RowsOf(*answer.mutable_log_read()->mutable_rows());
  co_return rows;
}

Task<Result<replica::Rows>> Control::Read(std::string cluster_id, std::uint64_t from) {
  proto::LogRead read = ReadOf(std::move(cluster_id), from);
  co_return co_await Rows(std::move(read));
}

Task<Result<replica::Rows>> Control::ReadForked(std::string cluster_id, std::uint64_t from) {
  proto::LogRead read = ReadOf(std::move(cluster_id), from);
  read.set_forked(true);
  co_return co_await Rows(std::move(read));
}

Task<Status> Control::SetAside(std::string cluster_id, std::uint64_t from, Bytes row_hash) {
  proto::Control question;
  question.set_hsm_id(hsm_id_);
  auto* aside = question.mutable_log_set_aside();
  aside->set_cluster_id(std::move(cluster_id));
  aside->set_from(from);
  aside->set_row_hash(Text(row_hash));
  SR_CO_CHECK(co_await link_->Ask(std::move(question), options_.log_deadline));
  co_return Status{};
}

Task<Status> Control::PutSnapshot(std::string cluster_id, std::uint64_t number, std::string backup_id, std::string kind,
                                  Bytes data) {
  proto::Control question;
  question.set_hsm_id(hsm_id_);
  auto* put = question.mutable_snapshot_put();
  put->set_cluster_id(std::move(cluster_id));
  put->set_number(number);
  put->set_backup_id(std::move(backup_id));
  put->set_kind(std::move(kind));
  put->set_data(Text(data));
  Bytes().swap(data);
  SR_CO_CHECK(co_await link_->Ask(std::move(question), options_.snapshot_deadline));
  co_return Status{};
}

Task<Result<replica::StoredSnapshot>> Control::GetSnapshot(std::string cluster_id) {
  proto::Control question;
  question.set_hsm_id(hsm_id_);
  question.mutable_snapshot_get()->set_cluster_id(std::move(cluster_id));
  SR_CO_TRY(auto answer, co_await link_->Ask(std::move(question), options_.snapshot_deadline));
  if (!answer.has_snapshot_get()) co_return WrongAnswer();
  co_return replica::StoredSnapshot{answer.snapshot_get().number(), ToBytes(AsBytes(answer.snapshot_get().data()))};
}

Task<Result<replica::SourceBackup>> Control::GetBackup(std::string cluster_id, std::string backup_id) {
  proto::Control question;
  question.set_hsm_id(hsm_id_);
  question.mutable_snapshot_get()->set_cluster_id(std::move(cluster_id));
  question.mutable_snapshot_get()->set_backup_id(std::move(backup_id));
  SR_CO_TRY(auto answer, co_await link_->Ask(std::move(question), options_.snapshot_deadline));
  if (!answer.has_snapshot_get()) co_return WrongAnswer();
  const proto::SnapshotGet& got = answer.snapshot_get();
  replica::SourceBackup backup;
  backup.cluster_id = got.cluster_id();
  backup.snapshot = replica::StoredSnapshot{got.number(), ToBytes(AsBytes(got.data()))};
  co_return backup;
}

Task<Result<std::vector<proto::BackupWrapped>>> Control::ReleaseKeys(std::string cluster_id, Bytes device_certificate,
                                                                     std::vector<proto::BackupWrapped> wrapped) {
  proto::Control question;
  question.set_hsm_id(hsm_id_);
  auto* release = question.mutable_release_keys();
  release->set_cluster_id(std::move(cluster_id));
  release->set_device_certificate(Text(device_certificate));
  const auto asked = wrapped.size();
  for (proto::BackupWrapped& each : wrapped) *release->add_wrapped() = std::move(each);
  SR_CO_TRY(auto answer, co_await link_->Ask(std::move(question), options_.snapshot_deadline));
  if (!answer.has_release_keys() || static_cast<std::size_t>(answer.release_keys().wrapped_size()) != asked)
    co_return WrongAnswer();
  auto& released = *answer.mutable_release_keys()->mutable_wrapped();
  co_return std::vector<proto::BackupWrapped>(std::move_iterator(released.begin()), std::move_iterator(released.end()));
}

}  // namespace strongroom::hsm
