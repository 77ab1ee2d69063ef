#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "aws_client/object_store.h"
#include "store/database.h"
#include "trail/keeping/gone.h"
#include "trail/record/record.h"

namespace prometheus {
class Collectable;
}

namespace strongroom::trail {

struct DeliveryOptions {
  std::string front_end;
  std::string bucket, prefix;  // as digests name the place; the prefix is empty or ends in a slash
  Home home;                   // whose records they are that name no account, and where digests lie
  /// Opens the bucket; what is under way there ends when `stop` is requested. Called again after failures.
  std::function<Result<std::unique_ptr<aws_client::ObjectStore>>(std::stop_token stop)> open;
  /// As of KeeperOptions.
  std::function<Result<Bytes>(Bytes message)> sign;
  std::function<Result<Bytes>()> public_key;
  GoneFrontEnds gone;
  std::chrono::milliseconds look_every{2000};
  std::chrono::milliseconds first_pause{1000}, most_pause{60'000};  // after failures
  std::size_t bytes_per_second = 8 << 20;                           // that are sent
  std::size_t file_bytes = 8 << 20, most_bytes = 32 << 20;          // of JSON: in one file, in all that are open
};

/// What /healthz and /metrics say.
struct DeliveryHealth {
  std::uint64_t records = 0, files = 0;  // since the start
  std::int64_t waiting_segments = 0;     // closed and in the store, not in the bucket
  std::string failure;                   // empty: it works
};

/// On a thread of its own: brings a front end's closed segments from the store to a bucket, as files like CloudTrail's,
/// each segment followed by a signed digest that names its files (docs/formats.md). After its own those of front ends
/// that are gone, which go on where they were.
///
/// Promise   each record is in the files that digests name exactly once. What was delivered is in the store, so a
///           restart goes on where it was; what was interrupted is sent again under the same names. A bucket that
///           cannot be reached costs neither memory nor anything of the service.
/// Errors    are logged once, kept for health() and tried again with growing pauses.
/// Threads   Start and Stop: one owner. health: any.
/// Lifetime  the database outlives it.
class Delivery {
 public:
  Delivery(store::Database& database, DeliveryOptions options);
  ~Delivery();

  void Start();
  /// Gives up what is under way. Idempotent.
  void Stop();
  DeliveryHealth health() const;
  std::shared_ptr<prometheus::Collectable> metrics() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// What a delivery's digest signs: CloudTrail's `end time | "\n" | bucket/object | "\n" | SHA-256 of the digest, hex |
/// "\n" | signature before, hex, or "null"`. Source: CloudTrail User Guide, "Custom implementations of log file
/// integrity validation".
struct SignedDigest {
  std::string end_time, place, hash, previous_signature;
};
std::string SignedText(const SignedDigest& digest);

}  // namespace strongroom::trail
