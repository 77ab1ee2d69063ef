#include "cloudhsm/retention.h"

#include <charconv>

namespace strongroom::cloudhsm {
namespace {
constexpr std::int64_t kShortest = 7, kLongest = 379;
}

Result<std::optional<std::int64_t>> RetentionOf(const aws::Fields& body) {
  SR_TRY(const auto policy, body.OptionalObject("BackupRetentionPolicy"));
  if (!policy) return std::optional<std::int64_t>();
  SR_TRY(const auto type, policy->StringOr("Type", "DAYS"));
  SR_TRY(const auto value, policy->OptionalString("Value"));
  std::int64_t days = 0;
  const std::string text = value.value_or("");
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), days);
  if (type != "DAYS" || error != std::errc() || end != text.data() + text.size() || days < kShortest || days > kLongest)
    return Error(Errc::kInvalidArgument, "Backup retention value must be between 7 and 379 days.");
  return std::optional(days);
}

}  // namespace strongroom::cloudhsm
