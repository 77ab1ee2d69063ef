#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace strongroom::cli {

struct ChildSpec {
  std::string name;  // for messages
  std::filesystem::path program;
  std::vector<std::string> arguments;  // never a secret: everybody on the machine can read them
  std::optional<uid_t> user;           // becomes this user and group when we are root
  int keep_fd = -1;                    // one descriptor the child inherits (the data directory's lock); others close
  bool lock_memory = false;            // may lock as much memory as we may let it
  std::vector<std::string> environment{};  // "NAME=value", beside ours or in its place
};

/// A child process that dies with us (PR_SET_PDEATHSIG) and whose standard output we read line by line.
class Child {
 public:
  /// Errors: kNotFound no such program; kResourceExhausted.
  static Result<Child> Start(const ChildSpec& spec);
  Child(Child&& from) noexcept;
  Child& operator=(Child&& from) noexcept;
  ~Child();  // SIGKILL if it still runs

  pid_t pid() const noexcept { return pid_; }
  const std::string& name() const noexcept { return name_; }
  /// The descriptor of its standard output, for poll.
  int output() const noexcept { return output_; }
  /// Reads what there is; calls `line` for each complete line. False at end of file.
  bool Drain(const std::function<void(std::string_view)>& line);
  /// Not blocking: "exit status 1", "signal 9" once it has ended; nothing while it runs.
  std::optional<std::string> Ended();
  /// Its exit status, once it has ended of its own accord.
  std::optional<int> exit_status() const noexcept { return exit_status_; }
  void Signal(int number) const noexcept;
  /// Waits up to `patience` after a SIGTERM, then kills.
  void Stop(std::chrono::milliseconds patience);

 private:
  Child() = default;
  std::string name_;
  pid_t pid_ = -1;
  int output_ = -1;
  std::string partial_;
  std::optional<int> exit_status_;
};

}  // namespace strongroom::cli
