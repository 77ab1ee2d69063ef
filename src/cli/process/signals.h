#pragma once

#include <csignal>

namespace strongroom::cli {

/// Turns SIGTERM, SIGINT, SIGCHLD and, unless it is ignored, SIGHUP into a descriptor to poll. Made before any thread
/// or child.
class SignalDescriptor {
 public:
  SignalDescriptor();
  ~SignalDescriptor();
  SignalDescriptor(const SignalDescriptor&) = delete;
  SignalDescriptor& operator=(const SignalDescriptor&) = delete;

  int fd() const noexcept { return fd_; }
  /// True when one of those that ask us to stop has come. Takes what is there.
  bool TakeStop();

 private:
  int fd_ = -1;
  sigset_t old_{};
};

}  // namespace strongroom::cli
