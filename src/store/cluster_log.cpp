#include "store/cluster_log.h"

namespace strongroom::store {
namespace {
// Rows are fetched in steps, so that a reader with a small bound does not load a whole log first.
constexpr std::int64_t kRowsPerStep = 64;

Snapshot ToSnapshot(const Row& row, bool with_data) {
  Snapshot snapshot;
  snapshot.backup_id = row.Text(0);
  snapshot.number = row.Int(1);
  snapshot.created_at = row.Int(2);
  snapshot.kind = row.Text(3);
  if (with_data) snapshot.data = row.Blob(4);
  return snapshot;
}

Result<std::optional<Snapshot>> OneSnapshot(Transaction& transaction, std::string_view sql,
                                            std::initializer_list<Value> values) {
  SR_TRY(const std::optional<Row> row, transaction.QueryOne(sql, values));
  return row ? std::optional<Snapshot>(ToSnapshot(*row, true)) : std::nullopt;
}
}  // namespace

Result<std::vector<LogRecord>> ClusterLog::ReadIn(Transaction& transaction, const std::string& cluster_id,
                                                  std::int64_t from, std::size_t max_bytes) {
  max_bytes = std::min(max_bytes, kMaxReadBytes);
  // Sizes first: which numbers fit is known before a record is loaded.
  std::vector<LogRecord> records;
  std::size_t bytes = 0;
  for (std::int64_t next = from;;) {
    SR_TRY(const Rows sizes,
           transaction.Query("SELECT number, LENGTH(record) FROM cluster_log WHERE cluster_id = $1 AND number >= $2 "
                             "ORDER BY number LIMIT $3",
                             {Text(cluster_id), next, kRowsPerStep}));
    if (sizes.empty()) return records;
    std::int64_t last = -1;
    for (const Row& row : sizes) {
      const auto size = static_cast<std::size_t>(row.Int(1));
      const bool first = records.empty() && last < 0;
      if (!first && bytes + size > max_bytes) break;
      bytes += size;
      last = row.Int(0);
    }
    if (last < 0) return records;
    SR_TRY(const Rows rows,
           transaction.Query("SELECT number, prev_hash, record, appended_at FROM cluster_log WHERE cluster_id = $1 "
                             "AND number >= $2 AND number <= $3 ORDER BY number",
                             {Text(cluster_id), next, last}));
    for (const Row& row : rows) records.push_back({row.Int(0), row.Blob(1), row.Blob(2), row.Int(3)});
    if (last != sizes.back().Int(0) || sizes.size() < std::size_t(kRowsPerStep)) return records;
    next = last + 1;
  }
}

Result<AppendOutcome> ClusterLog::AppendIn(Transaction& transaction, const std::string& cluster_id, std::int64_t number,
                                           const Bytes& prev_hash, const Bytes& record) {
  if (number < 0 || record.empty() || record.size() > kMaxRecordBytes)
    return Error(Errc::kInvalidArgument, "A cluster log record has a wrong number or size.");
  SR_TRY(const std::int64_t now, transaction.NowMillis());
  SR_TRY(const auto head,
         transaction.QueryOne("SELECT number FROM cluster_log WHERE cluster_id = $1 ORDER BY number DESC LIMIT 1",
                              {Text(cluster_id)}));
  if (head && number > head->Int(0) + 1)
    return Error(Errc::kInvalidState, "A cluster log record does not follow the last one.");
  if (!head || number == head->Int(0) + 1) {
    SR_TRY(const std::int64_t written,
           transaction.Execute("INSERT INTO cluster_log (cluster_id, number, prev_hash, record, appended_at) "
                               "VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
                               {Text(cluster_id), number, prev_hash, record, now}));
    if (written == 1) return AppendOutcome{true, {}};
  }
  SR_TRY(auto existing, ReadIn(transaction, cluster_id, number, kMaxReadBytes));
  if (existing.empty() || existing.front().number != number)
    return Error(Errc::kInvalidState, "A cluster log record lies before the first one that is kept.");
  if (existing.front().record == record && existing.front().prev_hash == prev_hash) return AppendOutcome{true, {}};
  return AppendOutcome{false, std::move(existing)};
}

Result<std::int64_t> ClusterLog::MoveAsideIn(Transaction& transaction, const std::string& cluster_id, std::int64_t from,
                                             const std::string& reason) {
  SR_TRY(const std::int64_t now, transaction.NowMillis());
  SR_TRY(const std::int64_t moved,
         transaction.Execute(
             "INSERT INTO cluster_log_aside (cluster_id, moved_at, number, prev_hash, record, appended_at, reason) "
             "SELECT cluster_id, $3, number, prev_hash, record, appended_at, $4 FROM cluster_log "
             "WHERE cluster_id = $1 AND number >= $2",
             {Text(cluster_id), from, now, Text(reason)}));
  SR_CHECK(
      transaction.Execute("DELETE FROM cluster_log WHERE cluster_id = $1 AND number >= $2", {Text(cluster_id), from}));
  SR_CHECK(transaction.Execute("UPDATE cluster_snapshots SET kind = 'aside' WHERE cluster_id = $1 AND number >= $2",
                               {Text(cluster_id), from}));
  return moved;
}

Task<Result<AppendOutcome>> ClusterLog::Append(std::string cluster_id, std::int64_t number, Bytes prev_hash,
                                               Bytes record) {
  auto job = [cluster = std::move(cluster_id), number, prev = std::move(prev_hash), sealed = std::move(record)](
                 Transaction& transaction) { return AppendIn(transaction, cluster, number, prev, sealed); };
  co_return co_await database_.Run(std::move(job));
}

Task<Result<std::vector<LogRecord>>> ClusterLog::Read(std::string cluster_id, std::int64_t from,
                                                      std::size_t max_bytes) {
  auto job = [cluster = std::move(cluster_id), from, max_bytes](Transaction& transaction) {
    return ReadIn(transaction, cluster, from, max_bytes);
  };
  co_return co_await database_.RunRead(std::move(job));
}

Task<Result<LogHead>> ClusterLog::Head(std::string cluster_id) {
  auto job = [cluster = std::move(cluster_id)](Transaction& transaction) -> Result<LogHead> {
    SR_TRY(const auto row, transaction.QueryOne("SELECT number, prev_hash FROM cluster_log WHERE cluster_id = $1 "
                                                "ORDER BY number DESC LIMIT 1",
                                                {Text(cluster)}));
    return row ? LogHead{row->Int(0), row->Blob(1)} : LogHead{};
  };
  co_return co_await database_.RunRead(std::move(job));
}

Task<Status> ClusterLog::PutSnapshot(std::string cluster_id, Snapshot snapshot) {
  auto job = [cluster = std::move(cluster_id), wanted = std::move(snapshot)](Transaction& transaction) -> Status {
    if (wanted.data.empty() || wanted.data.size() > kMaxSnapshotBytes || wanted.number < 0 || wanted.backup_id.empty())
      return Error(Errc::kInvalidArgument, "A snapshot has a wrong number, size or id.");
    SR_TRY(const std::int64_t now, transaction.NowMillis());
    SR_TRY(const std::int64_t written,
           transaction.Execute(
               "INSERT INTO cluster_snapshots (cluster_id, number, backup_id, data, created_at, kind) "
               "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
               {Text(cluster), wanted.number, Text(wanted.backup_id), wanted.data, now, Text(wanted.kind)}));
    if (written == 1) return {};
    SR_TRY(const auto same,
           transaction.QueryOne("SELECT number FROM cluster_snapshots WHERE cluster_id = $1 AND backup_id = $2 "
                                "AND number = $3 AND data = $4",
                                {Text(cluster), Text(wanted.backup_id), wanted.number, wanted.data}));
    if (!same) return Error(Errc::kAlreadyExists, "A backup with this id already exists.");
    return {};
  };
  co_return co_await database_.Run(std::move(job));
}

Result<std::optional<Snapshot>> ClusterLog::NewestSnapshotIn(Transaction& transaction, const std::string& cluster_id) {
  return OneSnapshot(
      transaction,
      "SELECT backup_id, number, created_at, kind, data FROM cluster_snapshots "
      "WHERE cluster_id = $1 AND kind <> 'aside' ORDER BY number DESC, created_at DESC, backup_id LIMIT 1",
      {Text(cluster_id)});
}

Result<std::optional<Snapshot>> ClusterLog::GetSnapshotIn(Transaction& transaction, const std::string& cluster_id,
                                                          const std::string& backup_id) {
  return OneSnapshot(transaction,
                     "SELECT backup_id, number, created_at, kind, data FROM cluster_snapshots "
                     "WHERE cluster_id = $1 AND backup_id = $2",
                     {Text(cluster_id), Text(backup_id)});
}

Task<Result<std::optional<Snapshot>>> ClusterLog::NewestSnapshot(std::string cluster_id) {
  auto job = [cluster = std::move(cluster_id)](Transaction& transaction) {
    return NewestSnapshotIn(transaction, cluster);
  };
  co_return co_await database_.RunRead(std::move(job));
}

Task<Result<std::optional<Snapshot>>> ClusterLog::GetSnapshot(std::string cluster_id, std::string backup_id) {
  auto job = [cluster = std::move(cluster_id), backup = std::move(backup_id)](Transaction& transaction) {
    return GetSnapshotIn(transaction, cluster, backup);
  };
  co_return co_await database_.RunRead(std::move(job));
}

Task<Result<std::vector<Snapshot>>> ClusterLog::ListSnapshots(std::string cluster_id) {
  auto job = [cluster = std::move(cluster_id)](Transaction& transaction) -> Result<std::vector<Snapshot>> {
    SR_TRY(const Rows rows,
           transaction.Query("SELECT backup_id, number, created_at, kind FROM cluster_snapshots WHERE cluster_id = $1 "
                             "ORDER BY number DESC, created_at DESC, backup_id LIMIT 1000",
                             {Text(cluster)}));
    std::vector<Snapshot> snapshots;
    for (const Row& row : rows) snapshots.push_back(ToSnapshot(row, false));
    return snapshots;
  };
  co_return co_await database_.RunRead(std::move(job));
}

Task<Status> ClusterLog::DeleteSnapshot(std::string cluster_id, std::string backup_id) {
  auto job = [cluster = std::move(cluster_id), backup = std::move(backup_id)](Transaction& transaction) -> Status {
    SR_TRY(const std::int64_t gone,
           transaction.Execute("DELETE FROM cluster_snapshots WHERE cluster_id = $1 AND backup_id = $2",
                               {Text(cluster), Text(backup)}));
    if (gone == 0) return Error(Errc::kNotFound, "There is no such backup.");
    return {};
  };
  co_return co_await database_.Run(std::move(job));
}

}  // namespace strongroom::store
