#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
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
    found->second->used_in = turn_;
    return &found->second->value;
  }
  const Value& Put(ByteView token, ByteView binding, Value value) {
    if (const auto old = index_.find(AsText(token)); old != index_.end()) Erase(old->second);
    while (!entries_.empty() && entries_.size() >= max_entries_) Erase(std::prev(entries_.end()));
    std::uint32_t generation = 0;
    if (auto named = TokenGeneration(token); named.ok()) generation = *named;
    entries_.push_front(Entry{ToBytes(token), ToBytes(binding), generation, turn_, std::move(value)});
    index_.emplace(AsText(entries_.front().token), entries_.begin());
    by_binding_.emplace(AsText(entries_.front().binding), entries_.begin());
    return entries_.front().value;
  }
  /// Drops every token with this binding, of whatever generation. How many there were.
  std::size_t DropBinding(ByteView binding) {
    std::size_t dropped = 0;
    for (auto found = by_binding_.find(AsText(binding)); found != by_binding_.end();
         found = by_binding_.find(AsText(binding)), ++dropped)
      Erase(found->second);
    return dropped;
  }
  /// Begins a turn, and drops what was last used more than `kept_turns` turns before it.
  void NextTurn(std::uint64_t kept_turns) {
    ++turn_;
    while (!entries_.empty() && entries_.back().used_in + kept_turns < turn_) Erase(std::prev(entries_.end()));
  }
  void DropGeneration(std::uint32_t generation) {
    DropGenerationsIf([generation](std::uint32_t one) { return one == generation; });
  }
  template <std::predicate<std::uint32_t> Gone>
  void DropGenerationsIf(Gone gone) {
    for (auto at = entries_.begin(); at != entries_.end();) {
      const auto next = std::next(at);
      if (gone(at->generation)) Erase(at);
      at = next;
    }
  }
  void Clear() {
    index_.clear();
    by_binding_.clear();
    entries_.clear();
  }
  std::size_t size() const noexcept { return entries_.size(); }

 private:
  struct Entry {
    Bytes token, binding;
    std::uint32_t generation = 0;
    std::uint64_t used_in = 0;  // the turn
    Value value;
  };
  using Position = typename std::list<Entry>::iterator;
  struct SaltHash {
    std::size_t operator()(std::string_view token) const noexcept {
      std::size_t salt = 0;
      if (token.size() >= kTokenHeadBytes + sizeof(salt))
        std::memcpy(&salt, token.data() + kTokenHeadBytes, sizeof(salt));
      return salt;
    }
  };
  void Erase(Position entry) {
    const auto [begin, end] = by_binding_.equal_range(AsText(entry->binding));
    for (auto at = begin; at != end; ++at) {
      if (at->second != entry) continue;
      by_binding_.erase(at);
      break;
    }
    index_.erase(AsText(entry->token));
    entries_.erase(entry);
  }

  const std::size_t max_entries_;
  std::uint64_t turn_ = 0;
  std::list<Entry> entries_;
  std::unordered_map<std::string_view, Position, SaltHash> index_;
  // Ids of keys and materials come from the service, so nobody chooses where they land either.
  std::unordered_multimap<std::string_view, Position> by_binding_;
};

/// Material of SYMMETRIC_DEFAULT keys.
using TokenCache = TokenMap<OpenedToken>;

}  // namespace strongroom::hsm
