#include "aws/policy/condition_syntax.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>

#include "aws/http/text.h"

namespace strongroom::aws {
namespace {
namespace json = boost::json;

constexpr auto kOperators = std::to_array<std::string_view>({"StringEquals",
                                                             "StringNotEquals",
                                                             "StringEqualsIgnoreCase",
                                                             "StringNotEqualsIgnoreCase",
                                                             "StringLike",
                                                             "StringNotLike",
                                                             "NumericEquals",
                                                             "NumericNotEquals",
                                                             "NumericLessThan",
                                                             "NumericLessThanEquals",
                                                             "NumericGreaterThan",
                                                             "NumericGreaterThanEquals",
                                                             "DateEquals",
                                                             "DateNotEquals",
                                                             "DateLessThan",
                                                             "DateLessThanEquals",
                                                             "DateGreaterThan",
                                                             "DateGreaterThanEquals",
                                                             "Bool",
                                                             "BinaryEquals",
                                                             "IpAddress",
                                                             "NotIpAddress",
                                                             "ArnEquals",
                                                             "ArnNotEquals",
                                                             "ArnLike",
                                                             "ArnNotLike"});
constexpr std::string_view kIfExists = "IfExists", kForAll = "ForAllValues:", kForAny = "ForAnyValue:";

Error Malformed(std::string text) { return Error(Errc::kMalformedPolicy, std::move(text)); }

bool IsOperator(std::string_view name) {
  if (name == "Null") return true;
  if (name.starts_with(kForAll) || name.starts_with(kForAny)) name.remove_prefix(name.find(':') + 1);
  if (name.ends_with(kIfExists)) name.remove_suffix(kIfExists.size());
  return std::ranges::find(kOperators, name) != kOperators.end();
}

bool IsScalar(const json::value& value) { return value.is_string() || value.is_bool() || value.is_number(); }

bool AreValues(const json::value& value) {
  if (!value.is_array()) return IsScalar(value);
  return !value.get_array().empty() && std::ranges::all_of(value.get_array(), IsScalar);
}

/// Keys that a request has once or not at all. Source: KMS Developer Guide, "AWS KMS condition keys".
bool HasOneValue(std::string_view key) {
  return StartsWithIgnoringCase(key, "kms:EncryptionContext:") || StartsWithIgnoringCase(key, "aws:RequestTag/");
}

}  // namespace

Status CheckConditionSyntax(const json::object& condition, std::string_view where) {
  for (const auto& [name, keys] : condition) {
    const std::string_view op(name.data(), name.size());
    if (!IsOperator(op)) return Malformed(fmt::format("{}: {} is not a condition operator.", where, op.substr(0, 64)));
    if (!keys.is_object() || keys.get_object().empty())
      return Malformed(fmt::format("{}: {} must be an object of condition keys.", where, op));
    for (const auto& [key, values] : keys.get_object()) {
      const std::string_view key_name(key.data(), key.size());
      const std::string shown(key_name.substr(0, 64));
      if (key_name.find(':') == std::string_view::npos)
        return Malformed(fmt::format("{}: {} is not a condition key.", where, shown));
      if (!AreValues(values))
        return Malformed(fmt::format("{}: {} must be a value or a list of values.", where, shown));
      if (op.starts_with(kForAll) && HasOneValue(key_name))
        return Malformed(
            fmt::format("OverlyPermissiveCondition: {}: ForAllValues with {}, which has a single value, also "
                        "matches requests without it. Remove the set operator.",
                        where, shown));
    }
  }
  return {};
}

}  // namespace strongroom::aws
