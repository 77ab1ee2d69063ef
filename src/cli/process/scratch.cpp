#include "cli/process/scratch.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/file.h"

extern char** environ;

namespace strongroom::cli {
namespace fs = std::filesystem;

namespace {

// Reads until this process has ended, then removes the directory until the last of its processes writes there no more.
constexpr const char* kGuard =
    "trap '' INT TERM HUP QUIT; cat; n=0; while [ -e \"$0\" ] && [ $n -lt 120 ]; do rm -rf -- \"$0\"; sleep 1; "
    "n=$((n+1)); done";

/// The lock says that somebody still works there: nothing for a directory of another's.
UniqueFd LockDirectory(const fs::path& path) {
  UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (directory && ::flock(directory.get(), LOCK_EX | LOCK_NB) != 0) return UniqueFd();
  return directory;
}

void RemoveLeftBehind(const fs::path& place, const std::string& prefix) {
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(place, failed)) {
    if (!entry.path().filename().string().starts_with(prefix)) continue;
    const UniqueFd lock = LockDirectory(entry.path());
    struct stat about {};
    if (!lock || ::fstat(lock.get(), &about) != 0 || about.st_uid != ::geteuid()) continue;
    fs::remove_all(entry.path(), failed);
  }
}

}  // namespace

Result<std::unique_ptr<Scratch>> Scratch::Make(const std::string& prefix) {
  std::error_code failed;
  const fs::path place = fs::temp_directory_path(failed);
  if (failed) return FileError("work in", "the directory of temporary files, $TMPDIR", failed.value());
  RemoveLeftBehind(place, prefix);
  std::string name = (place / (prefix + "XXXXXX")).string();
  if (::mkdtemp(name.data()) == nullptr) return FileError("make", name, errno);
  std::unique_ptr<Scratch> scratch(new Scratch(name));
  scratch->lock_ = LockDirectory(name);
  // The users that the processes run as pass through.
  if (!scratch->lock_ || ::chmod(name.c_str(), 0711) != 0) return FileError("change the mode of", name, errno);
  SR_CHECK(scratch->Guard());
  return scratch;
}

Status Scratch::Guard() {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return FileError("guard", path_, errno);
  const UniqueFd reading(pipe[0]);
  alive_ = UniqueFd(pipe[1]);
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_adddup2(&files, reading.get(), STDIN_FILENO);
  ::posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  std::string shell = "sh", option = "-c", script = kGuard, directory = path_.string();
  std::array<char*, 5> arguments{shell.data(), option.data(), script.data(), directory.data(), nullptr};
  pid_t pid = 0;
  const int failed = ::posix_spawn(&pid, "/bin/sh", &files, &attributes, arguments.data(), environ);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&files);
  return failed == 0 ? Status() : Status(FileError("guard", path_, failed));
}

Scratch::~Scratch() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace strongroom::cli
