#include "aws_client/directory_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "base/file.h"

namespace strongroom::aws_client {
namespace {

namespace fs = std::filesystem;

/// Whether any name that begins with `beginning` begins with `prefix` and comes after `start_after`.
bool MayHold(std::string_view beginning, std::string_view prefix, std::string_view start_after) {
  const std::size_t common = std::min(beginning.size(), prefix.size());
  if (beginning.substr(0, common) != prefix.substr(0, common)) return false;
  return beginning.compare(0, beginning.size(), start_after.substr(0, beginning.size())) >= 0;
}

struct Walk {
  std::string_view leave_out, prefix, start_after;
  std::size_t most;
  ObjectPage page{};

  Status Visit(const Fd& directory, const fs::path& path, const std::string& before) {
    SR_TRY(const auto entries, ReadEntries(directory, path));
    for (const Entry& entry : entries) {
      if (page.more) return {};
      if (before.empty() && entry.name == leave_out) continue;
      const std::string name = before + entry.name;
      if (entry.directory) {
        if (!MayHold(name + '/', prefix, start_after)) continue;
        const Fd inner(::openat(directory.get(), entry.name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
        if (!inner && errno == ENOENT) continue;  // deleted in the meantime
        if (!inner) return StoreError("list", path / entry.name, errno);
        SR_CHECK(Visit(inner, path / entry.name, name + '/'));
        continue;
      }
      if (!name.starts_with(prefix) || name <= start_after || !CheckObjectName(name).ok()) continue;
      struct stat found {};
      if (::fstatat(directory.get(), entry.name.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0) continue;
      if (page.objects.size() == most) {
        page.more = true;
        return {};
      }
      page.objects.push_back({.name = name, .size = static_cast<std::uint64_t>(found.st_size)});
    }
    return {};
  }
};

}  // namespace

Error StoreError(std::string_view doing, const fs::path& file, int error_number) {
  if (error_number == ENOTDIR || error_number == ELOOP) error_number = ENOENT;
  const Error error = FileError(doing, file, error_number);
  return Error(error.code() == Errc::kPermission ? Errc::kAccessDenied : error.code(), error.public_message());
}

std::string_view LastSegment(std::string_view name) { return name.substr(name.rfind('/') + 1); }

Result<Fd> OpenParent(const Fd& root, const fs::path& path, std::string_view name, Parents parents) {
  // A directory may be removed, as its last object goes, between being made here and being used.
  for (int attempt = 0;; ++attempt) {
    Fd at(::openat(root.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!at) return StoreError("open", path, errno);
    int failed = 0;
    for (std::size_t start = 0, slash; (slash = name.find('/', start)) != std::string_view::npos; start = slash + 1) {
      const std::string segment(name.substr(start, slash - start));
      if (parents == Parents::kCreate) {
        if (::mkdirat(at.get(), segment.c_str(), 0700) == 0) {
          if (::fsync(at.get()) != 0) return StoreError("sync", path / name.substr(0, slash), errno);
        } else if (errno != EEXIST) {
          failed = errno;
          break;
        }
      }
      Fd next(::openat(at.get(), segment.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
      if (!next) {
        failed = errno;
        break;
      }
      at = std::move(next);
    }
    if (failed == 0) return at;
    if (failed != ENOENT || parents == Parents::kMustExist || attempt == 16) {
      return StoreError("open", path / name, failed);
    }
  }
}

Result<std::vector<Entry>> ReadEntries(const Fd& directory, const fs::path& path) {
  const int own = ::openat(directory.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* const stream = own < 0 ? nullptr : ::fdopendir(own);
  if (stream == nullptr) {
    const int failed = errno;
    if (own >= 0) ::close(own);
    return StoreError("list", path, failed);
  }
  std::vector<Entry> entries;
  errno = 0;
  while (const dirent* entry = ::readdir(stream)) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    unsigned char type = entry->d_type;
    if (type == DT_UNKNOWN) {
      struct stat found {};
      if (::fstatat(directory.get(), entry->d_name, &found, AT_SYMLINK_NOFOLLOW) != 0) continue;
      type = S_ISDIR(found.st_mode) ? DT_DIR : S_ISREG(found.st_mode) ? DT_REG : DT_UNKNOWN;
    }
    if (type == DT_REG || type == DT_DIR) entries.push_back({std::string(name), type == DT_DIR});
    errno = 0;
  }
  const int failed = errno;
  ::closedir(stream);
  if (failed != 0) return StoreError("list", path, failed);
  for (Entry& entry : entries) {
    if (entry.directory) entry.name += '/';
  }
  std::ranges::sort(entries, {}, &Entry::name);
  for (Entry& entry : entries) {
    if (entry.directory) entry.name.pop_back();
  }
  return entries;
}

Result<ObjectPage> ListDirectory(const Fd& root, const fs::path& path, std::string_view leave_out,
                                 std::string_view prefix, std::string_view start_after, std::size_t most) {
  Walk walk{.leave_out = leave_out, .prefix = prefix, .start_after = start_after, .most = most};
  SR_CHECK(walk.Visit(root, path, ""));
  return std::move(walk.page);
}

Status CheckPartSize(std::size_t part_bytes) {
  if (part_bytes >= kSmallestPartBytes && part_bytes <= kLargestPartBytes) return {};
  return Error(Errc::kInvalidArgument, fmt::format("A part size of {} bytes is not between {} and {}.", part_bytes,
                                                   kSmallestPartBytes, kLargestPartBytes));
}

Status CheckListing(std::string_view prefix, std::size_t most) {
  if (prefix.size() > kLongestObjectName) return Error(Errc::kInvalidArgument, "A prefix is too long.");
  if (most < 1 || most > 1000) return Error(Errc::kInvalidArgument, "A page has 1 to 1,000 objects.");
  return {};
}

Status CheckParts(const std::map<std::uint32_t, std::size_t>& parts, std::size_t part_bytes) {
  if (parts.empty()) return Error(Errc::kInvalidArgument, "An upload has no part.");
  std::uint32_t expected = 1;
  for (const auto& [number, size] : parts) {
    if (number != expected++) return Error(Errc::kInvalidArgument, fmt::format("Part {} is missing.", expected - 1));
    if (number != parts.rbegin()->first && size != part_bytes) {
      return Error(Errc::kInvalidArgument, fmt::format("Part {} is short and not the last one.", number));
    }
  }
  return {};
}

}  // namespace strongroom::aws_client
