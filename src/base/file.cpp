#include "base/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

namespace strongroom {

Error FileError(std::string_view doing, const std::filesystem::path& file, int error_number) {
  Errc code = Errc::kInternal;
  if (error_number == ENOSPC || error_number == EDQUOT) code = Errc::kResourceExhausted;
  if (error_number == EACCES || error_number == EPERM || error_number == EROFS) code = Errc::kPermission;
  if (error_number == ENOENT) code = Errc::kNotFound;
  return Error(code,
               fmt::format("Cannot {} {}: {}.", doing, file.string(), std::generic_category().message(error_number)));
}

Status WriteFileAtomically(const std::filesystem::path& file, std::string_view content, mode_t mode) {
  const std::filesystem::path temporary = file.string() + ".new";
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (fd < 0) return FileError("write", temporary, errno);
  std::string_view rest = content;
  int failed = 0;
  while (!rest.empty() && failed == 0) {
    const ssize_t written = ::write(fd, rest.data(), rest.size());
    if (written < 0 && errno != EINTR) failed = errno;
    if (written > 0) rest.remove_prefix(static_cast<std::size_t>(written));
  }
  if (failed == 0 && ::fchmod(fd, mode) != 0) failed = errno;
  if (failed == 0 && ::fsync(fd) != 0) failed = errno;
  ::close(fd);
  if (failed == 0 && ::rename(temporary.c_str(), file.c_str()) != 0) failed = errno;
  if (failed != 0) {
    ::unlink(temporary.c_str());
    return FileError("write", file, failed);
  }
  return {};
}

Result<std::string> ReadFile(const std::filesystem::path& file, std::size_t max_bytes) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return FileError("read", file, errno);
  std::string content;
  char part[16384];
  ssize_t n = 0;
  while ((n = ::read(fd, part, sizeof part)) > 0 && content.size() <= max_bytes)
    content.append(part, static_cast<std::size_t>(n));
  const int failed = n < 0 ? errno : 0;
  ::close(fd);
  if (failed != 0) return FileError("read", file, failed);
  if (content.size() > max_bytes)
    return Error(Errc::kInvalidArgument, fmt::format("{} is larger than {} bytes.", file.string(), max_bytes));
  return content;
}

Status GiveTo(const std::filesystem::path& path, uid_t owner) {
  if (::geteuid() != 0) return {};
  if (::chown(path.c_str(), owner, owner) != 0) return FileError("change the owner of", path, errno);
  return {};
}

Status MakeDirectory(const std::filesystem::path& directory, mode_t mode, uid_t owner) {
  if (::mkdir(directory.c_str(), mode) != 0 && errno != EEXIST) return FileError("make", directory, errno);
  if (::chmod(directory.c_str(), mode) != 0) return FileError("change the mode of", directory, errno);
  return GiveTo(directory, owner);
}

}  // namespace strongroom
