#pragma once

#include <filesystem>
#include <functional>
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

/// What is about to be done to a file, and what becomes of it in a test that lets the HSM die there.
enum class FileStep { kMake, kWrite, kSync, kRename, kRemove, kCut };
enum class FileFate { kDone, kHalf /* of the bytes are written */, kNot };
/// Tests only: asked before each change to a file. What is not done fails, as nothing is done by a process that has
/// died.
using FileGate = std::function<FileFate(FileStep, const std::filesystem::path&)>;
void SetFileGate(FileGate gate);

/// Opens (O_CLOEXEC, mode 0600).
Result<File> OpenFile(const std::filesystem::path& path, int flags);
/// Nothing when there is no such file. Errors: kInternal; kCorrupted when larger than `max_bytes`.
Result<std::optional<Bytes>> ReadFile(const std::filesystem::path& path, std::size_t max_bytes);
/// All of it, or an error.
Status WriteAll(const File& file, const std::filesystem::path& path, ByteView bytes);
Status SyncFile(const File& file, const std::filesystem::path& path);
/// Later: with the next sync of the file.
enum class Durable { kNow, kLater };
Status CutFile(const File& file, const std::filesystem::path& path, std::uint64_t size, Durable when = Durable::kNow);
Status SyncDirectory(const std::filesystem::path& directory);
/// Temporary file beside it, synced, renamed, directory synced: a crash leaves the old content or the new.
Status ReplaceFile(const std::filesystem::path& path, ByteView content);
/// And what a ReplaceFile that was cut off may have left beside it. Absent is fine. The directory is synced.
Status RemoveFile(const std::filesystem::path& path);

}  // namespace strongroom::hsm::replica
