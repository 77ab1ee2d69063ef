#include "terminal/terminal.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "base/file.h"
#include "secret/key_access.h"
#include "terminal/quiet_terminal.h"

namespace strongroom::cli {
namespace {

constexpr std::size_t kMostPasswordBytes = 1024;

/// One line without its end. `ended`: the input ended before its first byte. Byte by byte: what follows the line on a
/// pipe belongs to the next reader.
Result<SecretBuffer> ReadLine(int fd, bool& ended) {
  return SecretBuffer::Produce(kMostPasswordBytes, [&](std::span<std::uint8_t> room) {
    std::size_t used = 0;
    while (used < room.size()) {
      const ssize_t n = ::read(fd, room.data() + used, 1);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) {
        ended = used == 0;
        break;
      }
      if (room[used] == '\n') break;
      ++used;
    }
    if (used > 0 && used < room.size() && room[used - 1] == '\r') --used;
    return used;
  });
}

}  // namespace

Status Terminal::WriteKeyFile(const std::filesystem::path& file, const SecretBuffer& content) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) {
    if (errno == EEXIST) return Error(Errc::kAlreadyExists, file.string() + " exists already and is not replaced.");
    return FileError("write", file, errno);
  }
  ByteView rest = content.Reveal(KeyAccess{});
  int failed = 0;
  while (!rest.empty() && failed == 0) {
    const ssize_t written = ::write(fd, rest.data(), rest.size());
    if (written < 0 && errno != EINTR) failed = errno;
    if (written > 0) rest = rest.subspan(static_cast<std::size_t>(written));
  }
  if (failed == 0 && ::fsync(fd) != 0) failed = errno;
  ::close(fd);
  if (failed != 0) {
    ::unlink(file.c_str());
    return FileError("write", file, failed);
  }
  return {};
}

Result<SecretBuffer> Terminal::ReadKeyFile(const std::filesystem::path& file) {
  constexpr std::size_t kMaxBytes = 64 * 1024;
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return FileError("read", file, errno);
  int failed = 0;
  auto content = SecretBuffer::Produce(kMaxBytes, [&](std::span<std::uint8_t> room) {
    std::size_t used = 0;
    while (used < room.size()) {
      const ssize_t n = ::read(fd, room.data() + used, room.size() - used);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) failed = errno;
      if (n <= 0) break;
      used += static_cast<std::size_t>(n);
    }
    return used;
  });
  ::close(fd);
  if (failed != 0) return FileError("read", file, failed);
  if (content.ok() && content->size() == kMaxBytes)
    return Error(Errc::kInvalidArgument, file.string() + " is too large for a key file.");
  return content;
}

Result<SecretBuffer> Terminal::AskPassword(std::string_view prompt) {
  std::optional<QuietTerminal> quiet;
  if (::isatty(STDIN_FILENO) != 0) quiet.emplace(prompt);
  bool ended = false;
  auto password = ReadLine(STDIN_FILENO, ended);
  quiet.reset();
  if (password.ok() && ended) return Error(Errc::kCancelled, "No password was given.");
  return password;
}

Result<SecretBuffer> Terminal::ReadPasswordFile(const std::filesystem::path& file) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return FileError("read", file, errno);
  bool ended = false;
  auto password = ReadLine(fd, ended);
  ::close(fd);
  if (password.ok() && password->empty())
    return Error(Errc::kInvalidArgument, "The first line of " + file.string() + " is empty; it is to be the password.");
  return password;
}

std::string Terminal::ForRequest(const SecretBuffer& password) { return Base64(password.Reveal(KeyAccess{})); }

}  // namespace strongroom::cli
