#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "base/result.h"

namespace strongroom::trail {

/// How often LookupEvents may be called: twice a second in each account and Region, as in AWS, or without limit.
///
/// Errors    kThrottled.
/// Threads   any.
/// Source    CloudTrail API Reference, "LookupEvents".
class LookupRate {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr double kPerSecond = 2;

  explicit LookupRate(bool limited, std::function<Clock::time_point()> now = &Clock::now)
      : limited_(limited), now_(std::move(now)) {}
  Status Admit(std::string_view account, std::string_view region);

 private:
  struct Bucket {
    double room = kPerSecond;
    Clock::time_point at;
  };
  const bool limited_;
  const std::function<Clock::time_point()> now_;
  std::mutex mutex_;
  std::map<std::string, Bucket, std::less<>> buckets_;  // as many as there are accounts and Regions
};

}  // namespace strongroom::trail
