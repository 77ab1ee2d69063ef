#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/task.h"
#include "cluster.pb.h"

namespace strongroom::hsm::replica {

struct StoredRecord {
  std::uint64_t number = 0;
  Bytes record;
};

/// How an offer of a record ended.
struct Offer {
  enum class Outcome {
    kAppended,    // it stands at its number
    kLost,        // `rows` stands there instead
    kNotOffered,  // it certainly never reached the store
    kUnknown,     // it may stand there now or later
  };
  Outcome outcome = Outcome::kUnknown;
  std::vector<StoredRecord> rows;  // kLost: from the number on
  std::string why;                 // kNotOffered, kUnknown: for the log
  std::string refusal;             // kNotOffered: for the caller, when the store is there and has a reason
};

struct Rows {
  std::vector<StoredRecord> rows;
  std::uint64_t head = 0;  // number of the newest record; 0: none
};

struct StoredSnapshot {
  std::uint64_t number = 0;  // 0: there is none
  Bytes data;
};

/// A backup of another cluster.
struct SourceBackup {
  std::string cluster_id;
  StoredSnapshot snapshot;
};

/// The cluster's log and backups, as an HSM reaches them. Nothing behind it is trusted: records prove themselves.
/// Errors    kUnavailable or kTimeout when the store is away.
/// Threads   one loop.
class StoreLink {
 public:
  virtual ~StoreLink() = default;
  /// Offers a record for its number. Offering the same bytes twice is one append. Always ends within a bounded time.
  virtual Task<Offer> Append(std::string cluster_id, std::uint64_t number, Bytes prev_hash, Bytes record) = 0;
  /// Records from `from` on, in order, as many as one answer holds (at least one if there is one), and the head.
  virtual Task<Result<Rows>> Read(std::string cluster_id, std::uint64_t from) = 0;
  /// The same by an HSM whose log the store's contradicts: nobody is to wait for what it has beyond the store's head.
  virtual Task<Result<Rows>> ReadForked(std::string cluster_id, std::uint64_t from) {
    return Read(std::move(cluster_id), from);
  }
  /// An append of what the store had before it was set back.
  virtual Task<Offer> GiveBack(std::string cluster_id, std::uint64_t number, Bytes prev_hash, Bytes record) {
    return Append(std::move(cluster_id), number, std::move(prev_hash), std::move(record));
  }
  /// Moves the store's records from `from` on aside, the first of which has this hash. Errors: kConflict  it has not.
  virtual Task<Status> SetAside(std::string cluster_id, std::uint64_t from, Bytes row_hash);
  virtual Task<Status> PutSnapshot(std::string cluster_id, std::uint64_t number, std::string backup_id,
                                   std::string kind, Bytes data) = 0;
  /// The newest.
  virtual Task<Result<StoredSnapshot>> GetSnapshot(std::string cluster_id) = 0;
  /// The backup that this cluster is made from. Errors: kNotFound; kPermission for any other one.
  virtual Task<Result<SourceBackup>> GetBackup(std::string cluster_id, std::string backup_id);
  /// Has the domain cluster wrap to this device what is wrapped to the backup key; in the order of the question.
  virtual Task<Result<std::vector<proto::BackupWrapped>>> ReleaseKeys(std::string cluster_id, Bytes device_certificate,
                                                                      std::vector<proto::BackupWrapped> wrapped);
};

}  // namespace strongroom::hsm::replica
