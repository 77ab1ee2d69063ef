#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <optional>
#include <utility>

#include "base/bytes.h"
#include "hsm/replica/files.h"
#include "hsm/replica/record.h"

namespace strongroom::hsm::replica {

/// The files `log` and `snapshot` of one HSM (docs/formats.md 9). It knows chains and places, not secrets.
///
/// Promise   WriteAhead returns after the record is on disk; a failed write leaves the file as it was.
/// Errors    kResourceExhausted  disk full; kCorrupted  damaged, nothing overwritten; kInternal  other file errors.
/// Threads   one loop.
class LocalLog {
 public:
  /// Reads both files. A torn last entry is cut off the file at the first write, never before.
  static Result<LocalLog> Open(const std::filesystem::path& directory);

  /// The snapshot from which the state is built; empty when it is built from record 1, or released.
  const Bytes& snapshot() const noexcept { return snapshot_; }
  /// Gives up its memory: it is needed once.
  void ReleaseSnapshot() { Bytes().swap(snapshot_); }
  std::size_t snapshot_bytes() const noexcept { return snapshot_bytes_; }
  std::uint64_t snapshot_number() const noexcept { return snapshot_number_; }
  /// Numbers of the records in the file; first 0 when there is none. Those up to the snapshot's number are history,
  /// kept for a store that was set back.
  std::uint64_t first() const noexcept { return entries_.empty() ? 0 : entries_.front().number; }
  std::uint64_t last() const noexcept { return entries_.empty() ? 0 : entries_.back().number; }
  /// Errors: kNotFound.
  Result<Bytes> Read(std::uint64_t number) const;
  /// Nothing when the record is not in the file.
  std::optional<RecordHash> HashAt(std::uint64_t number) const;
  bool IsAcknowledged(std::uint64_t number) const;
  /// The last record when the store has not acknowledged it.
  std::optional<std::uint64_t> pending() const;

  std::size_t records_since_snapshot() const noexcept;
  std::size_t size_bytes() const noexcept { return end_; }

  /// Writes a record and syncs it. There must be none pending, and it must be the next.
  Status WriteAhead(std::uint64_t number, ByteView record);
  /// Marks the pending record. Not synced, and a mark that cannot be written is no error: the record is settled again
  /// at start.
  Status Acknowledge();
  /// Removes the pending record. Not synced with kLater, which is for a record that can never stand.
  Status CutOff(Durable when = Durable::kNow);
  /// A record that the store has. Not synced before Sync() or the next WriteAhead().
  Status AppendAcknowledged(std::uint64_t number, ByteView record);
  Status Sync();
  /// Whether anything but marks waits for a sync.
  bool unsynced() const noexcept { return unsynced_; }
  /// Replaces the snapshot by one of the newest record and keeps at most `history` records before it.
  Status Compact(Bytes snapshot, std::uint64_t number, std::size_t history);
  /// Begins anew from a snapshot (which may be empty: then from record 1), without records.
  Status Reset(Bytes snapshot, std::uint64_t number);
  /// Removes both files.
  Status Destroy();

 private:
  struct Entry {
    std::uint64_t number = 0;
    std::uint64_t offset = 0;  // of the record itself
    std::uint32_t size = 0;
    bool acknowledged = false;
    RecordHash hash{};
  };

  explicit LocalLog(std::filesystem::path directory) : directory_(std::move(directory)) {}
  std::filesystem::path path() const { return directory_ / "log"; }
  Status Load(ByteView content);
  Status LoadRecord(ByteView record, std::uint64_t offset);
  Status EnsureOpen();
  /// Appends bytes at end_, or restores the file's old size.
  Status AppendBytes(ByteView bytes, bool sync);
  Status TruncateTo(std::uint64_t size, Durable when = Durable::kNow);
  const Entry* Find(std::uint64_t number) const;

  std::filesystem::path directory_;
  File file_;
  std::uint64_t end_ = 0;
  bool unsynced_ = false;
  Bytes snapshot_;
  std::size_t snapshot_bytes_ = 0;
  std::uint64_t snapshot_number_ = 0;
  std::deque<Entry> entries_;
};

}  // namespace strongroom::hsm::replica
