#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "archive/spool.h"

namespace strongroom::archive {

/// Puts byte strings into the order of their bytes, a beginning of another before it, however many there are.
/// Memory  about twice `budget` while they are added, half of it while they are read in order; what is more lies in a
///         temporary file (spool.h).
/// Errors  of Spool; kLimitExceeded for a string of 16 MiB and more.
class RecordSorter {
 public:
  explicit RecordSorter(std::size_t budget = std::size_t{16} << 20) : budget_(budget) {}

  Status Add(ByteView record);
  std::uint64_t size() const noexcept { return size_; }
  /// After the last Add.
  Status Sort();
  /// The next one, which stays valid until the next call; nothing at the end.
  Result<std::optional<ByteView>> Next();
  /// Moves what Next has not shown yet to disk if it takes more than `kept` bytes of memory. After Sort.
  Status PackAway(std::size_t kept);

 private:
  struct Slice {
    std::size_t offset = 0, length = 0;
  };
  struct Run {
    SpoolCursor cursor;
    ByteView record{};
  };
  ByteView At(const Slice& slice) const noexcept { return ByteView(arena_).subspan(slice.offset, slice.length); }
  std::size_t InMemory() const noexcept { return arena_.size() + slices_.size() * sizeof(Slice); }
  void SortMemory();
  Status Spill();
  Status StartMerge();
  Result<bool> Advance(Run& run);
  bool Later(std::size_t a, std::size_t b) const noexcept;

  std::size_t budget_;
  std::uint64_t size_ = 0;
  Bytes arena_;
  std::vector<Slice> slices_;
  bool in_order_ = true;   // slices_
  std::size_t shown_ = 0;  // of slices_
  std::unique_ptr<Spool> spool_;
  std::vector<std::uint64_t> ends_;  // of the runs in the spool
  std::vector<Run> runs_;
  std::vector<std::size_t> heap_;    // of runs_, the first one on top
  std::optional<std::size_t> used_;  // its record was shown
};

}  // namespace strongroom::archive
