#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "aws/policy/template.h"
#include "aws/policy/tree.h"
#include "base/result.h"

namespace strongroom::aws::policy {

/// The operators without what goes around them: negation, set operators, IfExists.
enum class Comparison : std::uint8_t {
  kString,
  kStringIgnoringCase,
  kStringLike,
  kNumber,
  kDate,
  kBool,
  kBinary,
  kIp,
  kArn,
  kNull,
};
enum class Relation : std::uint8_t { kEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual };
enum class SetOperator : std::uint8_t { kNone, kForAll, kForAny };

/// "ForAllValues:StringNotLikeIfExists" taken apart.
struct Operator {
  SetOperator set = SetOperator::kNone;
  Comparison comparison = Comparison::kString;
  Relation relation = Relation::kEqual;
  bool negated = false;
  bool if_exists = false;
};
/// Nothing when there is no such operator. Its case counts.
std::optional<Operator> ParseOperator(std::string_view name);

/// A range of addresses; IPv4 ones as ::ffff:a.b.c.d, so that the two forms of one address are the same.
struct IpRange {
  std::array<std::uint8_t, 16> address{};
  unsigned prefix = 128;
};
/// "10.0.0.0/8", "2001:db8::1". Nothing when malformed.
std::optional<IpRange> ParseIpRange(std::string_view text);
std::optional<double> ParseNumber(std::string_view text);
std::optional<bool> ParseBool(std::string_view text);
/// ISO 8601 with a date alone, minutes or seconds, Z or an offset; or seconds since the epoch. In milliseconds.
std::optional<std::int64_t> ParseDate(std::string_view text);

/// One operator on one key with its values: one line of a Condition element. Immutable.
/// Source: IAM User Guide, "IAM JSON policy elements: Condition operators", "Multivalued context keys".
class Condition {
 public:
  /// Errors: kMalformedPolicy for a value that is not of the operator's type, naming the value alone.
  static Result<Condition> Make(const Operator& op, std::string_view key, const Node& values, Variables variables);

  /// Does the request fulfil it? `allow`: in a statement that allows. An operator without a set operator on a key that
  /// has several values holds for an Allow if it holds for each of them, for a Deny if it does for any.
  bool Holds(const ports::Question& question, ports::PolicyKind kind, bool allow, Steps& steps) const;
  const Key& key() const noexcept { return key_; }
  /// Names whom a statement is for, as a Principal element does: aws:PrincipalArn is one of these.
  bool NamesCaller() const noexcept {
    return key_.global == GlobalKey::kPrincipalArn && op_.comparison != Comparison::kNull && !op_.negated &&
           op_.set != SetOperator::kForAll;
  }

 private:
  struct Operand {
    Template text;  // of string and ARN operators
    Glob glob;      // of StringLike without variables
    std::string bytes;
    double number = 0;
    std::int64_t millis = 0;
    bool flag = false;
    IpRange range;
  };
  Status Add(const Node& value, Variables variables);
  /// Some operand matches the value, negation apart.
  bool MatchesAny(const ports::Question& question, ports::PolicyKind kind, const Found& found, std::string_view value,
                  Steps& steps) const;
  bool MatchesText(const ports::Question& question, ports::PolicyKind kind, const Operand& operand,
                   std::string_view value, Steps& steps) const;

  Operator op_;
  Key key_;
  std::vector<Operand> operands_;
};

}  // namespace strongroom::aws::policy
