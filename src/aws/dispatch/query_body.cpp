#include <boost/json.hpp>
#include <charconv>
#include <map>

#include "aws/dispatch/body.h"
#include "aws/model/utf8.h"

namespace strongroom::aws {
namespace {
namespace json = boost::json;
using model::Member;
using model::Shape;
using model::Type;

constexpr std::size_t kMostParameters = 1000;

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// application/x-www-form-urlencoded: '+' is a space. Nothing for a malformed escape or invalid UTF-8.
std::optional<std::string> Decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out += ' ';
    } else if (text[i] == '%') {
      const int high = i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
      if (high < 0 || low < 0) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += text[i];
    }
  }
  if (!model::IsValidUtf8(out)) return std::nullopt;
  return out;
}

template <typename Visit>
void ForEachPair(std::string_view form, Visit&& visit) {
  for (std::size_t at = 0; at < form.size();) {
    const std::size_t end = std::min(form.find('&', at), form.size());
    const std::string_view pair = form.substr(at, end - at);
    at = end + 1;
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    if (!visit(pair.substr(0, equals), equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1)))
      return;
  }
}

/// Sorted, so that all parameters under one prefix stand together.
using Parameters = std::map<std::string, std::string, std::less<>>;

class Builder {
 public:
  Builder(const Parameters& parameters, Arena& arena) : parameters_(parameters), storage_(&arena) {}

  Result<json::value> Structure(const Shape& shape, const std::string& prefix) {
    json::value value(json::object_kind, storage_);
    for (const Member& member : shape.members) {
      const std::string path = prefix + member.name;
      SR_TRY(json::value one, Value(*member.shape, path));
      if (!one.is_null()) value.get_object().emplace(json::string_view(member.name.data(), member.name.size()), one);
    }
    return value;
  }

 private:
  bool AnyUnder(const std::string& prefix) const {
    const auto at = parameters_.lower_bound(prefix);
    return at != parameters_.end() && at->first.starts_with(prefix);
  }

  Result<json::value> Value(const Shape& shape, const std::string& path) {
    switch (shape.type) {
      case Type::kStructure:
        if (!AnyUnder(path + ".")) return json::value(nullptr, storage_);
        return Structure(shape, path + ".");
      case Type::kList: return List(shape, path);
      case Type::kMap: return Map(shape, path);
      default: return Scalar(shape, path);
    }
  }

  Result<json::value> List(const Shape& shape, const std::string& path) {
    if (!AnyUnder(path + ".member.")) {
      // "Name=" alone is how clients write an empty list.
      const auto empty = parameters_.find(path);
      return empty != parameters_.end() && empty->second.empty() ? json::value(json::array_kind, storage_)
                                                                 : json::value(nullptr, storage_);
    }
    json::value list(json::array_kind, storage_);
    for (std::size_t index = 1; index <= kMostParameters; ++index) {
      SR_TRY(json::value one, Value(*shape.member, fmt::format("{}.member.{}", path, index)));
      if (one.is_null()) break;
      list.get_array().push_back(std::move(one));
    }
    SR_CHECK(AllAreIn(list.get_array().size(), path + ".member."));
    return list;
  }

  /// Nothing of a list is left out silently. Errors: kSerialization for what has no number from 1 on, or one after a
  /// gap.
  Status AllAreIn(std::size_t count, const std::string& prefix) const {
    for (auto at = parameters_.lower_bound(prefix); at != parameters_.end() && at->first.starts_with(prefix); ++at) {
      const std::string_view rest = std::string_view(at->first).substr(prefix.size());
      const std::string_view word = rest.substr(0, rest.find('.'));
      std::size_t number = 0;
      const auto read = std::from_chars(word.data(), word.data() + word.size(), number);
      const bool counted = read.ec == std::errc() && read.ptr == word.data() + word.size() && word.front() != '0';
      if (!counted || number > count)
        return Error(Errc::kSerialization,
                     at->first.substr(0, 128) + ": the members of a list are numbered from 1 on, without gaps.");
    }
    return {};
  }

  Result<json::value> Map(const Shape& shape, const std::string& path) {
    if (!AnyUnder(path + ".entry.")) return json::value(nullptr, storage_);
    json::value map(json::object_kind, storage_);
    for (std::size_t index = 1; index <= kMostParameters; ++index) {
      const auto key = parameters_.find(fmt::format("{}.entry.{}.key", path, index));
      if (key == parameters_.end()) break;
      SR_TRY(json::value one, Value(*shape.value, fmt::format("{}.entry.{}.value", path, index)));
      map.get_object().insert_or_assign(json::string_view(key->second.data(), key->second.size()), std::move(one));
    }
    return map;
  }

  Result<json::value> Scalar(const Shape& shape, const std::string& path) {
    const auto found = parameters_.find(path);
    if (found == parameters_.end()) return json::value(nullptr, storage_);
    const std::string& text = found->second;
    if (shape.type == Type::kInteger || shape.type == Type::kLong) {
      std::int64_t number = 0;
      const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
      if (read.ec != std::errc() || read.ptr != text.data() + text.size()) {
        return Error(Errc::kSerialization, path.substr(0, 128) + ": expected a whole number.");
      }
      return json::value(number, storage_);
    }
    if (shape.type == Type::kBoolean) {
      if (text != "true" && text != "false") {
        return Error(Errc::kSerialization, path.substr(0, 128) + ": expected true or false.");
      }
      return json::value(text == "true", storage_);
    }
    return json::value(json::string_view(text.data(), text.size()), storage_);
  }

  const Parameters& parameters_;
  json::storage_ptr storage_;
};

}  // namespace

Result<json::value> ParseQueryBody(std::string_view form, const Shape& input, Arena& arena) {
  Parameters parameters;
  std::size_t count = 0;
  std::string trouble;
  ForEachPair(form, [&](std::string_view name, std::string_view value) {
    auto plain_name = Decode(name), plain_value = Decode(value);
    if (!plain_name || !plain_value) trouble = "A parameter is not percent-encoded UTF-8.";
    if (++count > kMostParameters) trouble = fmt::format("More than {} parameters.", kMostParameters);
    if (trouble.empty()) parameters.insert_or_assign(std::move(*plain_name), std::move(*plain_value));
    return trouble.empty();
  });
  if (!trouble.empty()) return Error(Errc::kSerialization, std::move(trouble));
  return Builder(parameters, arena).Structure(input, "");
}

std::string FormParameter(std::string_view form, std::string_view name) {
  std::string found;
  ForEachPair(form, [&](std::string_view candidate, std::string_view value) {
    if (candidate != name) return true;
    found = Decode(value).value_or(std::string());
    return false;
  });
  return found;
}

}  // namespace strongroom::aws
