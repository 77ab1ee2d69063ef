#include "xks_protocol/errors.h"

#include <algorithm>
#include <boost/json.hpp>

#include "xks_protocol/limits.h"

namespace strongroom::xks {
namespace json = boost::json;

std::optional<ErrorName> FindErrorName(std::string_view name) noexcept {
  const auto* found = std::ranges::find(kErrorForms, name, &ErrorForm::name);
  if (found == kErrorForms.end()) return std::nullopt;
  return found->error;
}

std::string WriteError(ErrorName error, std::string_view message) {
  json::object body{{"errorName", FormOf(error).name}};
  if (!message.empty()) body["errorMessage"] = message.substr(0, kMostErrorMessageChars);
  return json::serialize(body);
}

std::optional<ProxyError> ParseError(unsigned http_status, std::string_view body) {
  if (body.size() > kMostBodyBytes) return std::nullopt;
  json::parse_options options;
  options.max_depth = 8;
  json::error_code ec;
  const json::value value = json::parse(body, ec, {}, options);
  if (ec || !value.is_object()) return std::nullopt;
  const json::value* name = value.get_object().if_contains("errorName");
  if (name == nullptr || !name->is_string()) return std::nullopt;
  const auto error = FindErrorName(std::string_view(name->get_string()));
  if (!error || FormOf(*error).http_status != http_status) return std::nullopt;
  ProxyError answer{*error, {}};
  const json::value* message = value.get_object().if_contains("errorMessage");
  if (message != nullptr && message->is_string()) {
    answer.message = std::string_view(message->get_string()).substr(0, kMostErrorMessageChars);
    // It goes into our log: no line breaks or terminal codes of a stranger's.
    std::ranges::replace_if(
        answer.message, [](char c) { return c < ' ' || c > '~'; }, '?');
  }
  return answer;
}

}  // namespace strongroom::xks
