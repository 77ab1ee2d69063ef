#pragma once

#include <memory>
#include <string_view>

#include "cmu/secret_line.h"

namespace strongroom::cmu {

/// Lines of commands: with editing and history on a terminal, plainly from a pipe or a list.
class Input {
 public:
  virtual ~Input() = default;
  /// Errors: kCancelled at the end of the input; kLimitExceeded for a line over 16 KiB, all of which has been read.
  virtual Result<SecretLine> Line(std::string_view prompt) = 0;
  virtual Result<SecretBuffer> Password(std::string_view prompt) = 0;
  /// A terminal with a person: prompts are shown and mistakes are asked about again.
  virtual bool interactive() const noexcept = 0;
};

/// libedit when standard input is a terminal, else line by line. Passwords never reach the history.
std::unique_ptr<Input> MakeStandardInput();

}  // namespace strongroom::cmu
