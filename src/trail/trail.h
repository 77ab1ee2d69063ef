#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "aws/dispatch/call_trail.h"
#include "ports/audit.h"
#include "ports/clock.h"
#include "trail/keeping/shipper.h"
#include "trail/record/record.h"
#include "trail/segment/file.h"

namespace prometheus {
class Collectable;
}

namespace strongroom::trail {

/// Grouped: records are written in groups; a crash loses at most the last second's. Strict: no answer leaves before its
/// record is durable, and nothing is done while records cannot be written.
enum class Mode : std::uint8_t { kGrouped, kStrict };

/// Where a front end's chain goes on.
struct ChainHead {
  std::int64_t segment = 0;      // the last one
  std::int64_t next_record = 1;  // number of the next record
  ChainHash last{};
};

struct TrailOptions {
  std::filesystem::path directory;  // of the segments; made when it is missing
  std::string front_end;
  Mode mode = Mode::kGrouped;
  ChainHead stored;       // what the store has of this front end's chain
  Home home;              // whose trail has calls of callers who could not be established
  std::size_t loops = 1;  // size of the LoopGroup
  std::chrono::milliseconds write_every{100};
  std::chrono::milliseconds sync_every{500};
  std::size_t most_waiting_bytes = 64 << 20;  // records that wait for a disk that does not take them
  const ports::Clock* clock = nullptr;        // null: the machine's
  const FileCalls* calls = nullptr;           // null: the system's
};

/// What /healthz, /metrics and `strongroom status` say.
struct TrailHealth {
  std::uint64_t records = 0;        // since the start
  std::uint64_t lost = 0;           // dropped since the start because too many waited
  std::uint64_t waiting_bytes = 0;  // not yet written
  std::string failure;              // why nothing can be written just now; empty: it can
};

/// The audit trail of one front end: takes records from every loop and appends them to its chain of segments. Each loop
/// makes its records in groups of its own, which the writer takes as they are.
///
/// Promise   records of one loop stay in order; every record is in the chain exactly once, or counted as lost.
/// Errors    of Open: those of files; kCorrupted when what is there is not a segment.
/// Threads   Record, Admit, Durable: every loop at once. Know, CloseSegment and Stop: one owner, on no loop.
/// Lifetime  outlives the dispatcher. Services given to Know outlive it.
class Trail final : public aws::CallTrail, public ports::AuditSink {
 public:
  static Result<std::unique_ptr<Trail>> Open(TrailOptions options);
  ~Trail() override;

  /// Says which services' calls will come. Before the first of them.
  void Know(std::span<const aws::Service> services);

  Status Admit() const override;
  void Record(const aws::EndedCall& ended) override;
  bool holds_answers() const noexcept override;
  Task<Status> Durable() override;
  void Record(const ports::AuditEvent& event) override;

  /// How far the shipper may go.
  DurableTo durable() const;
  /// Ends the segment that is open, if it has a record, so that a digest can name it. Waits for it. Errors: the disk's.
  Status CloseSegment();
  TrailHealth health() const;
  std::shared_ptr<prometheus::Collectable> metrics() const;
  /// Writes what is there and ends. Idempotent.
  void Stop();

 private:
  struct Lane;
  struct State;
  explicit Trail(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace strongroom::trail
