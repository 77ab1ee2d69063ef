#include "cli/process/signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

namespace strongroom::cli {

SignalDescriptor::SignalDescriptor() {
  sigset_t taken;
  sigemptyset(&taken);
  for (const int number : {SIGTERM, SIGINT, SIGCHLD}) sigaddset(&taken, number);
  // A blocked signal comes even where it is ignored, and under nohup the end of a terminal is nobody's end.
  struct sigaction hangup {};
  if (::sigaction(SIGHUP, nullptr, &hangup) != 0 || hangup.sa_handler != SIG_IGN) sigaddset(&taken, SIGHUP);
  sigprocmask(SIG_BLOCK, &taken, &old_);
  fd_ = ::signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
}

SignalDescriptor::~SignalDescriptor() {
  if (fd_ >= 0) ::close(fd_);
  sigprocmask(SIG_SETMASK, &old_, nullptr);
}

bool SignalDescriptor::TakeStop() {
  bool stop = false;
  signalfd_siginfo info{};
  while (::read(fd_, &info, sizeof info) == static_cast<ssize_t>(sizeof info))
    if (info.ssi_signo != SIGCHLD) stop = true;
  return stop;
}

}  // namespace strongroom::cli
