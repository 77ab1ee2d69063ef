#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "trail/segment/format.h"

namespace strongroom::trail {

/// The system calls by which segments are written; a test gives others.
struct FileCalls {
  ssize_t (*write)(int file, const void* bytes, std::size_t count);
  int (*sync)(int file);
};
const FileCalls& SystemFileCalls() noexcept;

/// "000000000042.segment"
std::filesystem::path SegmentFile(const std::filesystem::path& directory, std::int64_t number);
/// The numbers of the segments in a directory, in order. Errors: kPermission, kInternal.
Result<std::vector<std::int64_t>> ListSegments(const std::filesystem::path& directory);

/// An open segment on disk, to which the writer appends.
/// Threads   one.
class SegmentWriter {
 public:
  SegmentWriter() = default;
  SegmentWriter(SegmentWriter&& from) noexcept;
  SegmentWriter& operator=(SegmentWriter&& from) noexcept;
  ~SegmentWriter();

  /// Makes the file with its head, durably. Errors: those of FileError.
  static Result<SegmentWriter> Create(const std::filesystem::path& directory, SegmentHeader header,
                                      const FileCalls& calls);
  /// Appends all or nothing. Errors: kResourceExhausted disk full, …; the file is as it was.
  Status Append(std::string_view groups, std::int64_t records);
  /// What was appended is durable when it returns.
  Status Sync();

  bool open() const noexcept { return file_ >= 0; }
  bool dirty() const noexcept { return dirty_; }
  std::size_t size() const noexcept { return size_; }
  std::int64_t records() const noexcept { return records_; }
  const SegmentHeader& header() const noexcept { return header_; }

 private:
  std::filesystem::path path_;
  SegmentHeader header_;
  const FileCalls* calls_ = nullptr;
  int file_ = -1;
  std::size_t size_ = 0;
  std::int64_t records_ = 0;
  bool dirty_ = false;
};

/// What is in a segment's file, up to its last whole group.
struct SegmentContent {
  SegmentHeader header;
  std::string groups;
  std::int64_t records = 0;
  ChainHash last{};    // of the last group, or of the head
  bool torn = false;   // something follows that is no whole group of this chain
  std::string damage;  // what is wrong with it, where it is more than cut off
};
/// Reads a segment as far as its chain holds. Errors: kCorrupted when not even its head is there; those of FileError.
Result<SegmentContent> ReadSegment(const std::filesystem::path& file);

}  // namespace strongroom::trail
