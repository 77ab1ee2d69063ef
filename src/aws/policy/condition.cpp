#include "aws/policy/condition.h"

#include <algorithm>

#include "aws/http/text.h"
#include "base/bytes.h"

namespace strongroom::aws::policy {
namespace {

struct NamedOperator {
  std::string_view name;
  Comparison comparison;
  Relation relation;
  bool negated;
};
constexpr Relation kEq = Relation::kEqual;
constexpr auto kOperators = std::to_array<NamedOperator>({
    {"StringEquals", Comparison::kString, kEq, false},
    {"StringNotEquals", Comparison::kString, kEq, true},
    {"StringEqualsIgnoreCase", Comparison::kStringIgnoringCase, kEq, false},
    {"StringNotEqualsIgnoreCase", Comparison::kStringIgnoringCase, kEq, true},
    {"StringLike", Comparison::kStringLike, kEq, false},
    {"StringNotLike", Comparison::kStringLike, kEq, true},
    {"NumericEquals", Comparison::kNumber, kEq, false},
    {"NumericNotEquals", Comparison::kNumber, kEq, true},
    {"NumericLessThan", Comparison::kNumber, Relation::kLess, false},
    {"NumericLessThanEquals", Comparison::kNumber, Relation::kLessOrEqual, false},
    {"NumericGreaterThan", Comparison::kNumber, Relation::kGreater, false},
    {"NumericGreaterThanEquals", Comparison::kNumber, Relation::kGreaterOrEqual, false},
    {"DateEquals", Comparison::kDate, kEq, false},
    {"DateNotEquals", Comparison::kDate, kEq, true},
    {"DateLessThan", Comparison::kDate, Relation::kLess, false},
    {"DateLessThanEquals", Comparison::kDate, Relation::kLessOrEqual, false},
    {"DateGreaterThan", Comparison::kDate, Relation::kGreater, false},
    {"DateGreaterThanEquals", Comparison::kDate, Relation::kGreaterOrEqual, false},
    {"Bool", Comparison::kBool, kEq, false},
    {"BinaryEquals", Comparison::kBinary, kEq, false},
    {"IpAddress", Comparison::kIp, kEq, false},
    {"NotIpAddress", Comparison::kIp, kEq, true},
    {"ArnEquals", Comparison::kArn, kEq, false},
    {"ArnNotEquals", Comparison::kArn, kEq, true},
    {"ArnLike", Comparison::kArn, kEq, false},
    {"ArnNotLike", Comparison::kArn, kEq, true},
});

template <typename T>
bool Compare(T value, Relation relation, T with) {
  switch (relation) {
    case Relation::kEqual: return value == with;
    case Relation::kLess: return value < with;
    case Relation::kLessOrEqual: return value <= with;
    case Relation::kGreater: return value > with;
    case Relation::kGreaterOrEqual: break;
  }
  return value >= with;
}

bool Contains(const IpRange& range, const IpRange& address) {
  if (address.prefix < range.prefix) return false;
  const unsigned whole = range.prefix / 8, bits = range.prefix % 8;
  if (!std::equal(range.address.begin(), range.address.begin() + whole, address.address.begin())) return false;
  if (bits == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xff00U >> bits);
  return (range.address[whole] & mask) == (address.address[whole] & mask);
}

Error WrongType(std::string_view value) { return Error(Errc::kMalformedPolicy, std::string(value.substr(0, 64))); }

bool IsText(Comparison comparison) {
  return comparison == Comparison::kString || comparison == Comparison::kStringIgnoringCase ||
         comparison == Comparison::kStringLike || comparison == Comparison::kArn;
}

}  // namespace

std::optional<Operator> ParseOperator(std::string_view name) {
  constexpr std::string_view kIfExists = "IfExists", kForAll = "ForAllValues:", kForAny = "ForAnyValue:";
  Operator op;
  if (name == "Null") {
    op.comparison = Comparison::kNull;
    return op;
  }
  if (name.starts_with(kForAll)) op.set = SetOperator::kForAll;
  if (name.starts_with(kForAny)) op.set = SetOperator::kForAny;
  if (op.set != SetOperator::kNone) name.remove_prefix(name.find(':') + 1);
  if (name.ends_with(kIfExists)) {
    op.if_exists = true;
    name.remove_suffix(kIfExists.size());
  }
  const auto* const known = std::ranges::find(kOperators, name, &NamedOperator::name);
  if (known == kOperators.end()) return std::nullopt;
  op.comparison = known->comparison;
  op.relation = known->relation;
  op.negated = known->negated;
  return op;
}

Result<Condition> Condition::Make(const Operator& op, std::string_view key, const Node& values, Variables variables) {
  Condition condition;
  condition.op_ = op;
  condition.key_ = MakeKey(key);
  if (!values.is_list()) {
    SR_CHECK(condition.Add(values, variables));
    return condition;
  }
  for (const Node& value : values.items) SR_CHECK(condition.Add(value, variables));
  return condition;
}

Status Condition::Add(const Node& value, Variables variables) {
  Operand& operand = operands_.emplace_back();
  const std::string& text = value.text;
  if (IsText(op_.comparison)) {
    const bool like = op_.comparison == Comparison::kStringLike || op_.comparison == Comparison::kArn;
    operand.text = Template(text, like ? Wildcards::kYes : Wildcards::kNo, variables);
    if (op_.comparison == Comparison::kStringLike && operand.text.fixed()) operand.glob = Glob(operand.text.pattern());
    return {};
  }
  switch (op_.comparison) {
    case Comparison::kNumber:
      if (const auto number = ParseNumber(text)) {
        operand.number = *number;
        return {};
      }
      break;
    case Comparison::kDate:
      if (const auto millis = ParseDate(text)) {
        operand.millis = *millis;
        return {};
      }
      break;
    case Comparison::kBinary:
      if (auto bytes = FromBase64(text); bytes.ok()) {
        operand.bytes.assign(bytes->begin(), bytes->end());
        return {};
      }
      break;
    case Comparison::kIp:
      if (const auto range = ParseIpRange(text)) {
        operand.range = *range;
        return {};
      }
      break;
    default:
      if (const auto flag = ParseBool(text)) {
        operand.flag = *flag;
        return {};
      }
  }
  return WrongType(text);
}

bool Condition::MatchesText(const ports::Question& question, ports::PolicyKind kind, const Operand& operand,
                            std::string_view value, Steps& steps) const {
  if (op_.comparison == Comparison::kStringLike && operand.text.fixed()) return operand.glob.Match(value, steps);
  Template::Buffer buffer;
  const auto pattern = operand.text.Fill(question, kind, buffer, steps);
  if (!pattern) return false;
  switch (op_.comparison) {
    case Comparison::kString: return *pattern == value;
    case Comparison::kStringIgnoringCase: return EqualsIgnoringCase(*pattern, value);
    case Comparison::kStringLike: return Matches(*pattern, value, steps);
    default: return MatchesArn(*pattern, value, steps);
  }
}

bool Condition::MatchesAny(const ports::Question& question, ports::PolicyKind kind, const Found& found,
                           std::string_view value, Steps& steps) const {
  if (!steps.Take(operands_.size() + value.size())) return false;
  const auto any = [this](const auto& matches) { return std::ranges::any_of(operands_, matches); };
  switch (op_.comparison) {
    case Comparison::kNumber: {
      const auto number = ParseNumber(value);
      return number && any([&](const Operand& one) { return Compare(*number, op_.relation, one.number); });
    }
    case Comparison::kDate: {
      const auto millis = found.millis ? found.millis : ParseDate(value);
      return millis && any([&](const Operand& one) { return Compare(*millis, op_.relation, one.millis); });
    }
    case Comparison::kBool: {
      const auto flag = ParseBool(value);
      return flag && any([&](const Operand& one) { return one.flag == *flag; });
    }
    case Comparison::kBinary: {
      const auto bytes = FromBase64(value);
      return bytes.ok() && any([&](const Operand& one) { return std::ranges::equal(one.bytes, AsText(*bytes)); });
    }
    case Comparison::kIp: {
      const auto address = ParseIpRange(value);
      return address && any([&](const Operand& one) { return Contains(one.range, *address); });
    }
    default: return any([&](const Operand& one) { return MatchesText(question, kind, one, value, steps); });
  }
}

bool Condition::Holds(const ports::Question& question, ports::PolicyKind kind, bool allow, Steps& steps) const {
  if (!steps.Take(kStepsOfLook)) return false;
  Found found;
  Look(question, kind, key_, found);
  if (op_.comparison == Comparison::kNull)
    return std::ranges::any_of(operands_, [&](const Operand& one) { return one.flag != found.present(); });
  if (!found.present()) {
    if (op_.if_exists || op_.set == SetOperator::kForAll) return true;
    return op_.set == SetOperator::kNone && op_.negated;
  }
  const auto holds = [&](std::string_view value) {
    return MatchesAny(question, kind, found, value, steps) != op_.negated;
  };
  const bool all = op_.set == SetOperator::kForAll || (op_.set == SetOperator::kNone && allow);
  return all ? std::ranges::all_of(found.values, holds) : std::ranges::any_of(found.values, holds);
}

}  // namespace strongroom::aws::policy
