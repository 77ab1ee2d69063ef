#include "archive/tree_reader.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <cerrno>

#include "archive/paths.h"
#include "archive/record_sorter.h"

namespace strongroom::archive {
namespace {

constexpr std::size_t kNamesAbove = 64 << 10;        // in memory, of a directory above the one that is read
constexpr std::size_t kMostNames = 65536;            // of users or groups that are remembered
constexpr std::size_t kLargestAttributes = 1 << 20;  // all of one file's; Linux allows 64 KiB of names and per value

/// Names of users and groups, looked up once each.
class Names {
 public:
  const std::string& User(uid_t id) {
    return Look(users_, id, [&](std::vector<char>& room) {
      passwd entry{}, *found = nullptr;
      const int failed = ::getpwuid_r(id, &entry, room.data(), room.size(), &found);
      return failed == 0 && found != nullptr ? std::string(entry.pw_name) : std::string();
    });
  }
  const std::string& Group(gid_t id) {
    return Look(groups_, id, [&](std::vector<char>& room) {
      group entry{}, *found = nullptr;
      const int failed = ::getgrgid_r(id, &entry, room.data(), room.size(), &found);
      return failed == 0 && found != nullptr ? std::string(entry.gr_name) : std::string();
    });
  }

 private:
  template <typename Find>
  const std::string& Look(std::unordered_map<unsigned, std::string>& known, unsigned id, const Find& find) {
    const auto found = known.find(id);
    if (found != known.end()) return found->second;
    if (known.size() == kMostNames) known.clear();
    std::vector<char> room(64 << 10);
    return known.emplace(id, find(room)).first->second;
  }
  std::unordered_map<unsigned, std::string> users_, groups_;
};

pb::Type TypeOf(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG: return pb::TYPE_FILE;
    case S_IFDIR: return pb::TYPE_DIRECTORY;
    case S_IFLNK: return pb::TYPE_SYMLINK;
    case S_IFIFO: return pb::TYPE_FIFO;
    case S_IFCHR: return pb::TYPE_CHARACTER_DEVICE;
    case S_IFBLK: return pb::TYPE_BLOCK_DEVICE;
    case S_IFSOCK: return pb::TYPE_SOCKET;
    default: return pb::TYPE_NONE;
  }
}

/// List and get are of a descriptor or of a path.
template <typename List, typename Get>
Status CollectXattrs(const List& list, const Get& get, pb::Entry& entry) {
  std::string names(4096, '\0');
  ssize_t size = list(names.data(), names.size());
  while (size < 0 && errno == ERANGE && names.size() < kLargestAttributes) {
    names.resize(names.size() * 4);
    size = list(names.data(), names.size());
  }
  if (size < 0 && (errno == EOPNOTSUPP || errno == ENODATA)) return {};
  if (size < 0) return ErrnoError("Its extended attributes", errno);
  std::vector<std::string> sorted;
  for (std::string_view rest(names.data(), static_cast<std::size_t>(size)); !rest.empty();) {
    const std::size_t end = rest.find('\0');
    if (end > 0) sorted.emplace_back(rest.substr(0, end));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  std::sort(sorted.begin(), sorted.end());
  std::size_t all = 0;
  std::string value(64 << 10, '\0');
  for (const std::string& name : sorted) {
    const ssize_t length = get(name.c_str(), value.data(), value.size());
    if (length < 0 && (errno == ENODATA || errno == EOPNOTSUPP)) continue;
    if (length < 0) return ErrnoError("Its extended attribute " + Printable(name), errno);
    all += name.size() + static_cast<std::size_t>(length);
    if (all > kLargestAttributes) return Error(Errc::kLimitExceeded, "Its extended attributes are over 1 MiB.");
    pb::Xattr* xattr = entry.add_xattrs();
    xattr->set_name(name);
    xattr->set_value(value.data(), static_cast<std::size_t>(length));
  }
  return {};
}

class Walker {
 public:
  Walker(const WalkOptions& options, const std::function<Status(Found&)>& visit, const Problem& problem)
      : options_(options), visit_(visit), problem_(problem) {}

  Status Source(const std::string& source) {
    // O_NONBLOCK: a FIFO would wait for a writer.
    Fd fd(::open(source.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    struct stat facts {};
    if (!fd || ::fstat(fd.get(), &facts) != 0) return ErrnoError("'" + Printable(source) + "'", errno);
    device_ = facts.st_dev;
    if (S_ISDIR(facts.st_mode)) return Directory(std::move(fd), "", facts);
    if (!S_ISREG(facts.st_mode))
      return Error(Errc::kInvalidArgument,
                   "'" + Printable(source) + "' is neither a directory nor a file; `put LOCATION -` reads a stream.");
    std::string_view bare = source;
    while (bare.size() > 1 && bare.back() == '/') bare.remove_suffix(1);
    Found found = Describe(std::string(NameOf(bare)), facts);
    if (options_.xattrs) Attributes(ReadXattrs(fd.get(), found.entry), found.entry.path());
    found.file = std::move(fd);
    return visit_(found);
  }

 private:
  Found Describe(std::string path, const struct stat& facts) {
    Found found;
    found.facts = facts;
    pb::Entry& entry = found.entry;
    entry.set_path(std::move(path));
    entry.set_type(TypeOf(facts.st_mode));
    entry.set_mode(facts.st_mode & 07777);
    entry.set_uid(facts.st_uid);
    entry.set_gid(facts.st_gid);
    entry.set_user(names_.User(facts.st_uid));
    entry.set_group(names_.Group(facts.st_gid));
    entry.set_mtime_seconds(facts.st_mtim.tv_sec);
    entry.set_mtime_nanoseconds(static_cast<std::uint32_t>(facts.st_mtim.tv_nsec));
    if (S_ISCHR(facts.st_mode) || S_ISBLK(facts.st_mode))
      entry.set_device(static_cast<std::uint64_t>(major(facts.st_rdev)) << 32 | minor(facts.st_rdev));
    return found;
  }

  void Attributes(const Status& status, std::string_view path) {
    if (!status.ok()) problem_(path, status.error().public_message());
  }

  Status Directory(Fd fd, const std::string& path, const struct stat& facts) {
    Found found = Describe(path, facts);
    if (options_.xattrs) Attributes(ReadXattrs(fd.get(), found.entry), path);
    SR_CHECK(visit_(found));
    if (facts.st_dev != device_ && options_.one_file_system) return {};
    DIR* stream = ::fdopendir(fd.get());
    if (stream == nullptr) {
      problem_(path, ErrnoError("The directory cannot be read", errno).public_message());
      return {};
    }
    const std::unique_ptr<DIR, int (*)(DIR*)> closer(stream, &::closedir);
    const int directory = fd.Release();
    RecordSorter names;
    for (;;) {
      errno = 0;
      const dirent* entry = ::readdir(stream);
      if (entry == nullptr) break;
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") SR_CHECK(names.Add(AsBytes(name)));
    }
    if (errno != 0) problem_(path, ErrnoError("The directory cannot be read to its end", errno).public_message());
    SR_CHECK(names.Sort());
    for (;;) {
      SR_TRY(const auto next, names.Next());
      if (!next) break;
      const std::string name(AsText(*next));
      const std::string child = path.empty() ? name : path + '/' + name;
      if (child.size() > kLongestPath) {
        problem_(path, "A path of more than 64 KiB.");
        continue;
      }
      SR_CHECK(Child(directory, name, child, names));
    }
    return {};
  }

  /// `left` are the names beside it that are still to come.
  Status Child(int directory, const std::string& name, const std::string& path, RecordSorter& left) {
    struct stat facts {};
    if (::fstatat(directory, name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) != 0) {
      Unreadable(path, errno);
      return {};
    }
    if (!S_ISDIR(facts.st_mode) && !S_ISREG(facts.st_mode)) return Special(directory, name, path, facts);
    const int only = S_ISDIR(facts.st_mode) ? O_DIRECTORY : 0;
    Fd fd(::openat(directory, name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK | only));
    struct stat opened {};
    if (!fd || ::fstat(fd.get(), &opened) != 0) {
      Unreadable(path, errno);
      return {};
    }
    // Between the two calls another thing may have taken the name; what was opened is what counts.
    if (S_ISDIR(opened.st_mode)) {
      SR_CHECK(left.PackAway(kNamesAbove));
      return Directory(std::move(fd), path, opened);
    }
    if (!S_ISREG(opened.st_mode)) {
      problem_(path, "It was replaced while it was read.");
      return {};
    }
    Found found = Describe(path, opened);
    if (options_.xattrs) Attributes(ReadXattrs(fd.get(), found.entry), path);
    found.file = std::move(fd);
    return visit_(found);
  }

  Status Special(int directory, const std::string& name, const std::string& path, const struct stat& facts) {
    Found found = Describe(path, facts);
    if (found.entry.type() == pb::TYPE_NONE) {
      problem_(path, "It is of no known type.");
      return {};
    }
    if (S_ISLNK(facts.st_mode)) {
      std::string target(static_cast<std::size_t>(facts.st_size) + 4097, '\0');
      const ssize_t length = ::readlinkat(directory, name.c_str(), target.data(), target.size());
      if (length < 0) {
        Unreadable(path, errno);
        return {};
      }
      found.entry.set_link_target(target.data(), static_cast<std::size_t>(length));
    }
    if (options_.xattrs) Attributes(ReadXattrsAt(directory, name, found.entry), path);
    return visit_(found);
  }

  void Unreadable(std::string_view path, int error_number) {
    problem_(path, error_number == ENOENT ? "It vanished while the directory was read."
                                          : ErrnoError("It cannot be read", error_number).public_message());
  }

  const WalkOptions& options_;
  const std::function<Status(Found&)>& visit_;
  const Problem& problem_;
  Names names_;
  dev_t device_ = 0;
};

}  // namespace

Status ReadXattrs(int fd, pb::Entry& entry) {
  return CollectXattrs(
      [&](char* room, std::size_t size) { return ::flistxattr(fd, room, size); },
      [&](const char* name, char* room, std::size_t size) { return ::fgetxattr(fd, name, room, size); }, entry);
}

Status ReadXattrsAt(int directory, const std::string& name, pb::Entry& entry) {
  // There is no lgetxattrat; the directory's descriptor stands in for its path.
  const std::string path = fmt::format("/proc/self/fd/{}/{}", directory, name);
  return CollectXattrs([&](char* room, std::size_t size) { return ::llistxattr(path.c_str(), room, size); },
                       [&](const char* attribute, char* room, std::size_t size) {
                         return ::lgetxattr(path.c_str(), attribute, room, size);
                       },
                       entry);
}

Status WalkTree(const std::string& source, const WalkOptions& options, const std::function<Status(Found& found)>& visit,
                const Problem& problem) {
  // One descriptor per level.
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
  return Walker(options, visit, problem).Source(source);
}

}  // namespace strongroom::archive
