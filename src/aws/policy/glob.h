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

/// What a decision, or several of one request, may still cost. A step is some nanoseconds: a byte that is looked at or
/// copied, or 64 letters of a pattern for one of a text. Who writes policies and who sends requests must not be able to
/// keep a front end busy with them, so a decision that has used them up is a refusal.
class Steps {
 public:
  static constexpr std::size_t kOfDecision = 5'000'000;

  explicit Steps(std::size_t limit = kOfDecision) : limit_(limit) {}
  /// False when there are not so many left; what is to be worked out then does not matter any more.
  bool Take(std::size_t steps) noexcept {
    taken_ += steps;
    return taken_ <= limit_;
  }
  bool exhausted() const noexcept { return taken_ > limit_; }
  std::size_t taken() const noexcept { return taken_; }

 private:
  std::size_t limit_, taken_ = 0;
};

/// Does the pattern match the whole text? Case counts. False, too, when the steps are used up.
/// Cost   linear in pattern and text where there are only runs; with the other wildcards each letter of the text costs
///        one step for every 64 letters of the pattern. Never exponential, nor quadratic in the number of wildcards.
bool Matches(std::string_view pattern, std::string_view text, Steps& steps);

/// Six segments of an ARN, each by itself; the pattern's missing ones match anything. False when `text` is no ARN.
bool MatchesArn(std::string_view pattern, std::string_view text, Steps& steps);

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
  bool Match(std::string_view text, Steps& steps) const;
  const std::string& pattern() const noexcept { return pattern_; }

 private:
  enum class Shape : unsigned char { kExact, kAnything, kPrefix, kOther };
  std::string pattern_;
  Shape shape_ = Shape::kExact;
};

}  // namespace strongroom::aws::policy
