// The first of the two passes over a request's body: JSON types.
#include <array>
#include <boost/json.hpp>
#include <cmath>
#include <limits>

#include "aws/dispatch/time_text.h"
#include "aws/model/validate.h"

namespace strongroom::aws::model {
namespace {
namespace json = boost::json;

std::string_view View(const json::string& text) { return {text.data(), text.size()}; }

/// The path to the value under inspection, written only when it is needed for a text.
struct Path {
  const Path* parent = nullptr;
  std::string_view name;
  std::size_t index = 0;
  bool is_index = false;

  std::string Text() const {
    if (parent == nullptr) return "$";
    const std::string before = parent->Text();
    return is_index ? fmt::format("{}[{}]", before, index) : before + "." + std::string(name.substr(0, 128));
  }
};

Error Expected(const Path& path, std::string_view what) {
  return Error(Errc::kSerialization, fmt::format("{}: expected {}.", path.Text(), what));
}

bool IsWhole(const json::value& value, std::int64_t low, std::int64_t high) {
  if (value.is_int64()) return value.get_int64() >= low && value.get_int64() <= high;
  if (value.is_uint64()) return high >= 0 && value.get_uint64() <= static_cast<std::uint64_t>(high);
  if (!value.is_double()) return false;
  const double number = value.get_double();
  return std::trunc(number) == number && number >= static_cast<double>(low) && number <= static_cast<double>(high);
}

Status Check(const json::value& value, const Shape& shape, const Path& path) {
  switch (shape.type) {
    case Type::kString:
      if (!value.is_string()) return Expected(path, "a string");
      return {};
    case Type::kBoolean:
      if (!value.is_bool()) return Expected(path, "true or false");
      return {};
    case Type::kInteger:
      if (!IsWhole(value, std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max())) {
        return Expected(path, "a whole number of 32 bits");
      }
      return {};
    case Type::kLong:
      if (!IsWhole(value, -(std::int64_t{1} << 53), std::int64_t{1} << 53)) return Expected(path, "a whole number");
      return {};
    case Type::kDouble:
      if (!value.is_number()) return Expected(path, "a number");
      return {};
    case Type::kTimestamp:
      if (value.is_string() ? !ParseIsoTime(View(value.get_string())) : !value.is_number()) {
        return Expected(path, "seconds since the epoch, or an ISO-8601 time");
      }
      return {};
    case Type::kBlob:
      if (!value.is_string() || Base64Size(View(value.get_string())) < 0) return Expected(path, "base64 with padding");
      return {};
    case Type::kList: {
      if (!value.is_array()) return Expected(path, "a list");
      std::size_t index = 0;
      for (const json::value& one : value.get_array()) {
        const Path at{&path, {}, index++, true};
        if (!one.is_null()) SR_CHECK(Check(one, *shape.member, at));
      }
      return {};
    }
    case Type::kMap:
      if (!value.is_object()) return Expected(path, "an object");
      for (const auto& [key, one] : value.get_object()) {
        const Path at{&path, {key.data(), key.size()}};
        if (!one.is_null()) SR_CHECK(Check(one, *shape.value, at));
      }
      return {};
    case Type::kStructure:
      if (!value.is_object()) return Expected(path, "an object");
      for (const Member& member : shape.members) {
        const json::value* one = value.get_object().if_contains({member.name.data(), member.name.size()});
        const Path at{&path, member.name};
        if (one != nullptr && !one->is_null()) SR_CHECK(Check(*one, *member.shape, at));
      }
      return {};
  }
  return {};
}

/// 1 for a character that is no digit of base64, else 0.
constexpr std::uint8_t IsNotBase64(char character) noexcept {
  const auto c = static_cast<std::uint8_t>(character);
  const auto in = [c](char low, char high) -> std::uint8_t {
    return static_cast<std::uint8_t>(c - low) <= static_cast<std::uint8_t>(high - low);
  };
  return static_cast<std::uint8_t>((in('A', 'Z') | in('a', 'z') | in('0', '9') | in('+', '+') | in('/', '/')) ^ 1);
}

/// The value of a digit of base64 (RFC 4648, section 4); of anything else, some number.
constexpr unsigned Base64Digit(char character) noexcept {
  const auto c = static_cast<unsigned>(static_cast<unsigned char>(character));
  // All ones where the character is in the range.
  const auto in = [c](unsigned low, unsigned high) { return 0u - (((low - 1 - c) & (c - high - 1)) >> 31); };
  return (in('A', 'Z') & (c - 'A')) | (in('a', 'z') & (c - 'a' + 26)) | (in('0', '9') & (c - '0' + 52)) |
         (in('+', '+') & 62) | (in('/', '/') & 63);
}

}  // namespace

std::int64_t Base64Size(std::string_view text) noexcept {
  if (text.size() % 4 != 0) return -1;
  if (text.empty()) return 0;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
  const std::size_t data = text.size() - padding;
  // The text may be a plaintext: which characters it has is found without a branch or a table. Sixteen at a time, as
  // the compiler then takes a vector for them.
  constexpr std::size_t kLane = 16;
  std::array<std::uint8_t, kLane> bad{};
  std::array<char, kLane> rest;
  rest.fill('A');
  std::copy_n(text.data() + data / kLane * kLane, data % kLane, rest.data());
  for (std::size_t start = 0; start <= data; start += kLane) {
    const char* lane = start + kLane <= data ? text.data() + start : rest.data();
    for (std::size_t i = 0; i < kLane; ++i) bad[i] = static_cast<std::uint8_t>(bad[i] | IsNotBase64(lane[i]));
  }
  unsigned wrong = 0;
  for (const std::uint8_t one : bad) wrong |= one;
  if (padding > 0) wrong |= Base64Digit(text[data - 1]) & (padding == 2 ? 15u : 3u);
  return wrong != 0 ? -1 : static_cast<std::int64_t>(text.size() / 4 * 3 - padding);
}

Status CheckTypes(const json::object& body, const Shape& input) {
  const Path root;
  for (const Member& member : input.members) {
    const json::value* one = body.if_contains({member.name.data(), member.name.size()});
    const Path at{&root, member.name};
    if (one != nullptr && !one->is_null()) SR_CHECK(Check(*one, *member.shape, at));
  }
  return {};
}

}  // namespace strongroom::aws::model
