#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <list>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/bytes.h"
#include "hsm/vault/token.h"

namespace strongroom::hsm {

/// What tokens opened to, the most recently used first. Only tokens that have opened are put in, so their bytes (a
/// random salt) spread by themselves and nobody outside can choose where they land. Secrets   values wipe what they
/// hold when they are pushed out. Threads   one loop's.
template <typename Value>
class TokenMap {
 public:
  explicit TokenMap(std::size_t max_entries) : max_entries_(max_entries) {}

  /// The value, or null when the token is not held with exactly this binding. Valid until the next Put or Drop.
  const Value* Find(ByteView token, ByteView binding) {
    const auto found = index_.find(AsText(token));
    if (found == index_.end() || !std::ranges::equal(found->second->binding, binding)) return nullptr;
    if (found->second != entries_.begin()) entries_.splice(entries_.begin(), entries_, found->second);
    return &found->second->value;
  }
  const Value& Put(ByteView token, ByteView binding, Value value) {
    if (const auto old = index_.find(AsText(token)); old != index_.end()) {
      const auto entry = old->second;
      index_.erase(old);
      entries_.erase(entry);
    }
    while (!entries_.empty() && entries_.size() >= max_entries_) {
      index_.erase(AsText(entries_.back().token));
      entries_.pop_back();
    }
    std::uint32_t generation = 0;
    if (auto named = TokenGeneration(token); named.ok()) generation = *named;
    entries_.push_front(Entry{ToBytes(token), ToBytes(binding), generation, std::move(value)});
    index_.emplace(AsText(entries_.front().token), entries_.begin());
    return entries_.front().value;
  }
  void DropGeneration(std::uint32_t generation) {
    DropGenerationsIf([generation](std::uint32_t one) { return one == generation; });
  }
  template <std::predicate<std::uint32_t> Gone>
  void DropGenerationsIf(Gone gone) {
    for (auto at = entries_.begin(); at != entries_.end();) {
      if (!gone(at->generation)) {
        ++at;
        continue;
      }
      index_.erase(AsText(at->token));
      at = entries_.erase(at);
    }
  }
  void Clear() {
    index_.clear();
    entries_.clear();
  }
  std::size_t size() const noexcept { return entries_.size(); }

 private:
  struct Entry {
    Bytes token, binding;
    std::uint32_t generation = 0;
    Value value;
  };
  struct SaltHash {
    std::size_t operator()(std::string_view token) const noexcept {
      std::size_t salt = 0;
      if (token.size() >= kTokenHeadBytes + sizeof(salt))
        std::memcpy(&salt, token.data() + kTokenHeadBytes, sizeof(salt));
      return salt;
    }
  };
  const std::size_t max_entries_;
  std::list<Entry> entries_;
  std::unordered_map<std::string_view, typename std::list<Entry>::iterator, SaltHash> index_;
};

/// Material of SYMMETRIC_DEFAULT keys.
using TokenCache = TokenMap<OpenedToken>;

}  // namespace strongroom::hsm
