#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>

#include "base/bytes.h"
#include "base/result.h"

namespace strongroom::archive {

/// Values by key, both byte strings, for what may be larger than memory: a temporary database of SQLite's without a
/// name, beside the other temporary files (spool.h) and gone with the process.
/// Memory  the cache; nothing before the first Put.
/// Errors  kResourceExhausted (the disk), kInternal.
/// Threads one at a time.
class TempTable {
 public:
  explicit TempTable(std::size_t cache_bytes = std::size_t{4} << 20);
  TempTable(TempTable&&) noexcept;
  TempTable& operator=(TempTable&&) noexcept;
  ~TempTable();

  /// In place of what the key has.
  Status Put(ByteView key, ByteView value);
  Result<std::optional<Bytes>> Find(ByteView key) const;
  Status Erase(ByteView key);
  void Clear() noexcept;
  std::uint64_t size() const noexcept;
  /// By key. The table must not be changed meanwhile.
  Status ForEach(const std::function<Status(ByteView key, ByteView value)>& visit) const;

 private:
  struct Impl;
  Status Open();
  std::size_t cache_bytes_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace strongroom::archive
