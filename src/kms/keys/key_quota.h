#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <unordered_map>

#include "store/database.h"

namespace strongroom::kms {

/// Whether an account may have one key more in a Region. To count a million rows takes the store a tenth of a second,
/// with its one writer waiting; so a large count is kept for a minute, and what is asked for meanwhile is added to it.
///
/// Promise   with fewer than kCounted keys, or kMargin from the quota, the rows are counted each time and the quota is
///           exact. Otherwise it could be exceeded by other front ends only, with more than kMargin keys in a minute.
/// Threads   any.
class KeyQuota {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::int64_t kCounted = 10'000, kMargin = 10'000;
  static constexpr std::chrono::seconds kKept{60};

  explicit KeyQuota(std::int64_t keys, std::function<Clock::time_point()> now = &Clock::now)
      : keys_(keys), now_(std::move(now)) {}

  std::int64_t keys() const noexcept { return keys_; }
  /// For a transaction that is to insert a key. Errors: the store's.
  Result<bool> HasRoom(store::Transaction& t, const std::string& account, const std::string& region);

 private:
  struct Count {
    std::int64_t keys = 0;  // there and asked for
    Clock::time_point counted;
  };
  bool HasRoomByCount(const std::string& name);

  const std::int64_t keys_;
  const std::function<Clock::time_point()> now_;
  std::mutex mutex_;
  std::unordered_map<std::string, Count> counts_;  // by account and Region; only of those with many keys
};

}  // namespace strongroom::kms
