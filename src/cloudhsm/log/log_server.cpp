#include "cloudhsm/log/log_server.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/log.h"
#include "cloudhsm/backups.h"
#include "crypto/hash.h"
#include "store/cluster_log.h"

namespace strongroom::cloudhsm {
namespace {

constexpr std::size_t kHashBytes = 32;
constexpr std::size_t kLargestAnswer = 40u << 20;  // of a snapshot: under the control link's bound of 48 MiB
constexpr std::int64_t kHighestNumber = std::int64_t{1} << 62;

struct Sibling {
  std::string host_id, hsm_id;
};

Result<std::vector<Sibling>> SiblingsOf(store::Transaction& t, const std::string& cluster_id,
                                        const std::string& hsm_id) {
  SR_TRY(const store::Rows rows,
         t.Query("SELECT host_id, hsm_id FROM hsms WHERE cluster_id = $1 AND state = 'ACTIVE' AND hsm_id <> $2",
                 {store::Text(cluster_id), store::Text(hsm_id)}));
  std::vector<Sibling> siblings;
  for (const store::Row& row : rows) siblings.push_back({row.Text(0), row.Text(1)});
  return siblings;
}
struct Appended {
  store::AppendOutcome outcome;
  std::int64_t head = 0;
  std::vector<Sibling> siblings;
};

Bytes Copy(const std::string& text) { return ToBytes(AsBytes(text)); }

// The envelope's hsm_id is the host's word; the store says which HSMs that host may speak for.
Status RequireMember(store::Transaction& t, const std::string& host_id, const std::string& hsm_id,
                     const std::string& cluster_id) {
  SR_TRY(const auto row, t.QueryOne("SELECT host_id, cluster_id FROM hsms WHERE hsm_id = $1 AND state <> 'DELETED'",
                                    {store::Text(hsm_id)}));
  if (row && row->Text(0) == host_id && row->Text(1) == cluster_id) return {};
  return Error(Errc::kPermission, "This HSM does not belong to that cluster.")
      .WithDetail("hsm " + hsm_id + " of host " + host_id + ", cluster " + cluster_id);
}

// The backup that a cluster was made from.
Result<BackupRow> SourceOf(store::Transaction& t, const std::string& cluster_id) {
  SR_TRY(const std::optional<ClusterRow> cluster, LoadClusterById(t, cluster_id));
  if (!cluster || !cluster->source_backup_id) {
    return Error(Errc::kPermission, "This cluster is not made from a backup.").WithDetail(cluster_id);
  }
  return RequireBackupById(t, *cluster->source_backup_id);
}

Result<std::int64_t> HeadOf(store::Transaction& t, const std::string& cluster_id) {
  SR_TRY(const auto row, t.QueryOne("SELECT COALESCE(MAX(number), 0) FROM cluster_log WHERE cluster_id = $1",
                                    {store::Text(cluster_id)}));
  return row ? row->Int(0) : 0;
}

Result<std::int64_t> Number(std::uint64_t wire) {
  if (wire < 1 || wire > static_cast<std::uint64_t>(kHighestNumber)) {
    return Error(Errc::kInvalidArgument, "That is no number of a log record.");
  }
  return static_cast<std::int64_t>(wire);
}

void Fill(google::protobuf::RepeatedPtrField<proto::LogRow>& to, const std::vector<store::LogRecord>& from) {
  for (const store::LogRecord& record : from) {
    proto::LogRow& row = *to.Add();
    row.set_number(static_cast<std::uint64_t>(record.number));
    row.set_record(record.record.data(), record.record.size());
  }
}

}  // namespace

Task<Result<proto::Control>> LogServer::Answer(std::string host_id, proto::Control question) {
  const proto::Control::BodyCase which = question.body_case();
  switch (which) {
    case proto::Control::kLogAppend: co_return co_await Append(std::move(host_id), std::move(question));
    case proto::Control::kLogRead: co_return co_await Read(std::move(host_id), std::move(question));
    case proto::Control::kSnapshotPut: co_return co_await PutSnapshot(std::move(host_id), std::move(question));
    case proto::Control::kSnapshotGet: co_return co_await GetSnapshot(std::move(host_id), std::move(question));
    case proto::Control::kLogSetAside: co_return co_await SetAside(std::move(host_id), std::move(question));
    case proto::Control::kReleaseKeys: co_return co_await ReleaseKeys(std::move(host_id), std::move(question));
    default:
      co_return Error(Errc::kUnsupported, "A front end does not answer this question.")
          .WithDetail("body " + std::to_string(static_cast<int>(which)));
  }
}

Task<Result<proto::Control>> LogServer::Append(std::string host_id, proto::Control question) {
  const proto::LogAppend& asked = question.log_append();
  SR_CO_TRY(const std::int64_t number, Number(asked.number()));
  if (asked.prev_hash().size() != kHashBytes) {
    co_return Error(Errc::kInvalidArgument, "A record is chained by a hash of 32 bytes.");
  }
  const std::string hsm_id = question.hsm_id();
  if (!asked.again()) co_await turns_.Wait(asked.cluster_id(), hsm_id);
  auto append = [host_id, hsm_id, cluster_id = asked.cluster_id(), number, prev_hash = Copy(asked.prev_hash()),
                 record = Copy(asked.record()), again = asked.again(),
                 heads = heads_.For(asked.cluster_id())](store::Transaction& t) -> Result<Appended> {
    SR_CHECK(RequireMember(t, host_id, hsm_id, cluster_id));
    Appended done;
    SR_TRY(std::vector<Sibling> siblings, SiblingsOf(t, cluster_id, hsm_id));
    SR_TRY(const auto last,
           t.QueryOne("SELECT number, record FROM cluster_log WHERE cluster_id = $1 ORDER BY number DESC LIMIT 1",
                      {store::Text(cluster_id)}));
    const std::int64_t before = last ? last->Int(0) : 0;
    // Two HSMs with different histories of one length: what the one appended, the others could not follow.
    if (last && number == before + 1 && AsText(crypto::Sha256(last->Blob(1))) != AsText(prev_hash))
      return Error(Errc::kStale, "The cluster's log has another record " + std::to_string(before) +
                                     " than this HSM; nothing was changed.");
    if (!again && number == before + 1) {
      std::vector<std::string> others;
      for (const Sibling& sibling : siblings) others.push_back(sibling.hsm_id);
      SR_CHECK(heads.Allow(static_cast<std::uint64_t>(number), others));
    }
    SR_TRY(done.outcome, store::ClusterLog::AppendIn(t, cluster_id, number, prev_hash, record));
    SR_TRY(done.head, HeadOf(t, cluster_id));
    if (done.outcome.appended) done.siblings = std::move(siblings);
    return done;
  };
  SR_CO_TRY(const Appended done, co_await database_.Run(std::move(append)));
  if (done.outcome.appended) {
    turns_.Won(asked.cluster_id(), hsm_id);
  } else {
    turns_.Lost(asked.cluster_id(), hsm_id);
  }
  proto::Control answer;
  proto::LogAppend& body = *answer.mutable_log_append();
  body.set_cluster_id(asked.cluster_id());
  body.set_number(asked.number());
  body.set_head(static_cast<std::uint64_t>(done.head));
  Fill(*body.mutable_rows(), done.outcome.existing);
  if (!done.siblings.empty()) {
    proto::Control notice;
    notice.mutable_log_notice()->set_cluster_id(asked.cluster_id());
    notice.mutable_log_notice()->set_head(static_cast<std::uint64_t>(done.head));
    for (const Sibling& sibling : done.siblings) notice_(sibling.host_id, sibling.hsm_id, notice);
  }
  co_return answer;
}

Task<Result<proto::Control>> LogServer::Read(std::string host_id, proto::Control question) {
  const proto::LogRead& asked = question.log_read();
  // 0 asks for all there is, as 1 does.
  SR_CO_TRY(const std::int64_t from, Number(std::max<std::uint64_t>(1, asked.from())));
  struct Found {
    std::vector<store::LogRecord> records;
    std::int64_t head = 0;
  };
  auto read = [host_id, hsm_id = question.hsm_id(), cluster_id = asked.cluster_id(),
               from](store::Transaction& t) -> Result<Found> {
    SR_CHECK(RequireMember(t, host_id, hsm_id, cluster_id));
    Found found;
    SR_TRY(found.records, store::ClusterLog::ReadIn(t, cluster_id, from, store::ClusterLog::kMaxReadBytes));
    SR_TRY(found.head, HeadOf(t, cluster_id));
    return found;
  };
  const std::string cluster_id = asked.cluster_id(), hsm_id = question.hsm_id();
  const std::uint64_t have = asked.have();
  const bool forked = asked.forked();
  SR_CO_TRY(const Found found, co_await database_.RunRead(std::move(read)));
  if (forked) {
    heads_.Forget(cluster_id, hsm_id);
  } else {
    heads_.Report(cluster_id, hsm_id, have);
  }
  proto::Control answer;
  proto::LogRead& body = *answer.mutable_log_read();
  body.set_cluster_id(asked.cluster_id());
  body.set_from(asked.from());
  body.set_head(static_cast<std::uint64_t>(found.head));
  Fill(*body.mutable_rows(), found.records);
  co_return answer;
}

// An officer chose (hsm/replica/core_fork.cpp); the HSM's word is enough, since all that it could undo is kept.
Task<Result<proto::Control>> LogServer::SetAside(std::string host_id, proto::Control question) {
  const proto::LogSetAside asked = question.log_set_aside();
  SR_CO_TRY(const std::int64_t from, Number(asked.from()));
  auto move = [host_id, hsm_id = question.hsm_id(), asked, from](store::Transaction& t) -> Result<std::int64_t> {
    SR_CHECK(RequireMember(t, host_id, hsm_id, asked.cluster_id()));
    SR_TRY(const auto row, t.QueryOne("SELECT record FROM cluster_log WHERE cluster_id = $1 AND number = $2",
                                      {store::Text(asked.cluster_id()), from}));
    if (!row || AsText(crypto::Sha256(row->Blob(0))) != asked.row_hash())
      return Error(Errc::kConflict, "The cluster's log has another record there by now.");
    return store::ClusterLog::MoveAsideIn(t, asked.cluster_id(), from, "an officer chose the log of " + hsm_id);
  };
  SR_CO_TRY(const std::int64_t moved, co_await database_.Run(std::move(move)));
  log::Warn("an officer of cluster {} chose the log of {}: {} records from {} on were moved aside", asked.cluster_id(),
            question.hsm_id(), moved, from);
  proto::Control answer;
  *answer.mutable_log_set_aside() = asked;
  co_return answer;
}

Task<Result<proto::Control>> LogServer::PutSnapshot(std::string host_id, proto::Control question) {
  const proto::SnapshotPut& asked = question.snapshot_put();
  SR_CO_TRY(const std::int64_t number, Number(asked.number()));
  if (!asked.backup_id().starts_with("backup-") || asked.backup_id().size() > 23 || asked.kind().size() > 32 ||
      asked.data().empty() || asked.data().size() > kLargestAnswer) {
    co_return Error(Errc::kInvalidArgument, "A backup has an id, a kind and at most 40 MiB of data.");
  }
  auto check = [host_id, hsm_id = question.hsm_id(), cluster_id = asked.cluster_id()](store::Transaction& t) {
    return RequireMember(t, host_id, hsm_id, cluster_id);
  };
  SR_CO_CHECK(co_await database_.RunRead(std::move(check)));
  store::Snapshot snapshot;
  snapshot.backup_id = asked.backup_id();
  snapshot.number = number;
  snapshot.kind = asked.kind();
  snapshot.data = Copy(asked.data());
  store::ClusterLog log(database_);
  const Status put = co_await log.PutSnapshot(asked.cluster_id(), std::move(snapshot));
  // Made twice because an answer was lost: the first one is as good, and backups do not change.
  if (!put.ok() && put.error().code() != Errc::kAlreadyExists) co_return put.error();
  proto::Control answer;
  answer.mutable_snapshot_put()->set_cluster_id(asked.cluster_id());
  answer.mutable_snapshot_put()->set_number(asked.number());
  answer.mutable_snapshot_put()->set_backup_id(asked.backup_id());
  co_return answer;
}

Task<Result<proto::Control>> LogServer::GetSnapshot(std::string host_id, proto::Control question) {
  struct Found {
    std::string cluster_id;  // whose state it is
    std::optional<store::Snapshot> snapshot;
  };
  auto load = [host_id, hsm_id = question.hsm_id(),
               asked = question.snapshot_get()](store::Transaction& t) -> Result<Found> {
    SR_CHECK(RequireMember(t, host_id, hsm_id, asked.cluster_id()));
    Found found{asked.cluster_id(), {}};
    if (asked.backup_id().empty()) {
      SR_TRY(found.snapshot, store::ClusterLog::NewestSnapshotIn(t, asked.cluster_id()));
      return found;
    }
    SR_TRY(const BackupRow source, SourceOf(t, asked.cluster_id()));
    if (source.backup_id != asked.backup_id())
      return Error(Errc::kPermission, "This cluster is not made from that backup.").WithDetail(asked.backup_id());
    found.cluster_id = source.data_cluster_id;
    SR_TRY(found.snapshot, store::ClusterLog::GetSnapshotIn(t, source.data_cluster_id, source.data_backup_id));
    if (!found.snapshot) return Error(Errc::kNotFound, "Backup " + source.backup_id + " was not found.");
    return found;
  };
  SR_CO_TRY(const Found found, co_await database_.RunRead(std::move(load)));
  proto::Control answer;
  answer.mutable_snapshot_get()->set_cluster_id(found.cluster_id);
  if (found.snapshot) {
    if (found.snapshot->data.size() > kLargestAnswer) {
      co_return Error(Errc::kRequestTooLarge, "The backup is too large to be sent.");
    }
    answer.mutable_snapshot_get()->set_number(static_cast<std::uint64_t>(found.snapshot->number));
    answer.mutable_snapshot_get()->set_data(found.snapshot->data.data(), found.snapshot->data.size());
  }
  co_return answer;
}

Task<Result<proto::Control>> LogServer::ReleaseKeys(std::string host_id, proto::Control question) {
  if (certifier_ == nullptr) {
    co_return Error(Errc::kUnsupported, "Nothing is released from the deployment backup key here.");
  }
  auto check = [host_id, hsm_id = question.hsm_id(),
                wanted = question.release_keys().cluster_id()](store::Transaction& t) -> Status {
    SR_TRY(const auto row, t.QueryOne("SELECT cluster_id FROM hsms WHERE hsm_id = $1", {store::Text(hsm_id)}));
    const std::string own = row ? row->Text(0) : std::string();
    SR_CHECK(RequireMember(t, host_id, hsm_id, own));
    if (own == wanted) return {};
    SR_TRY(const BackupRow source, SourceOf(t, own));
    if (source.data_cluster_id == wanted) return {};
    return Error(Errc::kPermission, "This cluster is not made from a backup of that one.").WithDetail(wanted);
  };
  SR_CO_CHECK(co_await database_.RunRead(std::move(check)));
  proto::ReleaseKeysRequest request;
  request.set_cluster_id(question.release_keys().cluster_id());
  request.set_device_certificate(question.release_keys().device_certificate());
  request.set_hsm_id(question.hsm_id());
  *request.mutable_wrapped() = question.release_keys().wrapped();
  SR_CO_TRY(proto::ReleaseKeysReply released, co_await certifier_->Release(std::move(request)));
  proto::Control answer;
  *answer.mutable_release_keys()->mutable_wrapped() = std::move(*released.mutable_wrapped());
  co_return answer;
}

}  // namespace strongroom::cloudhsm
