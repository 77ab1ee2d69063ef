#include "aws/dispatch/fields.h"

#include <boost/json.hpp>
#include <cmath>

#include "aws/dispatch/time_text.h"

namespace strongroom::aws {
namespace {
namespace json = boost::json;

std::string_view View(const json::string& text) { return {text.data(), text.size()}; }

Error Expected(std::string_view name, std::string_view what) {
  return Error(Errc::kSerialization, fmt::format("$.{}: expected {}.", name, what));
}
Error Absent(std::string_view name) {
  return Error(Errc::kInvalidArgument, fmt::format("The parameter {} is required.", name));
}

template <typename T>
Result<T> Required(std::string_view name, Result<std::optional<T>> found) {
  if (!found) return std::move(found).error();
  if (!found->has_value()) return Absent(name);
  return std::move(**found);
}

Result<std::optional<std::int64_t>> Whole(const json::value& value, std::string_view name) {
  if (value.is_int64()) return std::optional<std::int64_t>(value.get_int64());
  constexpr double kExact = 9007199254740992.0;  // 2^53
  if (value.is_double() && std::trunc(value.get_double()) == value.get_double() &&
      std::fabs(value.get_double()) <= kExact) {
    return std::optional<std::int64_t>(static_cast<std::int64_t>(value.get_double()));
  }
  return Expected(name, "a whole number");
}

Result<SecretBuffer> DecodeSecret(std::string_view text, std::string_view name) {
  auto decoded = SecretBuffer::Produce(Base64DecodedMax(text.size()),
                                       [&](std::span<std::uint8_t> out) { return FromBase64Into(text, out); });
  if (!decoded && decoded.error().code() == Errc::kInvalidArgument) return Expected(name, "base64 with padding");
  return decoded;
}

}  // namespace

const json::value* Fields::Find(std::string_view name) const noexcept {
  const json::value* found = object_->if_contains({name.data(), name.size()});
  return found == nullptr || found->is_null() ? nullptr : found;
}

bool Fields::Has(std::string_view name) const noexcept { return Find(name) != nullptr; }

Result<std::optional<std::string>> Fields::OptionalString(std::string_view name) const {
  const json::value* value = Find(name);
  if (value == nullptr) return std::optional<std::string>();
  if (!value->is_string()) return Expected(name, "a string");
  return std::optional<std::string>(View(value->get_string()));
}
Result<std::string> Fields::RequiredString(std::string_view name) const { return Required(name, OptionalString(name)); }
Result<std::string> Fields::StringOr(std::string_view name, std::string_view fallback) const {
  SR_TRY(std::optional<std::string> value, OptionalString(name));
  return value ? std::move(*value) : std::string(fallback);
}
Result<std::string_view> Fields::RequiredView(std::string_view name) const {
  const json::value* value = Find(name);
  if (value == nullptr) return Absent(name);
  if (!value->is_string()) return Expected(name, "a string");
  return View(value->get_string());
}

Result<std::optional<bool>> Fields::OptionalBool(std::string_view name) const {
  const json::value* value = Find(name);
  if (value == nullptr) return std::optional<bool>();
  if (!value->is_bool()) return Expected(name, "true or false");
  return std::optional<bool>(value->get_bool());
}
Result<bool> Fields::BoolOr(std::string_view name, bool fallback) const {
  SR_TRY(const std::optional<bool> value, OptionalBool(name));
  return value.value_or(fallback);
}

Result<std::optional<std::int64_t>> Fields::OptionalInt(std::string_view name) const {
  const json::value* value = Find(name);
  if (value == nullptr) return std::optional<std::int64_t>();
  return Whole(*value, name);
}
Result<std::int64_t> Fields::RequiredInt(std::string_view name) const { return Required(name, OptionalInt(name)); }
Result<std::int64_t> Fields::IntOr(std::string_view name, std::int64_t fallback) const {
  SR_TRY(const std::optional<std::int64_t> value, OptionalInt(name));
  return value.value_or(fallback);
}

Result<std::optional<ports::WallTime>> Fields::OptionalTimestamp(std::string_view name) const {
  const json::value* value = Find(name);
  if (value == nullptr) return std::optional<ports::WallTime>();
  if (value->is_string()) {
    const auto time = ParseIsoTime(View(value->get_string()));
    if (!time) return Expected(name, "seconds since the epoch, or an ISO-8601 time");
    return time;
  }
  if (!value->is_number()) return Expected(name, "seconds since the epoch, or an ISO-8601 time");
  const double seconds = value->to_number<double>();
  constexpr double kFarthest = 4.0e9;  // the year 2096 and its mirror image; well inside what the clock can hold
  if (!(std::fabs(seconds) <= kFarthest)) return Expected(name, "a time between 1844 and 2096");
  const auto milliseconds = std::chrono::milliseconds(std::llround(seconds * 1000.0));
  return std::optional<ports::WallTime>(ports::WallTime(milliseconds));
}

Result<std::optional<Bytes>> Fields::OptionalBlob(std::string_view name) const {
  const json::value* value = Find(name);
  if (value == nullptr) return std::optional<Bytes>();
  if (!value->is_string()) return Expected(name, "base64 with padding");
  auto decoded = FromBase64(View(value->get_string()));
  if (!decoded) return Expected(name, "base64 with padding");
  return std::optional<Bytes>(std::move(*decoded));
}
Result<Bytes> Fields::RequiredBlob(std::string_view name) const { return Required(name, OptionalBlob(name)); }

Result<std::optional<SecretBuffer>> Fields::OptionalSecret(std::string_view name) const {
  const json::value* value = Find(name);
  if (value == nullptr) return std::optional<SecretBuffer>();
  if (!value->is_string()) return Expected(name, "base64 with padding");
  SR_TRY(SecretBuffer secret, DecodeSecret(View(value->get_string()), name));
  return std::optional<SecretBuffer>(std::move(secret));
}
Result<SecretBuffer> Fields::RequiredSecret(std::string_view name) const {
  return Required(name, OptionalSecret(name));
}

Result<std::optional<SecretBuffer>> Fields::OptionalSecretText(std::string_view name) const {
  const json::value* value = Find(name);
  if (value == nullptr) return std::optional<SecretBuffer>();
  if (!value->is_string()) return Expected(name, "a string");
  SR_TRY(SecretBuffer secret, SecretBuffer::CopyOf(AsBytes(View(value->get_string()))));
  return std::optional<SecretBuffer>(std::move(secret));
}
Result<SecretBuffer> Fields::RequiredSecretText(std::string_view name) const {
  return Required(name, OptionalSecretText(name));
}

Result<std::vector<std::string>> Fields::StringList(std::string_view name) const {
  std::vector<std::string> list;
  const json::value* value = Find(name);
  if (value == nullptr) return list;
  if (!value->is_array()) return Expected(name, "a list");
  for (const json::value& one : value->get_array()) {
    if (!one.is_string()) return Expected(name, "a list of strings");
    list.emplace_back(View(one.get_string()));
  }
  return list;
}

Result<std::map<std::string, std::string>> Fields::StringMap(std::string_view name) const {
  std::map<std::string, std::string> map;
  const json::value* value = Find(name);
  if (value == nullptr) return map;
  if (!value->is_object()) return Expected(name, "an object");
  for (const auto& [key, one] : value->get_object()) {
    if (!one.is_string()) return Expected(name, "an object of strings");
    map.emplace(std::string(key.data(), key.size()), View(one.get_string()));
  }
  return map;
}

Result<std::map<std::string, std::vector<std::string>>> Fields::StringListMap(std::string_view name) const {
  std::map<std::string, std::vector<std::string>> map;
  SR_TRY(const std::optional<Fields> object, OptionalObject(name));
  if (!object) return map;
  for (const auto& [key, one] : object->object()) {
    const std::string key_text(key.data(), key.size());
    SR_TRY(map[key_text], object->StringList(key_text));
  }
  return map;
}

Result<std::optional<Fields>> Fields::OptionalObject(std::string_view name) const {
  const json::value* value = Find(name);
  if (value == nullptr) return std::optional<Fields>();
  if (!value->is_object()) return Expected(name, "an object");
  return std::optional<Fields>(Fields(value->get_object()));
}

Result<std::vector<Fields>> Fields::ObjectList(std::string_view name) const {
  std::vector<Fields> list;
  const json::value* value = Find(name);
  if (value == nullptr) return list;
  if (!value->is_array()) return Expected(name, "a list");
  for (const json::value& one : value->get_array()) {
    if (!one.is_object()) return Expected(name, "a list of objects");
    list.emplace_back(one.get_object());
  }
  return list;
}

Result<std::vector<std::pair<std::string, std::string>>> Fields::PairList(std::string_view name,
                                                                          std::string_view key_name,
                                                                          std::string_view value_name) const {
  SR_TRY(const std::vector<Fields> list, ObjectList(name));
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const Fields& one : list) {
    SR_TRY(std::string key, one.RequiredString(key_name));
    SR_TRY(std::string value, one.RequiredString(value_name));
    pairs.emplace_back(std::move(key), std::move(value));
  }
  return pairs;
}

}  // namespace strongroom::aws
