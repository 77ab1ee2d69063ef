#include "archive/fd.h"

#include <cerrno>
#include <system_error>

namespace strongroom::archive {

Error ErrnoError(std::string_view doing, int error_number) {
  const std::string text = fmt::format("{}: {}.", doing, std::generic_category().message(error_number));
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE: return Error(Errc::kResourceExhausted, text);
    case EACCES:
    case EPERM: return Error(Errc::kPermission, text);
    case ENOENT: return Error(Errc::kNotFound, text);
    case EEXIST: return Error(Errc::kAlreadyExists, text);
    case EPIPE: return Error(Errc::kCancelled, text);
    default: return Error(Errc::kInternal, text);
  }
}

namespace {

template <typename Call>
Status WriteLoop(ByteView bytes, std::string_view doing, const Call& call) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = call(bytes.subspan(done), done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoError(doing, errno);
    done += static_cast<std::size_t>(n);
  }
  return {};
}

template <typename Call>
Result<std::size_t> ReadLoop(std::span<std::uint8_t> room, std::string_view doing, const Call& call) {
  std::size_t done = 0;
  while (done < room.size()) {
    const ssize_t n = call(room.subspan(done), done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoError(doing, errno);
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

}  // namespace

Status WriteAll(int fd, ByteView bytes, std::string_view doing) {
  return WriteLoop(bytes, doing, [&](ByteView rest, std::size_t) { return ::write(fd, rest.data(), rest.size()); });
}

Status PwriteAll(int fd, ByteView bytes, std::uint64_t offset, std::string_view doing) {
  return WriteLoop(bytes, doing, [&](ByteView rest, std::size_t done) {
    return ::pwrite(fd, rest.data(), rest.size(), static_cast<off_t>(offset + done));
  });
}

Result<std::size_t> ReadFull(int fd, std::span<std::uint8_t> room, std::string_view doing) {
  return ReadLoop(room, doing,
                  [&](std::span<std::uint8_t> rest, std::size_t) { return ::read(fd, rest.data(), rest.size()); });
}

Result<std::size_t> PreadFull(int fd, std::span<std::uint8_t> room, std::uint64_t offset, std::string_view doing) {
  return ReadLoop(room, doing, [&](std::span<std::uint8_t> rest, std::size_t done) {
    return ::pread(fd, rest.data(), rest.size(), static_cast<off_t>(offset + done));
  });
}

}  // namespace strongroom::archive
