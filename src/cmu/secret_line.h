#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "secret/secret_buffer.h"
#include "secret/secret_vector.h"

namespace strongroom::cmu {

/// A line of input, which may hold a password, and its words. Wiped when it goes.
class SecretLine {
 public:
  SecretLine() = default;
  explicit SecretLine(std::string_view text);

  /// Words separated by blanks; views into the line. No quoting: as the original, so passwords hold no blanks.
  std::vector<std::string_view> Words() const;
  /// The line for the history: words from `first_secret` on are replaced by "-hpswd".
  std::string WithoutPassword() const;

 private:
  SecretString text_;
};

}  // namespace strongroom::cmu
