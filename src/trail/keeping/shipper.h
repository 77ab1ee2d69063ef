#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "store/database.h"
#include "trail/segment/indexer.h"

namespace strongroom::trail {

/// How far a front end's segments are durable on its disk: all before `number`, and `bytes` of that one's file.
struct DurableTo {
  std::int64_t number = 0;
  std::size_t bytes = 0;
};

/// Brings segments from a front end's disk to the store, where LookupEvents finds their records.
///
/// Promise   a segment's file is removed once the store has all of it. What the store has is never ahead of the disk.
///           After a restart the segments that are still on disk are brought there anew, from their beginning.
///           Many names cost a round no more than few: the index's rows of resources' names follow in portions, so that
///           by its name a record is found minutes later at most, and at once when its segment is closed.
/// Errors    those of the store and of files; the next round goes on where this one stopped.
/// Threads   one.
class Shipper {
 public:
  Shipper(store::Database& database, std::filesystem::path directory, std::string front_end);

  /// Of the index's rows of names: those of closed segments and one portion more, or all.
  enum class Names { kPortion, kAll };
  /// Everything that is durable. True when anything was brought.
  Result<bool> Ship(const DurableTo& to, Names names = Names::kPortion);
  /// Names in a portion. A row takes the store some 30 us.
  static constexpr std::size_t kPortion = 500;

 private:
  struct Segment {
    Indexer indexer;
    std::size_t offset = 0;  // of its file
    bool begun = false;      // the store has none but what came from here
  };
  Result<bool> Begin(std::int64_t number);
  Status Bring(std::size_t most_names);
  Status Send(bool closed);

  store::Database& database_;
  std::filesystem::path directory_;
  std::string front_end_;
  std::optional<Segment> segment_;
  std::optional<Indexer::Changes> unsent_;
};

}  // namespace strongroom::trail
