#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/task.h"

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
};

struct Rows {
  std::vector<StoredRecord> rows;
  std::uint64_t head = 0;  // number of the newest record; 0: none
};

struct StoredSnapshot {
  std::uint64_t number = 0;  // 0: there is none
  Bytes data;
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
  virtual Task<Status> PutSnapshot(std::string cluster_id, std::uint64_t number, std::string backup_id,
                                   std::string kind, Bytes data) = 0;
  /// The newest.
  virtual Task<Result<StoredSnapshot>> GetSnapshot(std::string cluster_id) = 0;
};

}  // namespace strongroom::hsm::replica
