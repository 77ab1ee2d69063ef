#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "aws/dispatch/operation.h"
#include "kms/keys/key.h"

namespace strongroom::kms {

/// Which request rates are in force.
enum class Throttling : std::uint8_t {
  kOff,  // none
  kAws   // AWS's published ones
};

/// Requests per second of each calling account and region, in the groups that AWS counts them in (spec/kms.md 8.2). A
/// bucket holds one second of its rate. Calls that fail later count, too.
///
/// Errors    kThrottled.
/// Threads   any.
class RequestRates {
 public:
  using Clock = std::chrono::steady_clock;
  explicit RequestRates(Throttling throttling, std::function<Clock::time_point()> now = &Clock::now)
      : on_(throttling == Throttling::kAws), now_(std::move(now)) {}

  /// Before the handler: what the operation's name and members decide alone.
  Status Admit(const aws::Call& call);
  /// Once a key is known that a call is to use: cryptographic operations count by spec and key store. `action` tells
  /// ReEncrypt's two keys apart.
  Status AdmitOnKey(const aws::Call& call, std::string_view action, const KeyRow& key);

 private:
  struct Bucket {
    double tokens = 0;
    Clock::time_point filled;
  };
  struct Shard {
    std::mutex mutex;
    std::unordered_map<std::string, Bucket> buckets;
  };
  Status TakeSymmetric(const aws::Call& call, const std::string& store_id);
  Status Take(const aws::Call& call, std::string_view group, double rate) {
    return TakeIn(call.account(), call.region, group, rate);
  }
  Status TakeIn(std::string_view account, std::string_view region, std::string_view group, double rate,
                double tokens = 1);
  Status TakeInOtherRegion(const aws::Call& call);

  const bool on_;
  const std::function<Clock::time_point()> now_;
  std::array<Shard, 16> shards_;
};

}  // namespace strongroom::kms
