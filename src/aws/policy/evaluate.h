#pragma once

#include <array>
#include <cstdint>

#include "aws/policy/compiled.h"
#include "ports/authorizer.h"

namespace strongroom::aws::policy {

/// What one policy, or several of one kind together, say to a question.
struct Verdict {
  bool denied = false;
  bool allowed = false;
  /// Of a resource's policy: the ways in which allowing statements name the caller, a bit for each NamedAs.
  std::uint8_t named_as = 0;

  void Add(NamedAs how) noexcept { named_as = static_cast<std::uint8_t>(named_as | 1U << static_cast<unsigned>(how)); }
  bool Has(NamedAs how) const noexcept { return (named_as >> static_cast<unsigned>(how) & 1) != 0; }
};

/// The action in lower case, which statements are compared with. Lives through one decision.
class LowerAction {
 public:
  explicit LowerAction(std::string_view action);
  std::string_view text() const noexcept { return text_; }

 private:
  std::array<char, 128> small_;
  std::string large_;
  std::string_view text_;
};

/// Adds what a policy says. `name` is for the explanation only. Stops at the first statement that denies, unless there
/// is something to explain, and when the steps are used up, after which the verdict means nothing.
void Evaluate(const ports::Question& question, std::string_view lower_action, const ports::Policy& policy,
              std::string_view name, Verdict& verdict, Steps& steps);

}  // namespace strongroom::aws::policy
