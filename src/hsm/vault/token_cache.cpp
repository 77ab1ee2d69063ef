#include "hsm/vault/token_cache.h"

#include <algorithm>
#include <cstring>

namespace strongroom::hsm {

std::size_t TokenCache::SaltHash::operator()(std::string_view token) const noexcept {
  std::size_t salt = 0;
  if (token.size() >= kTokenHeadBytes + sizeof(salt)) std::memcpy(&salt, token.data() + kTokenHeadBytes, sizeof(salt));
  return salt;
}

const OpenedToken* TokenCache::Find(ByteView token, ByteView binding) {
  const auto found = index_.find(AsText(token));
  if (found == index_.end() || !std::ranges::equal(found->second->binding, binding)) return nullptr;
  if (found->second != entries_.begin()) entries_.splice(entries_.begin(), entries_, found->second);
  return &found->second->opened;
}

const OpenedToken& TokenCache::Put(ByteView token, ByteView binding, OpenedToken opened) {
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
  entries_.push_front(Entry{ToBytes(token), ToBytes(binding), generation, std::move(opened)});
  index_.emplace(AsText(entries_.front().token), entries_.begin());
  return entries_.front().opened;
}

void TokenCache::DropGeneration(std::uint32_t generation) {
  for (auto at = entries_.begin(); at != entries_.end();) {
    if (at->generation != generation) {
      ++at;
      continue;
    }
    index_.erase(AsText(at->token));
    at = entries_.erase(at);
  }
}

void TokenCache::Clear() {
  index_.clear();
  entries_.clear();
}

}  // namespace strongroom::hsm
