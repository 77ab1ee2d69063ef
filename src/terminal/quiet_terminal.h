#pragma once

#include <string_view>

namespace strongroom::cli {

/// Standard input, a terminal, without echo while a password is typed; shows the prompt on standard error.
///
/// Promise   echo is on again afterwards, also when a signal ends or stops the program; after a stop it is off again
///           and the prompt is shown anew. A signal then has the effect that it would have had.
/// Limits    SIGKILL cannot be met.
/// Threads   one at a time in a process: the signals' actions are the process's.
/// Source    readpassphrase(3), which OpenBSD made for this.
class QuietTerminal {
 public:
  /// Keeps a view of `prompt`.
  explicit QuietTerminal(std::string_view prompt);
  ~QuietTerminal();
  QuietTerminal(const QuietTerminal&) = delete;
  QuietTerminal& operator=(const QuietTerminal&) = delete;
};

}  // namespace strongroom::cli
