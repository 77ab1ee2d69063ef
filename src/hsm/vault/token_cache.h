#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <string_view>
#include <unordered_map>

#include "base/bytes.h"
#include "hsm/vault/token.h"

namespace strongroom::hsm {

/// Opened tokens, the most recently used first. Only tokens that have opened are put in, so their bytes (a random salt)
/// spread by themselves and nobody outside can choose where they land.
/// Secrets   material lives in locked memory and is wiped when it is pushed out.
/// Threads   one loop's.
class TokenCache {
 public:
  explicit TokenCache(std::size_t max_entries) : max_entries_(max_entries) {}

  /// The material, or null when the token is not held with exactly this binding. Valid until the next Put or Drop.
  const OpenedToken* Find(ByteView token, ByteView binding);
  const OpenedToken& Put(ByteView token, ByteView binding, OpenedToken opened);
  void DropGeneration(std::uint32_t generation);
  void Clear();
  std::size_t size() const noexcept { return entries_.size(); }

 private:
  struct Entry {
    Bytes token, binding;
    std::uint32_t generation = 0;
    OpenedToken opened;
  };
  struct SaltHash {
    std::size_t operator()(std::string_view token) const noexcept;
  };
  const std::size_t max_entries_;
  std::list<Entry> entries_;
  std::unordered_map<std::string_view, std::list<Entry>::iterator, SaltHash> index_;
};

}  // namespace strongroom::hsm
