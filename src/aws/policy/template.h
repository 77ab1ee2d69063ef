#pragma once

#include <boost/container/small_vector.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aws/policy/glob.h"
#include "aws/policy/keys.h"

namespace strongroom::aws::policy {

/// Whether '*' and '?' of a text are wildcards.
enum class Wildcards : bool { kNo, kYes };
/// Whether "${…}" stands for the value of a condition key: from version 2012-10-17 on.
enum class Variables : bool { kNo, kYes };

/// A text of a policy, in which policy variables wait for their values. Immutable.
/// Source: IAM User Guide, "IAM policy elements: Variables and tags".
class Template {
 public:
  using Buffer = boost::container::small_vector<char, 256>;

  Template() = default;
  Template(std::string_view text, Wildcards wildcards, Variables variables);

  bool fixed() const noexcept { return holes_.empty(); }
  /// The pattern where there are no variables; see glob.h.
  const std::string& pattern() const noexcept { return pattern_; }
  /// The pattern with the variables' values, in `buffer` when there are any. Nothing when a variable has neither one
  /// value nor a default, and when the steps are used up.
  std::optional<std::string_view> Fill(const ports::Question& question, ports::PolicyKind kind, Buffer& buffer,
                                       Steps& steps) const;

 private:
  struct Hole {
    std::size_t at = 0;  // in pattern_
    Key key;
    std::optional<std::string> fallback;
  };
  /// Reads "${…}" at the start of the text. Returns how much it took; 0 when it is no variable.
  std::size_t ReadVariable(std::string_view text);

  std::string pattern_;
  std::vector<Hole> holes_;
};

/// The Resource of a statement.
class ResourcePattern {
 public:
  ResourcePattern(std::string_view text, Variables variables);
  bool Match(const ports::Question& question, ports::PolicyKind kind, Steps& steps) const;

 private:
  Template template_;
  Glob glob_;  // when there are no variables
};

}  // namespace strongroom::aws::policy
