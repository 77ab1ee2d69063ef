#include "archive/tree_writer.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <pwd.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <cerrno>

#include "archive/paths.h"
#include "crypto/random.h"

namespace strongroom::archive {
namespace {

constexpr std::string_view kNotOnDisk = "What was restored is not known to be on the disk";
constexpr std::string_view kTemporary = ".strongroom-";
constexpr std::size_t kMostNames = 65536;  // of users or groups that are remembered
constexpr std::string_view kCapability = "security.capability";
constexpr std::size_t kPathPiece = 3072;  // openat2 takes less than PATH_MAX at once

Error Failed(std::string_view path, int error_number) {
  return ErrnoError("'" + Printable(path) + "' cannot be restored", error_number);
}

bool IsEmptyDirectory(int fd) {
  const int copy = ::openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* stream = copy < 0 ? nullptr : ::fdopendir(copy);
  if (stream == nullptr) {
    if (copy >= 0) ::close(copy);
    return false;
  }
  bool empty = true;
  while (const dirent* entry = ::readdir(stream)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") empty = false;
  }
  ::closedir(stream);
  return empty;
}

mode_t KindOf(pb::Type type) {
  switch (type) {
    case pb::TYPE_FIFO: return S_IFIFO;
    case pb::TYPE_CHARACTER_DEVICE: return S_IFCHR;
    case pb::TYPE_BLOCK_DEVICE: return S_IFBLK;
    case pb::TYPE_SYMLINK: return S_IFLNK;
    default: return S_IFSOCK;
  }
}

}  // namespace

TreeWriter::TreeWriter(Fd root, const RestoreRules& rules, const Problem& problem)
    : root_(std::move(root)), rules_(rules), problem_(problem) {}

Result<std::unique_ptr<TreeWriter>> TreeWriter::Open(const std::string& target, const RestoreRules& rules,
                                                     const Problem& problem) {
  if (::mkdir(target.c_str(), 0700) != 0 && errno != EEXIST)
    return ErrnoError("The directory '" + Printable(target) + "'", errno);
  Fd root(::open(target.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root) return ErrnoError("The directory '" + Printable(target) + "'", errno);
  if (!rules.overwrite && !IsEmptyDirectory(root.get()))
    return Error(Errc::kAlreadyExists, "'" + Printable(target) +
                                           "' is not empty. Name another directory, or say --overwrite to replace what "
                                           "has the same names there.");
  std::array<std::uint8_t, 6> random{};
  SR_CHECK(crypto::Random(random));
  std::unique_ptr<TreeWriter> writer(new TreeWriter(std::move(root), rules, problem));
  writer->tag_ = Hex(random);
  return writer;
}

Result<Fd> TreeWriter::OpenBeneath(std::string_view path, int flags) const {
  open_how how{};
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  Fd at;
  std::string_view rest = path;
  do {
    std::string_view piece = rest;
    if (piece.size() > kPathPiece) piece = piece.substr(0, piece.rfind('/', kPathPiece));
    const bool last = piece.size() == rest.size();
    how.flags = static_cast<std::uint64_t>(last ? flags : O_PATH | O_DIRECTORY) | O_CLOEXEC;
    const std::string name = piece.empty() ? "." : std::string(piece);
    Fd next(static_cast<int>(::syscall(SYS_openat2, at ? at.get() : root_.get(), name.c_str(), &how, sizeof how)));
    if (!next) return Failed(path, errno);
    at = std::move(next);
    rest.remove_prefix(last ? rest.size() : piece.size() + 1);
  } while (!rest.empty());
  return at;
}

Result<std::shared_ptr<Fd>> TreeWriter::ParentFd(std::string_view path) {
  const std::string_view parent = ParentOf(path);
  const std::lock_guard lock(mutex_);
  if (parent_ && parent_path_ == parent) return parent_;
  SR_TRY(Fd opened, OpenBeneath(parent, O_RDONLY | O_DIRECTORY));
  parent_ = std::make_shared<Fd>(std::move(opened));
  parent_path_ = parent;
  return parent_;
}

std::string TreeWriter::TempName(std::uint64_t id) const { return fmt::format("{}{}-{:x}", kTemporary, tag_, id); }

Status TreeWriter::GiveName(const Fd& parent, const std::string& temp, std::string_view path) {
  const std::string name(NameOf(path));
  if (::renameat(parent.get(), temp.c_str(), parent.get(), name.c_str()) == 0) return {};
  const int failed = errno;
  ::unlinkat(parent.get(), temp.c_str(), 0);
  return Failed(path, failed);
}

Status TreeWriter::MakeDirectory(const pb::Entry& entry) {
  Fd there;
  if (entry.path().empty()) {
    there.Reset(::openat(root_.get(), ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  } else {
    SR_TRY(const auto parent, ParentFd(entry.path()));
    const std::string name(NameOf(entry.path()));
    if (::mkdirat(parent->get(), name.c_str(), 0700) == 0) return {};
    if (errno != EEXIST) return Failed(entry.path(), errno);
    there.Reset(::openat(parent->get(), name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  }
  struct stat facts {};
  if (!there || ::fstat(there.get(), &facts) != 0) return Failed(entry.path(), errno);
  // One that an earlier run has finished may be closed to its owner; FinishDirectory gives it its mode again.
  if (facts.st_uid == ::geteuid() && (facts.st_mode & S_IRWXU) != S_IRWXU)
    (void)::chmod(fmt::format("/proc/self/fd/{}", there.get()).c_str(), (facts.st_mode & 07777) | S_IRWXU);
  if (takes_up_) DropEarlier(there);
  return {};
}

void TreeWriter::TakeUp(std::string tag) {
  tag_ = std::move(tag);
  takes_up_ = true;
  DropEarlier(root_);
}

void TreeWriter::DropEarlier(const Fd& directory) const {
  const std::string prefix = fmt::format("{}{}-", kTemporary, tag_);
  const int copy = ::openat(directory.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* stream = copy < 0 ? nullptr : ::fdopendir(copy);
  if (stream == nullptr) {
    if (copy >= 0) ::close(copy);
    return;
  }
  while (const dirent* entry = ::readdir(stream))
    if (std::string_view(entry->d_name).starts_with(prefix)) ::unlinkat(copy, entry->d_name, 0);
  ::closedir(stream);
}

Status TreeWriter::FinishDirectory(const pb::Entry& entry) {
  SR_TRY(const Fd directory, OpenBeneath(entry.path(), O_RDONLY | O_DIRECTORY));
  Attributes(entry, directory.get());
  return {};
}

Result<Fd> TreeWriter::OpenFile(const pb::Entry& entry, std::uint64_t id) {
  SR_TRY(const auto parent, ParentFd(entry.path()));
  const std::string temp = TempName(id);
  constexpr int kNew = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  if (entry.extents_size() < 2) {
    Fd file(::openat(parent->get(), temp.c_str(), kNew, 0600));
    if (!file) return Failed(entry.path(), errno);
    return file;
  }
  struct stat facts {};
  const std::lock_guard lock(mutex_);
  const auto begun = begun_.find(id);
  Fd file(::openat(parent->get(), temp.c_str(),
                   begun == begun_.end() ? kNew : O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600));
  if (!file || ::fstat(file.get(), &facts) != 0) return Failed(entry.path(), errno);
  const auto identity = std::make_pair(facts.st_dev, facts.st_ino);
  if (begun == begun_.end())
    begun_.emplace(id, identity);
  else if (begun->second != identity)
    return Failed(entry.path(), EEXIST);
  return file;
}

Status TreeWriter::FinishFile(const pb::Entry& entry, std::uint64_t id, const Fd& file) {
  SR_TRY(const auto parent, ParentFd(entry.path()));
  struct stat now {};
  if (::fstat(file.get(), &now) != 0) return Failed(entry.path(), errno);
  if (static_cast<std::uint64_t>(now.st_size) != entry.size() &&
      ::ftruncate(file.get(), static_cast<off_t>(entry.size())) != 0)
    return Failed(entry.path(), errno);
  Attributes(entry, file.get());
  if (entry.extents_size() > 1) {
    const std::lock_guard lock(mutex_);
    begun_.erase(id);
  }
  return GiveName(*parent, TempName(id), entry.path());
}

void TreeWriter::DropFile(const pb::Entry& entry, std::uint64_t id) {
  {
    const std::lock_guard lock(mutex_);
    begun_.erase(id);
  }
  if (const auto parent = ParentFd(entry.path()); parent.ok()) ::unlinkat((*parent)->get(), TempName(id).c_str(), 0);
}

Status TreeWriter::MakeSpecial(const pb::Entry& entry, std::uint64_t id) {
  SR_TRY(const auto parent, ParentFd(entry.path()));
  const std::string temp = TempName(id);
  const int made = entry.type() == pb::TYPE_SYMLINK
                       ? ::symlinkat(entry.link_target().c_str(), parent->get(), temp.c_str())
                       : ::mknodat(parent->get(), temp.c_str(), KindOf(entry.type()) | 0600,
                                   makedev(static_cast<unsigned>(entry.device() >> 32),
                                           static_cast<unsigned>(entry.device() & 0xffffffff)));
  if (made != 0) return Failed(entry.path(), errno);
  // Who may write to the directory may have put something else there meanwhile, whose mode is not ours to change.
  const Fd mine(::openat(parent->get(), temp.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat facts {};
  if (!mine || ::fstat(mine.get(), &facts) != 0) return Failed(entry.path(), errno);
  if ((facts.st_mode & S_IFMT) != KindOf(entry.type()) || facts.st_uid != ::geteuid() || facts.st_nlink != 1)
    return Failed(entry.path(), EEXIST);
  Attributes(entry, mine.get());
  return GiveName(*parent, temp, entry.path());
}

Status TreeWriter::MakeHardLink(const pb::Entry& entry, std::uint64_t id) {
  SR_TRY(const auto from, ParentFd(entry.hard_link()));
  SR_TRY(const auto parent, ParentFd(entry.path()));
  const std::string temp = TempName(id);
  // Without AT_SYMLINK_FOLLOW the name itself is linked, whatever it is.
  if (::linkat(from->get(), std::string(NameOf(entry.hard_link())).c_str(), parent->get(), temp.c_str(), 0) != 0)
    return Failed(entry.path(), errno);
  SR_CHECK(GiveName(*parent, temp, entry.path()));
  ::unlinkat(parent->get(), temp.c_str(), 0);  // rename does nothing where both are names of one file already
  return {};
}

uid_t TreeWriter::OwnerOf(const pb::Entry& entry) {
  if (rules_.numeric_owners || entry.user().empty()) return entry.uid();
  const std::lock_guard lock(mutex_);
  const auto known = users_.find(entry.user());
  if (known != users_.end()) return known->second == UINT32_MAX ? entry.uid() : known->second;
  std::vector<char> room(64 << 10);
  passwd row{}, *found = nullptr;
  const bool there =
      ::getpwnam_r(entry.user().c_str(), &row, room.data(), room.size(), &found) == 0 && found != nullptr;
  if (users_.size() >= kMostNames) users_.clear();
  users_.emplace(entry.user(), there ? row.pw_uid : UINT32_MAX);
  return there ? row.pw_uid : entry.uid();
}

gid_t TreeWriter::GroupOf(const pb::Entry& entry) {
  if (rules_.numeric_owners || entry.group().empty()) return entry.gid();
  const std::lock_guard lock(mutex_);
  const auto known = groups_.find(entry.group());
  if (known != groups_.end()) return known->second == UINT32_MAX ? entry.gid() : known->second;
  std::vector<char> room(64 << 10);
  group row{}, *found = nullptr;
  const bool there =
      ::getgrnam_r(entry.group().c_str(), &row, room.data(), room.size(), &found) == 0 && found != nullptr;
  if (groups_.size() >= kMostNames) groups_.clear();
  groups_.emplace(entry.group(), there ? row.gr_gid : UINT32_MAX);
  return there ? row.gr_gid : entry.gid();
}

void TreeWriter::SetXattrs(const pb::Entry& entry, const std::string& by_path, bool owned) {
  for (const pb::Xattr& attribute : entry.xattrs()) {
    // A capability is a right of the file's owner to give, as set-user-id is.
    if (attribute.name() == kCapability && !owned) {
      problem_(entry.path(), "Its attribute security.capability is not restored, since its owner is not.");
      continue;
    }
    if (::setxattr(by_path.c_str(), attribute.name().c_str(), attribute.value().data(), attribute.value().size(), 0) !=
        0)
      problem_(entry.path(),
               ErrnoError("Its attribute " + Printable(attribute.name()) + " is not restored", errno).public_message());
  }
}

void TreeWriter::Attributes(const pb::Entry& entry, int file) {
  // A link of /proc leads to what is open, whatever its name has become; descriptors of O_PATH have no other way.
  const std::string by_path = fmt::format("/proc/self/fd/{}", file);
  bool owned = true;
  if (rules_.owners) {
    if (::fchownat(file, "", OwnerOf(entry), GroupOf(entry), AT_EMPTY_PATH) != 0) {
      owned = false;
      problem_(entry.path(), ErrnoError("Its owner is not restored", errno).public_message());
    }
  } else {
    owned = entry.uid() == ::geteuid() && entry.gid() == ::getegid();
  }
  // Before the mode: one without the right to write takes no attributes.
  if (rules_.xattrs && entry.xattrs_size() > 0) SetXattrs(entry, by_path, owned && rules_.owners);
  // Set-user-id for somebody who was not the owner would give away the restorer's rights.
  const mode_t mode =
      static_cast<mode_t>(owned || entry.type() == pb::TYPE_DIRECTORY ? entry.mode() : entry.mode() & 01777);
  if (entry.type() != pb::TYPE_SYMLINK && ::chmod(by_path.c_str(), mode) != 0)
    problem_(entry.path(), ErrnoError("Its mode is not restored", errno).public_message());
  const timespec time{static_cast<time_t>(entry.mtime_seconds()), static_cast<long>(entry.mtime_nanoseconds())};
  const timespec times[2] = {time, time};
  if (::utimensat(AT_FDCWD, by_path.c_str(), times, 0) != 0)
    problem_(entry.path(), ErrnoError("Its time is not restored", errno).public_message());
}

Status TreeWriter::Sync() {
  if (::syncfs(root_.get()) != 0) return ErrnoError(kNotOnDisk, errno);
  return {};
}

Status TreeWriter::SyncRoot() {
  if (::fsync(root_.get()) != 0) return ErrnoError(kNotOnDisk, errno);
  return {};
}

}  // namespace strongroom::archive
