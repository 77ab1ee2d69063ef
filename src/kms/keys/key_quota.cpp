#include "kms/keys/key_quota.h"

#include "kms/keys/rows.h"

namespace strongroom::kms {

bool KeyQuota::HasRoomByCount(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto found = counts_.find(name);
  if (found == counts_.end()) return false;
  Count& count = found->second;
  if (now_() - count.counted >= kKept || count.keys + kMargin >= keys_) return false;
  ++count.keys;
  return true;
}

Result<bool> KeyQuota::HasRoom(store::Transaction& t, const std::string& account, const std::string& region) {
  const std::string name = account + '|' + region;
  if (HasRoomByCount(name)) return true;
  const Clock::time_point now = now_();
  SR_TRY(const std::int64_t keys, CountKeys(t, account, region));
  const std::lock_guard lock(mutex_);
  if (keys < kCounted)
    counts_.erase(name);
  else
    counts_[name] = {keys + 1, now};
  return keys < keys_;
}

}  // namespace strongroom::kms
