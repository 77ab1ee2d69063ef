#include "terminal/quiet_terminal.h"

#include <pthread.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace strongroom::cli {
namespace {

constexpr std::array kSignals = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGTSTP};

// Reached from the signal handler, so these are not in the object.
termios g_loud, g_quiet;
std::string_view g_prompt;
std::array<struct sigaction, kSignals.size()> g_actions;

void Say(std::string_view text) noexcept { (void)!::write(STDERR_FILENO, text.data(), text.size()); }

/// Only calls that signal-safety(7) lists. Every signal is blocked while this runs, so SIGTTOU does not stop it when
/// the terminal belongs to another program by now.
void OnSignal(int number) noexcept {
  const int kept = errno;
  ::tcsetattr(STDIN_FILENO, TCSANOW, &g_loud);
  Say("\n");
  struct sigaction ours {};
  for (std::size_t i = 0; i < kSignals.size(); ++i)
    if (kSignals[i] == number) ::sigaction(number, &g_actions[i], &ours);
  sigset_t due, blocked;
  ::sigemptyset(&due);
  ::sigaddset(&due, number);
  // After `bg` the next tcsetattr is to stop the program until `fg`.
  ::sigaddset(&due, SIGTTOU);
  ::raise(number);
  ::pthread_sigmask(SIG_UNBLOCK, &due, &blocked);  // here the program ends or stops
  ::tcsetattr(STDIN_FILENO, TCSANOW, &g_quiet);
  ::pthread_sigmask(SIG_SETMASK, &blocked, nullptr);
  ::sigaction(number, &ours, nullptr);
  Say(g_prompt);
  errno = kept;
}

}  // namespace

QuietTerminal::QuietTerminal(std::string_view prompt) {
  g_prompt = prompt;
  ::tcgetattr(STDIN_FILENO, &g_loud);
  g_quiet = g_loud;
  g_quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  struct sigaction ours {};
  ours.sa_handler = &OnSignal;
  ours.sa_flags = SA_RESTART;
  ::sigfillset(&ours.sa_mask);
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], nullptr, &g_actions[i]);
    // What the program was told to ignore (nohup) stays ignored.
    if (g_actions[i].sa_handler != SIG_IGN) ::sigaction(kSignals[i], &ours, nullptr);
  }
  ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &g_quiet);
  Say(prompt);
}

QuietTerminal::~QuietTerminal() {
  ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &g_loud);
  Say("\n");
  for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &g_actions[i], nullptr);
}

}  // namespace strongroom::cli
