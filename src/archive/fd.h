#pragma once

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "base/bytes.h"
#include "base/result.h"

namespace strongroom::archive {

/// Owns one file descriptor.
class Fd {
 public:
  Fd() noexcept = default;
  explicit Fd(int fd) noexcept : fd_(fd) {}
  Fd(Fd&& from) noexcept : fd_(from.Release()) {}
  Fd& operator=(Fd&& from) noexcept {
    if (this != &from) Reset(from.Release());
    return *this;
  }
  ~Fd() { Reset(); }

  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  int Release() noexcept { return std::exchange(fd_, -1); }
  void Reset(int fd = -1) noexcept {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

/// All of `bytes`, whatever signals and short writes there are. Errors: errno's, with `doing` before them; a broken
/// pipe is kCancelled.
Status WriteAll(int fd, ByteView bytes, std::string_view doing);
Status PwriteAll(int fd, ByteView bytes, std::uint64_t offset, std::string_view doing);
/// Up to room.size() bytes; fewer only at the end of the input.
Result<std::size_t> ReadFull(int fd, std::span<std::uint8_t> room, std::string_view doing);
Result<std::size_t> PreadFull(int fd, std::span<std::uint8_t> room, std::uint64_t offset, std::string_view doing);

/// "doing: text of errno" as an Error; ENOSPC and EDQUOT are kResourceExhausted, EACCES and EPERM kPermission, ENOENT
/// kNotFound, EPIPE kCancelled.
Error ErrnoError(std::string_view doing, int error_number);

}  // namespace strongroom::archive
