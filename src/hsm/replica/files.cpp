#include "hsm/replica/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace strongroom::hsm::replica {
namespace {

FileGate& Gate() {
  static FileGate gate;
  return gate;
}

FileFate Ask(FileStep step, const std::filesystem::path& path) {
  const FileGate& gate = Gate();
  return gate ? gate(step, path) : FileFate::kDone;
}

// 0, or what errno says then.
int Refused(FileStep step, const std::filesystem::path& path) { return Ask(step, path) == FileFate::kDone ? 0 : EIO; }

std::filesystem::path TemporaryOf(const std::filesystem::path& path) { return path.string() + ".new"; }

}  // namespace

void SetFileGate(FileGate gate) { Gate() = std::move(gate); }

File::File(File&& from) noexcept : descriptor_(std::exchange(from.descriptor_, -1)) {}
File& File::operator=(File&& from) noexcept {
  if (this != &from) {
    Close();
    descriptor_ = std::exchange(from.descriptor_, -1);
  }
  return *this;
}
File::~File() { Close(); }
void File::Close() noexcept {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

Error FileError(std::string_view doing, const std::filesystem::path& path, int error_number) {
  const bool full = error_number == ENOSPC || error_number == EDQUOT || error_number == EFBIG;
  std::string detail = std::string(doing) + " " + path.string() + ": " + std::strerror(error_number);
  return Error(full ? Errc::kResourceExhausted : Errc::kInternal,
               full ? "The HSM's disk is full; nothing was changed." : "The HSM's disk cannot be used.")
      .WithDetail(std::move(detail));
}

Result<File> OpenFile(const std::filesystem::path& path, int flags) {
  if ((flags & O_CREAT) != 0) {
    if (const int refused = Refused(FileStep::kMake, path)) return FileError("making", path, refused);
  }
  const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
  if (descriptor < 0) return FileError("opening", path, errno);
  return File(descriptor);
}

Result<std::optional<Bytes>> ReadFile(const std::filesystem::path& path, std::size_t max_bytes) {
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.open()) {
    if (errno == ENOENT) return std::optional<Bytes>();
    return FileError("opening", path, errno);
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return FileError("reading", path, errno);
  if (status.st_size < 0 || static_cast<std::uint64_t>(status.st_size) > max_bytes)
    return Error(Errc::kCorrupted, "The file " + path.filename().string() + " is larger than it can be.");
  Bytes content(static_cast<std::size_t>(status.st_size));
  std::size_t have = 0;
  while (have < content.size()) {
    const ssize_t count = ::pread(file.get(), content.data() + have, content.size() - have, static_cast<off_t>(have));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return FileError("reading", path, errno);
    if (count == 0)
      return Error(Errc::kInternal, "The file " + path.filename().string() + " shrank while it was read.");
    have += static_cast<std::size_t>(count);
  }
  return std::optional<Bytes>(std::move(content));
}

Status WriteAll(const File& file, const std::filesystem::path& path, ByteView bytes) {
  const FileFate fate = Ask(FileStep::kWrite, path);
  if (fate == FileFate::kHalf) {
    [[maybe_unused]] const ssize_t half = ::write(file.get(), bytes.data(), bytes.size() / 2);
  }
  if (fate != FileFate::kDone) return FileError("writing", path, EIO);
  while (!bytes.empty()) {
    const ssize_t count = ::write(file.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return FileError("writing", path, count < 0 ? errno : ENOSPC);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

Status SyncFile(const File& file, const std::filesystem::path& path) {
  if (const int refused = Refused(FileStep::kSync, path)) return FileError("syncing", path, refused);
  if (::fdatasync(file.get()) != 0) return FileError("syncing", path, errno);
  return {};
}

Status CutFile(const File& file, const std::filesystem::path& path, std::uint64_t size, Durable when) {
  if (const int refused = Refused(FileStep::kCut, path)) return FileError("cutting", path, refused);
  if (::ftruncate(file.get(), static_cast<off_t>(size)) != 0) return FileError("cutting", path, errno);
  return when == Durable::kNow ? SyncFile(file, path) : Status{};
}

Status SyncDirectory(const std::filesystem::path& directory) {
  if (const int refused = Refused(FileStep::kSync, directory)) return FileError("syncing", directory, refused);
  const File file(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!file.open() || ::fsync(file.get()) != 0) return FileError("syncing", directory, errno);
  return {};
}

Status ReplaceFile(const std::filesystem::path& path, ByteView content) {
  const std::filesystem::path temporary = TemporaryOf(path);
  const auto write = [&]() -> Status {
    SR_TRY(const File file, OpenFile(temporary, O_WRONLY | O_CREAT | O_TRUNC));
    SR_CHECK(WriteAll(file, temporary, content));
    SR_CHECK(SyncFile(file, temporary));
    if (const int refused = Refused(FileStep::kRename, path)) return FileError("renaming", temporary, refused);
    if (::rename(temporary.c_str(), path.c_str()) != 0) return FileError("renaming", temporary, errno);
    return {};
  };
  Status written = write();
  if (!written.ok()) {
    if (Ask(FileStep::kRemove, temporary) == FileFate::kDone) ::unlink(temporary.c_str());
    return written;
  }
  return SyncDirectory(path.parent_path());
}

Status RemoveFile(const std::filesystem::path& path) {
  for (const std::filesystem::path& each : {TemporaryOf(path), path}) {
    if (const int refused = Refused(FileStep::kRemove, each)) return FileError("removing", each, refused);
    if (::unlink(each.c_str()) != 0 && errno != ENOENT) return FileError("removing", each, errno);
  }
  return SyncDirectory(path.parent_path());
}

}  // namespace strongroom::hsm::replica
