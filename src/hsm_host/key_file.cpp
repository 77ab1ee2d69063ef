#include "hsm_host/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cstring>

#include "base/log.h"

namespace strongroom::hsm_host {
namespace {

Status WriteAll(int fd, ByteView bytes, const std::filesystem::path& file) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return FileError("write", file, errno);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

Result<std::size_t> ReadAll(int fd, std::span<std::uint8_t> room, const std::filesystem::path& file) {
  std::size_t have = 0;
  while (have < room.size()) {
    const ssize_t got = ::read(fd, room.data() + have, room.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FileError("read", file, errno);
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  return have;
}

Status SyncDirectory(const std::filesystem::path& directory) {
  const UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return FileError("sync the directory", directory, errno);
  return {};
}

std::filesystem::path Parent(const std::filesystem::path& file) {
  return file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
}

}  // namespace

Error FileError(const char* doing, const std::filesystem::path& file, int error) {
  const char* text = ::strerrordesc_np(error);
  return Error(error == ENOENT ? Errc::kNotFound : Errc::kInternal, fmt::format("Cannot {} {}.", doing, file.string()))
      .WithDetail(text == nullptr ? "unknown" : text);
}

Status KeyFile::Write(const std::filesystem::path& file, const SecretBuffer& secret) {
  const UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd && errno == EEXIST) return Error(Errc::kAlreadyExists, fmt::format("{} exists already.", file.string()));
  if (!fd) return FileError("make", file, errno);
  SR_CHECK(WriteAll(fd.get(), secret.Reveal(KeyAccess{}), file));
  if (::fsync(fd.get()) != 0) return FileError("sync", file, errno);
  return SyncDirectory(Parent(file));
}

Result<SecretBuffer> KeyFile::Read(const std::filesystem::path& file, std::size_t max_bytes) {
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return FileError("open", file, errno);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return FileError("look at", file, errno);
  if (!S_ISREG(info.st_mode) || (info.st_mode & 077) != 0) {
    return Error(Errc::kPermission,
                 fmt::format("{} must be a plain file that its owner alone may read (mode 0600).", file.string()));
  }
  if (info.st_size < 0 || static_cast<std::size_t>(info.st_size) > max_bytes)
    return Error(Errc::kInvalidArgument, fmt::format("{} is longer than {} bytes.", file.string(), max_bytes));
  return SecretBuffer::Produce(max_bytes, [&](std::span<std::uint8_t> room) { return ReadAll(fd.get(), room, file); });
}

Result<UniqueFd> KeyFile::Pipe(const SecretBuffer& secret) {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return FileError("make", "a pipe", errno);
  UniqueFd reading(ends[0]);
  const UniqueFd writing(ends[1]);
  if (secret.size() > 4096) return Error(Errc::kInternal, "The secret does not fit into a pipe.");
  SR_CHECK(WriteAll(writing.get(), secret.Reveal(KeyAccess{}), "a pipe"));
  return reading;
}

Status WriteFileAtomically(const std::filesystem::path& file, std::string_view text, mode_t mode) {
  std::filesystem::path temporary = file;
  temporary += ".new";
  ::unlink(temporary.c_str());
  const UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  if (!fd) return FileError("make", temporary, errno);
  SR_CHECK(WriteAll(fd.get(), AsBytes(text), temporary));
  if (::fsync(fd.get()) != 0) return FileError("sync", temporary, errno);
  if (::rename(temporary.c_str(), file.c_str()) != 0) return FileError("replace", file, errno);
  return SyncDirectory(Parent(file));
}

Result<std::string> ReadTextFile(const std::filesystem::path& file, std::size_t max_bytes) {
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return FileError("open", file, errno);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return FileError("look at", file, errno);
  if (!S_ISREG(info.st_mode) || static_cast<std::size_t>(info.st_size) > max_bytes)
    return Error(Errc::kInvalidArgument,
                 fmt::format("{} is no plain file of at most {} bytes.", file.string(), max_bytes));
  Bytes room(max_bytes);
  SR_TRY(const std::size_t size, ReadAll(fd.get(), room, file));
  return std::string(AsText(ByteView(room).first(size)));
}

}  // namespace strongroom::hsm_host
