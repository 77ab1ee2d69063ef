#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "secret/sandbox_internal.h"

namespace strongroom::secret::sandbox {
namespace {

// glibc has no wrappers for these. The kernel header of the build machine may be older than the running kernel, so
// rights of later ABIs are given by number.
constexpr std::uint64_t kReferRight = std::uint64_t{1} << 13;     // ABI 2
constexpr std::uint64_t kTruncateRight = std::uint64_t{1} << 14;  // ABI 3
constexpr std::uint64_t kIoctlRight = std::uint64_t{1} << 15;     // ABI 5

constexpr std::uint64_t kReadWrite = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE |
                                     LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                                     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |
                                     LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK;
constexpr std::uint64_t kNeverAllowed = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                                        LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
                                        LANDLOCK_ACCESS_FS_MAKE_SYM;

int Abi() noexcept {
  return static_cast<int>(::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

}  // namespace

bool HasLandlock() noexcept { return Abi() >= 1; }

Status RestrictFiles(const std::filesystem::path& directory) {
  const int abi = Abi();
  std::uint64_t allowed = kReadWrite;
  landlock_ruleset_attr attributes{};
  attributes.handled_access_fs = kReadWrite | kNeverAllowed;
  if (abi >= 2) attributes.handled_access_fs |= kReferRight, allowed |= kReferRight;
  if (abi >= 3) attributes.handled_access_fs |= kTruncateRight, allowed |= kTruncateRight;
  if (abi >= 5) attributes.handled_access_fs |= kIoctlRight;
  const Descriptor ruleset(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes), 0)));
  if (ruleset.get() < 0) return FromErrno("make a Landlock ruleset", errno);
  const Descriptor root(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (root.get() < 0) return FromErrno("open the sandbox's directory", errno);
  landlock_path_beneath_attr rule{};
  rule.allowed_access = allowed;
  rule.parent_fd = root.get();
  if (::syscall(SYS_landlock_add_rule, ruleset.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0) {
    return FromErrno("add the sandbox's directory to Landlock", errno);
  }
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return FromErrno("give up new privileges", errno);
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) {
    return FromErrno("enter the Landlock sandbox", errno);
  }
  return {};
}

}  // namespace strongroom::secret::sandbox
