#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace strongroom::aws::policy {

// Patterns are UTF-8 texts in which four bytes that no UTF-8 text contains stand for wildcards. So a '*' that came from
// the value of a policy variable is a star like any other letter, and never a wildcard.
inline constexpr char kAnyRun = static_cast<char>(0xff);      // '*'
inline constexpr char kOne = static_cast<char>(0xfe);         // '?': one character, not one byte
inline constexpr char kRunNoColon = static_cast<char>(0xfd);  // '*' within a segment of an ARN
inline constexpr char kOneNoColon = static_cast<char>(0xfc);  // '?' likewise
constexpr bool IsToken(char c) noexcept { return static_cast<unsigned char>(c) >= 0xfc; }

/// What matching has cost, for tests: pieces of text or pattern looked at.
struct Steps {
  std::size_t count = 0;
};

/// Does the pattern match the whole text? Case counts.
/// Cost   linear in pattern and text where there are only runs; with the other wildcards each letter of the text costs
///        one step for every 64 letters of the pattern. Never exponential, nor quadratic in the number of wildcards.
bool Matches(std::string_view pattern, std::string_view text, Steps* steps = nullptr);

/// Six segments of an ARN, each by itself; the pattern's missing ones match anything. False when `text` is no ARN.
bool MatchesArn(std::string_view pattern, std::string_view text, Steps* steps = nullptr);

/// Makes the wildcards in the first five segments of an ARN pattern stay in theirs, but for a run at a segment's end,
/// which may go on. True when ":*" is missing at its end, since a pattern of fewer segments than six goes on with a
/// run, as "arn:aws:sqs" means every queue. Source: IAM User Guide, "IAM JSON policy elements: Resource".
bool ConfineToSegments(std::span<char> pattern);
inline constexpr char kMissingSegments[] = {':', kAnyRun};

/// How a decision matches a pattern that holds no variables: the usual shapes at their cost.
class Glob {
 public:
  Glob() = default;
  explicit Glob(std::string pattern);
  bool Match(std::string_view text) const;
  const std::string& pattern() const noexcept { return pattern_; }

 private:
  enum class Shape : unsigned char { kExact, kAnything, kPrefix, kOther };
  std::string pattern_;
  Shape shape_ = Shape::kExact;
};

}  // namespace strongroom::aws::policy
