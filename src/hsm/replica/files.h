#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/bytes.h"

namespace strongroom::hsm::replica {

/// A descriptor that closes itself.
class File {
 public:
  File() = default;
  explicit File(int descriptor) noexcept : descriptor_(descriptor) {}
  File(File&& from) noexcept;
  File& operator=(File&& from) noexcept;
  ~File();
  int get() const noexcept { return descriptor_; }
  bool open() const noexcept { return descriptor_ >= 0; }
  void Close() noexcept;

 private:
  int descriptor_ = -1;
};

/// What errno says, as an Error: kResourceExhausted for a full disk, quota or size limit, else kInternal.
Error FileError(std::string_view doing, const std::filesystem::path& path, int error_number);

/// Opens (O_CLOEXEC, mode 0600).
Result<File> OpenFile(const std::filesystem::path& path, int flags);
/// Nothing when there is no such file. Errors: kInternal; kCorrupted when larger than `max_bytes`.
Result<std::optional<Bytes>> ReadFile(const std::filesystem::path& path, std::size_t max_bytes);
/// All of it, or an error.
Status WriteAll(const File& file, const std::filesystem::path& path, ByteView bytes);
Status SyncFile(const File& file, const std::filesystem::path& path);
Status SyncDirectory(const std::filesystem::path& directory);
/// Temporary file beside it, synced, renamed, directory synced: a crash leaves the old content or the new.
Status ReplaceFile(const std::filesystem::path& path, ByteView content);
/// Absent is fine. The directory is synced.
Status RemoveFile(const std::filesystem::path& path);

}  // namespace strongroom::hsm::replica
