#include "aws_client/directory_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <mutex>
#include <set>
#include <system_error>

#include "aws_client/directory_files.h"
#include "crypto/random.h"

namespace strongroom::aws_client {
namespace {

namespace fs = std::filesystem;

constexpr const char* kUploads = ".uploads";
constexpr std::size_t kPieceBytes = std::size_t{1} << 20;
constexpr std::size_t kWriteBehindBytes = std::size_t{1} << 20;

Result<std::string> RandomName() {
  std::uint8_t raw[16];
  SR_CHECK(crypto::Random(raw));
  return Hex(raw);
}

/// What all objects of one directory share; uploads may outlive the store.
struct Root {
  fs::path path;
  Fd root;
  mutable std::mutex opening;
  mutable Fd uploads;  // once OpenUploads has found or made it
};

enum class Uploads : std::uint8_t { kAsIs, kMake };
/// Whether .uploads is there. Only who writes makes it: what is only read may lie on a medium that takes nothing.
Result<bool> OpenUploads(const Root& root, Uploads want) {
  const std::lock_guard lock(root.opening);
  if (root.uploads) return true;
  if (want == Uploads::kMake && ::mkdirat(root.root.get(), kUploads, 0700) != 0 && errno != EEXIST) {
    return StoreError("write in", root.path, errno);
  }
  root.uploads = Fd(::openat(root.root.get(), kUploads, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (root.uploads) return true;
  if (want == Uploads::kAsIs && errno == ENOENT) return false;
  return StoreError("open", root.path / kUploads, errno);
}

ObjectInfo InfoOf(std::string_view name, const struct stat& found) {
  return {.name = std::string(name),
          .size = static_cast<std::uint64_t>(found.st_size),
          .etag = fmt::format("{:x}-{:x}-{:x}.{:x}", found.st_ino, found.st_size, found.st_mtim.tv_sec,
                              found.st_mtim.tv_nsec)};
}

/// 0, or what went wrong.
int Rename(const Root& root, const std::string& from, const Fd& parent, const std::string& last, PutIf put_if) {
  const unsigned flags = put_if != PutIf::kAny ? RENAME_NOREPLACE : 0;
  if (::renameat2(root.uploads.get(), from.c_str(), parent.get(), last.c_str(), flags) == 0) return 0;
  if (errno != EINVAL || put_if == PutIf::kAny) return errno;
  // A file system that cannot rename so, NFS for one, can link so.
  if (::linkat(root.uploads.get(), from.c_str(), parent.get(), last.c_str(), 0) != 0) return errno;
  ::unlinkat(root.uploads.get(), from.c_str(), 0);
  return 0;
}

/// Gives the synced file `from` in .uploads its name, and makes that outlive a power failure.
Result<ObjectInfo> Name(const Root& root, const std::string& from, std::string_view name, PutIf put_if) {
  const std::string last(LastSegment(name));
  Fd parent;
  int failed = ENOENT;
  // The directory goes with the last object in it, which another thread may delete between the two steps.
  for (int attempt = 0; attempt < 16 && failed == ENOENT; ++attempt) {
    SR_TRY(parent, OpenParent(root.root, root.path, name, Parents::kCreate));
    failed = Rename(root, from, parent, last, put_if);
  }
  if (failed == EEXIST) {
    return Error(Errc::kAlreadyExists, fmt::format("{} exists already.", (root.path / name).string()));
  }
  if (failed != 0) return StoreError("write", root.path / name, failed);
  if (::fsync(parent.get()) != 0) return StoreError("sync", root.path / name, errno);
  struct stat found {};
  if (::fstatat(parent.get(), last.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0) {
    return StoreError("look at", root.path / name, errno);
  }
  return InfoOf(name, found);
}

/// A file in .uploads, which goes with the object unless it got a name.
class Temporary {
 public:
  static Result<Temporary> Make(const Root& root) {
    SR_CHECK(OpenUploads(root, Uploads::kMake));
    for (;;) {
      SR_TRY(std::string name, RandomName());
      Fd fd(::openat(root.uploads.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
      if (!fd) return StoreError("write in", root.path / kUploads, errno);
      // Held as long as the file is written: nobody drops what somebody works on.
      while (::flock(fd.get(), LOCK_EX) != 0 && errno == EINTR) continue;
      struct stat made {};
      if (::fstat(fd.get(), &made) != 0) return StoreError("write in", root.path / kUploads, errno);
      if (made.st_nlink > 0) return Temporary(&root, std::move(name), std::move(fd));
      // Somebody has dropped it before it was locked.
    }
  }
  Temporary(Temporary&& from) noexcept
      : root_(std::exchange(from.root_, nullptr)), name_(std::move(from.name_)), fd_(std::move(from.fd_)) {}
  Temporary& operator=(Temporary&&) = delete;
  ~Temporary() { Drop(); }

  Status WriteAt(ByteView bytes, std::uint64_t offset) const {
    const std::uint64_t from = offset;
    const std::size_t size = bytes.size();
    while (!bytes.empty()) {
      const ssize_t written = ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (written < 0 && errno != EINTR) return StoreError("write in", root_->path / kUploads, errno);
      if (written <= 0) continue;
      bytes = bytes.subspan(static_cast<std::size_t>(written));
      offset += static_cast<std::uint64_t>(written);
    }
    // The disk begins with these bytes while the next ones are made, and fsync finds little left to do: that is several
    // times as fast as leaving all of it to fsync. Where it is not possible, fsync does it all.
    if (size >= kWriteBehindBytes) {
      ::sync_file_range(fd_.get(), static_cast<off_t>(from), static_cast<off_t>(size), SYNC_FILE_RANGE_WRITE);
    }
    return {};
  }
  Status CutAt(std::uint64_t size) const {
    if (::ftruncate(fd_.get(), static_cast<off_t>(size)) == 0) return {};
    return StoreError("write in", root_->path / kUploads, errno);
  }
  Result<ObjectInfo> GiveName(std::string_view name, PutIf put_if) {
    if (::fsync(fd_.get()) != 0) return StoreError("sync", root_->path / name, errno);
    SR_TRY(auto info, Name(*root_, name_, name, put_if));
    root_ = nullptr;
    return info;
  }
  void Drop() noexcept {
    if (const Root* root = std::exchange(root_, nullptr)) ::unlinkat(root->uploads.get(), name_.c_str(), 0);
  }

 private:
  Temporary(const Root* root, std::string name, Fd fd) : root_(root), name_(std::move(name)), fd_(std::move(fd)) {}
  const Root* root_;
  std::string name_;
  Fd fd_;
};

class DirectoryUpload final : public Upload {
 public:
  DirectoryUpload(std::shared_ptr<const Root> root, std::string name, std::size_t part_bytes, Temporary temporary)
      : root_(std::move(root)), name_(std::move(name)), part_bytes_(part_bytes), temporary_(std::move(temporary)) {}

  Status Part(std::uint32_t number, ByteView bytes) override {
    if (number < 1 || number > kMostParts) return Error(Errc::kInvalidArgument, "A part's number is out of bounds.");
    if (bytes.empty() || bytes.size() > part_bytes_) {
      return Error(Errc::kInvalidArgument, fmt::format("Part {} has a size that is out of bounds.", number));
    }
    SR_CHECK(temporary_.WriteAt(bytes, std::uint64_t{number - 1} * part_bytes_));
    const std::lock_guard lock(mutex_);
    parts_[number] = bytes.size();
    return {};
  }
  Result<ObjectInfo> Complete(PutIf put_if) override {
    const std::lock_guard lock(mutex_);
    SR_CHECK(CheckParts(parts_, part_bytes_));
    const auto& [last, size] = *parts_.rbegin();
    SR_CHECK(temporary_.CutAt(std::uint64_t{last - 1} * part_bytes_ + size));
    return temporary_.GiveName(name_, put_if);
  }
  Status Abort() override {
    temporary_.Drop();
    return {};
  }

 private:
  const std::shared_ptr<const Root> root_;
  const std::string name_;
  const std::size_t part_bytes_;
  Temporary temporary_;
  std::mutex mutex_;
  std::map<std::uint32_t, std::size_t> parts_;
};

class DirectoryStore final : public ObjectStore {
 public:
  explicit DirectoryStore(std::shared_ptr<const Root> root) : root_(std::move(root)) {}

  std::string Description() const override { return root_->path.string(); }

  Status Check() override {
    struct stat now {
    }, then{};
    if (::stat(root_->path.c_str(), &now) != 0) return StoreError("look at", root_->path, errno);
    if (::fstat(root_->root.get(), &then) != 0) return StoreError("look at", root_->path, errno);
    if (now.st_dev != then.st_dev || now.st_ino != then.st_ino) {
      return Error(Errc::kNotFound, fmt::format("{} is another directory than it was.", root_->path.string()));
    }
    if (::access(root_->path.c_str(), R_OK | W_OK | X_OK) != 0) return StoreError("write in", root_->path, errno);
    return {};
  }

  Result<ObjectInfo> Put(std::string_view name, ByteView bytes, PutIf put_if) override {
    SR_CHECK(CheckName(name));
    SR_TRY(Temporary temporary, Temporary::Make(*root_));
    SR_CHECK(temporary.WriteAt(bytes, 0));
    return temporary.GiveName(name, put_if);
  }

  Result<std::unique_ptr<Upload>> StartUpload(std::string_view name, std::size_t part_bytes) override {
    SR_CHECK(CheckName(name));
    SR_CHECK(CheckPartSize(part_bytes));
    SR_TRY(Temporary temporary, Temporary::Make(*root_));
    return std::unique_ptr<Upload>(
        std::make_unique<DirectoryUpload>(root_, std::string(name), part_bytes, std::move(temporary)));
  }

  Result<ObjectInfo> Get(std::string_view name, std::optional<ByteRange> range, const ByteSink& sink) override {
    SR_CHECK(CheckName(name));
    SR_TRY(const Fd parent, OpenParent(root_->root, root_->path, name, Parents::kMustExist));
    const Fd file(
        ::openat(parent.get(), std::string(LastSegment(name)).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!file) return StoreError("read", root_->path / name, errno);
    struct stat found {};
    if (::fstat(file.get(), &found) != 0) return StoreError("read", root_->path / name, errno);
    if (!S_ISREG(found.st_mode)) return Missing(name);
    const auto size = static_cast<std::uint64_t>(found.st_size);
    const std::uint64_t from = range ? std::min(range->offset, size) : 0;
    const std::uint64_t end = range ? from + std::min(range->length, size - from) : size;
    Bytes piece(static_cast<std::size_t>(std::min<std::uint64_t>(kPieceBytes, end - from)));
    for (std::uint64_t at = from; at < end;) {
      const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), end - at));
      const ssize_t got = ::pread(file.get(), piece.data(), want, static_cast<off_t>(at));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return StoreError("read", root_->path / name, errno);
      if (got == 0) {
        return Error(Errc::kConflict, fmt::format("{} became shorter as it was read.", (root_->path / name).string()));
      }
      SR_CHECK(sink(ByteView(piece).first(static_cast<std::size_t>(got))));
      at += static_cast<std::uint64_t>(got);
    }
    return InfoOf(name, found);
  }

  Result<ObjectInfo> Head(std::string_view name) override {
    SR_CHECK(CheckName(name));
    SR_TRY(const Fd parent, OpenParent(root_->root, root_->path, name, Parents::kMustExist));
    struct stat found {};
    if (::fstatat(parent.get(), std::string(LastSegment(name)).c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0) {
      return StoreError("look at", root_->path / name, errno);
    }
    if (!S_ISREG(found.st_mode)) return Missing(name);
    return InfoOf(name, found);
  }

  Result<ObjectPage> List(std::string_view prefix, std::string_view start_after, std::size_t most) override {
    SR_CHECK(CheckListing(prefix, most));
    return ListDirectory(root_->root, root_->path, kUploads, prefix, start_after, most);
  }

  Status Delete(std::span<const std::string> names) override {
    for (const std::string& name : names) SR_CHECK(CheckName(name));
    std::set<std::string> touched;
    for (const std::string& name : names) {
      auto parent = OpenParent(root_->root, root_->path, name, Parents::kMustExist);
      if (!parent.ok() && parent.error().code() == Errc::kNotFound) continue;
      if (!parent.ok()) return std::move(parent).error();
      if (::unlinkat(parent->get(), std::string(LastSegment(name)).c_str(), 0) != 0 && errno != ENOENT) {
        if (errno == EISDIR) continue;  // no object
        return StoreError("delete", root_->path / name, errno);
      }
      if (::fsync(parent->get()) != 0) return StoreError("sync", root_->path / name, errno);
      DropEmptyParents(name);
    }
    return {};
  }

  Result<std::size_t> DropUnfinishedUploads(std::string_view, std::chrono::seconds age) override {
    SR_TRY(const bool any, OpenUploads(*root_, Uploads::kAsIs));
    if (!any) return 0;
    // Their names are not known here: whatever nobody has locked, of that age, is one that nobody will end.
    const Fd again(::openat(root_->uploads.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!again) return StoreError("list", root_->path / kUploads, errno);
    SR_TRY(const auto entries, ReadEntries(again, root_->path / kUploads));
    const auto now = std::chrono::system_clock::now();
    std::size_t dropped = 0;
    for (const Entry& entry : entries) {
      const Fd file(::openat(root_->uploads.get(), entry.name.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
      struct stat found {};
      if (!file || ::fstat(file.get(), &found) != 0) continue;
      if (now - std::chrono::system_clock::from_time_t(found.st_mtime) < age) continue;
      if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) continue;
      if (::unlinkat(root_->uploads.get(), entry.name.c_str(), 0) == 0) ++dropped;
    }
    return dropped;
  }

 private:
  static Status CheckName(std::string_view name) {
    SR_CHECK(CheckObjectName(name));
    if (name.substr(0, name.find('/')) == kUploads) {
      return Error(Errc::kInvalidArgument, "An object's name begins with the folder of unfinished uploads.");
    }
    return {};
  }
  Error Missing(std::string_view name) const { return StoreError("read", root_->path / name, ENOENT); }
  void DropEmptyParents(std::string_view name) const {
    for (std::size_t slash = name.rfind('/'); slash != std::string_view::npos; slash = name.rfind('/', slash - 1)) {
      const std::string_view directory = name.substr(0, slash);
      const auto parent = OpenParent(root_->root, root_->path, directory, Parents::kMustExist);
      if (!parent.ok() || ::unlinkat(parent->get(), std::string(LastSegment(directory)).c_str(), AT_REMOVEDIR) != 0 ||
          slash == 0) {
        return;
      }
    }
  }
  const std::shared_ptr<const Root> root_;
};

}  // namespace

Result<std::unique_ptr<ObjectStore>> OpenDirectoryStore(const fs::path& directory, DirectoryUse use) {
  std::error_code failed;
  const fs::path path = fs::absolute(directory, failed).lexically_normal();
  if (failed || directory.empty())
    return Error(Errc::kInvalidArgument, "The directory of an object store has no name.");
  if (use == DirectoryUse::kCreate) {
    fs::create_directories(path.parent_path(), failed);
    if (!failed && ::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return StoreError("make", path, errno);
    if (failed) return StoreError("make", path.parent_path(), failed.value());
  }
  auto root = std::make_shared<Root>();
  root->path = path;
  root->root = Fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root->root && errno == ENOTDIR)
    return Error(Errc::kInvalidArgument, fmt::format("{} is a file; an object store is a directory.", path.string()));
  if (!root->root) return StoreError("open", path, errno);
  return std::unique_ptr<ObjectStore>(std::make_unique<DirectoryStore>(std::move(root)));
}

}  // namespace strongroom::aws_client
