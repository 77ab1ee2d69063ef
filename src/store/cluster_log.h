#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "store/database.h"

namespace strongroom::store {

/// One sealed record of a cluster's log; the store can read neither `record` nor what it chains to.
struct LogRecord {
  std::int64_t number = 0;
  Bytes prev_hash;
  Bytes record;
  std::int64_t appended_at = 0;  ///< milliseconds, the database's clock
};

/// Either the record is in force at its number, or the race was lost and `existing` begins with what stands there.
struct AppendOutcome {
  bool appended = false;
  std::vector<LogRecord> existing;
};

struct LogHead {
  std::int64_t number = -1;  ///< -1: the log is empty
  Bytes prev_hash;
};

/// A sealed snapshot of a cluster's state at `number`; a backup, too.
struct Snapshot {
  std::string backup_id;
  std::int64_t number = 0;
  Bytes data;  ///< empty in lists
  std::int64_t created_at = 0;
  std::string kind;
};

/// Keeps each cluster's sealed log and snapshots (DESIGN section 3).
///
/// Promise   records of one cluster have consecutive numbers, each is written once and never changed; Append() returns
///           after it is durable. Repeating an append whose answer was lost (same number, same record) is a success.
/// Errors    kInvalidState     the number is not the next (there would be a gap)
///           kInvalidArgument  a negative number, an empty record, or one over kMaxRecordBytes
///           and Database's: after kTimeout, read the number to learn what happened.
/// Threads   any loop.
class ClusterLog {
 public:
  static constexpr std::size_t kMaxRecordBytes = 1 << 20;
  static constexpr std::size_t kMaxSnapshotBytes = 256U << 20;
  static constexpr std::size_t kMaxReadBytes = 4U << 20;

  explicit ClusterLog(Database& database) : database_(database) {}

  /// Writes the record at `number`, which is the head's successor (any number >= 0 when the log is empty: a restored
  /// cluster goes on from its backup). A lost race returns the records from `number` on, at most kMaxReadBytes.
  Task<Result<AppendOutcome>> Append(std::string cluster_id, std::int64_t number, Bytes prev_hash, Bytes record);
  /// Records from `from` on, in order, at least one (if there is one) and then as many as fit into `max_bytes`
  /// (capped at kMaxReadBytes).
  Task<Result<std::vector<LogRecord>>> Read(std::string cluster_id, std::int64_t from, std::size_t max_bytes);
  Task<Result<LogHead>> Head(std::string cluster_id);

  /// Stores a snapshot. Errors: kAlreadyExists when the backup id is taken by other content.
  Task<Status> PutSnapshot(std::string cluster_id, Snapshot snapshot);
  /// The snapshot with the highest number, or none.
  Task<Result<std::optional<Snapshot>>> NewestSnapshot(std::string cluster_id);
  /// One by its id, or none.
  Task<Result<std::optional<Snapshot>>> GetSnapshot(std::string cluster_id, std::string backup_id);
  /// Newest first, without data; at most 1000.
  Task<Result<std::vector<Snapshot>>> ListSnapshots(std::string cluster_id);
  /// Errors: kNotFound.
  Task<Status> DeleteSnapshot(std::string cluster_id, std::string backup_id);

  /// The same inside a transaction of the caller's.
  static Result<AppendOutcome> AppendIn(Transaction& transaction, const std::string& cluster_id, std::int64_t number,
                                        const Bytes& prev_hash, const Bytes& record);
  /// Moves the records from `from` on into cluster_log_aside and gives how many they were. Snapshots of that end of the
  /// log stay, but are nobody's newest any more.
  static Result<std::int64_t> MoveAsideIn(Transaction& transaction, const std::string& cluster_id, std::int64_t from,
                                          const std::string& reason);
  static Result<std::vector<LogRecord>> ReadIn(Transaction& transaction, const std::string& cluster_id,
                                               std::int64_t from, std::size_t max_bytes);
  static Result<std::optional<Snapshot>> NewestSnapshotIn(Transaction& transaction, const std::string& cluster_id);
  static Result<std::optional<Snapshot>> GetSnapshotIn(Transaction& transaction, const std::string& cluster_id,
                                                       const std::string& backup_id);

 private:
  Database& database_;
};

}  // namespace strongroom::store
