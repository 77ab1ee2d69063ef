#pragma once

#include <functional>

#include "archive/fd.h"

namespace strongroom::archive {

/// A file for reading and writing without a name, in $TMPDIR, else /var/tmp: gone with its descriptor.
Result<Fd> OpenUnnamedFile();

/// A temporary file without a name (in $TMPDIR, else /var/tmp), for what may be larger than memory: written at its end,
/// read anywhere. It is gone with the process, however that ends.
/// Errors  kResourceExhausted disk full; kInternal.
/// Threads one writer; ReadAt from any number once Flush was called.
class Spool {
 public:
  static Result<Spool> Make();
  /// Returns the offset at which `bytes` begin.
  Result<std::uint64_t> Append(ByteView bytes);
  Status Flush();
  std::uint64_t size() const noexcept { return written_ + buffer_.size(); }
  /// Exactly room.size() bytes; also of what is not flushed yet. Errors: kInternal when there are fewer.
  Status ReadAt(std::uint64_t offset, std::span<std::uint8_t> room) const;
  int fd() const noexcept { return fd_.get(); }

 private:
  Fd fd_;
  std::uint64_t written_ = 0;
  Bytes buffer_;
};

/// Reads a spool from `begin` to `end` in order, by way of a buffer.
class SpoolCursor {
 public:
  SpoolCursor(const Spool& spool, std::uint64_t begin, std::uint64_t end, std::size_t buffer_bytes = 256 << 10)
      : spool_(&spool), at_(begin), end_(end), room_(buffer_bytes) {}
  std::uint64_t offset() const noexcept { return at_ - (buffer_.size() - used_); }
  bool done() const noexcept { return used_ == buffer_.size() && at_ == end_; }
  /// The next `count` bytes; valid until the next call. Errors: kCorrupted past the end.
  Result<ByteView> Take(std::size_t count);

 private:
  const Spool* spool_;
  std::uint64_t at_, end_;  // what `buffer_` does not have begins at at_
  std::size_t room_;
  Bytes buffer_;
  std::size_t used_ = 0;
};

}  // namespace strongroom::archive
