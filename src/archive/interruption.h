#pragma once

#include <csignal>

#include "base/result.h"

namespace strongroom::archive {

/// While one exists, the first SIGINT, SIGTERM or SIGHUP is noted and does nothing else; a second one ends the process
/// as ever. Signals that somebody handles or ignores stay his. One at a time in a process.
class Interruption {
 public:
  Interruption();
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  /// Errors: kCancelled once a signal has come. Any thread.
  static Status Check();

 private:
  struct sigaction before_[3]{};
};

}  // namespace strongroom::archive
