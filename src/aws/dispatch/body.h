#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string_view>

#include "aws/dispatch/arena.h"
#include "aws/model/service_model.h"
#include "base/result.h"

namespace strongroom::aws {

/// Deepest nesting of a request's body.
inline constexpr std::size_t kDeepestJson = 32;

/// Parses a JSON 1.1 body into the arena; an empty body is {}. Of duplicate members the last one counts.
/// Errors: kSerialization when it is not one JSON object in valid UTF-8, or nests deeper than kDeepestJson. Texts never
/// quote the body. Source: RFC 8259; spec/kms.md 1.2.
Result<boost::json::value> ParseJsonBody(std::string_view body, Arena& arena);

/// Makes the same of a Query form ("Action=…&Tags.member.1.Key=…") along the operation's input shape: lists as
/// Name.member.N, maps as Name.entry.N.key/.value, structures as Name.Member.
/// Errors: kSerialization for malformed escapes, invalid UTF-8, more than 1000 parameters, or a number that is none.
/// Source: IAM User Guide, "Making HTTP query requests".
Result<boost::json::value> ParseQueryBody(std::string_view form, const model::Shape& input, Arena& arena);

/// The decoded value of a form's first parameter of that name; empty when there is none.
std::string FormParameter(std::string_view form, std::string_view name);

}  // namespace strongroom::aws
