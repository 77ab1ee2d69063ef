#pragma once

#include <cstddef>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace strongroom::iam {

/// A map by text that holds at most so many values: those used longest ago go first. Values are cheap to copy
/// (pointers). Threads   any.
template <typename Value>
class BoundedMap {
 public:
  explicit BoundedMap(std::size_t most) : most_(most) {}

  std::optional<Value> Find(std::string_view name) {
    const std::lock_guard lock(mutex_);
    const auto found = index_.find(name);
    if (found == index_.end()) return std::nullopt;
    entries_.splice(entries_.begin(), entries_, found->second);
    return found->second->second;
  }
  void Put(std::string name, Value value) {
    const std::lock_guard lock(mutex_);
    if (const auto old = index_.find(name); old != index_.end()) {
      entries_.erase(old->second);
      index_.erase(old);
    }
    while (!entries_.empty() && entries_.size() >= most_) {
      index_.erase(entries_.back().first);
      entries_.pop_back();
    }
    entries_.emplace_front(std::move(name), std::move(value));
    index_.emplace(entries_.front().first, entries_.begin());
  }
  template <typename Gone>
  void EraseIf(Gone gone) {
    const std::lock_guard lock(mutex_);
    for (auto at = entries_.begin(); at != entries_.end();) {
      if (!gone(at->first, at->second)) {
        ++at;
        continue;
      }
      index_.erase(at->first);
      at = entries_.erase(at);
    }
  }
  std::vector<std::pair<std::string, Value>> All() const {
    const std::lock_guard lock(mutex_);
    return {entries_.begin(), entries_.end()};
  }

 private:
  using Entries = std::list<std::pair<std::string, Value>>;
  const std::size_t most_;
  mutable std::mutex mutex_;
  Entries entries_;
  // The views are of the entries' names, which stay where they are.
  std::unordered_map<std::string_view, typename Entries::iterator> index_;
};

}  // namespace strongroom::iam
