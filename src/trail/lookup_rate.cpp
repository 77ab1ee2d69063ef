#include "trail/lookup_rate.h"

#include <algorithm>

namespace strongroom::trail {

Status LookupRate::Admit(std::string_view account, std::string_view region) {
  if (!limited_) return {};
  std::string name(account);
  name.append(1, '|').append(region);
  const Clock::time_point now = now_();
  const std::lock_guard lock(mutex_);
  Bucket& bucket = buckets_.try_emplace(std::move(name), Bucket{.at = now}).first->second;
  const std::chrono::duration<double> since = now - bucket.at;
  bucket.room = std::min(kPerSecond, bucket.room + std::max(0.0, since.count()) * kPerSecond);
  bucket.at = now;
  if (bucket.room < 1) return Error(Errc::kThrottled, "Rate exceeded");
  bucket.room -= 1;
  return {};
}

}  // namespace strongroom::trail
