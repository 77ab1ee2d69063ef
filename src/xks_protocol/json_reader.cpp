#include "xks_protocol/json_reader.h"

#include <fmt/format.h>
#include <boost/json.hpp>

#include "xks_protocol/limits.h"

namespace strongroom::xks {
namespace json = boost::json;

bool IsKeyId(std::string_view text) noexcept {
  const auto fits = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' ||
           c == '.';
  };
  return !text.empty() && text.size() <= kMostKeyIdChars && std::ranges::all_of(text, fits);
}

Error JsonReader::Wrong(std::string_view name, std::string_view what) const {
  return Error(errc_, fmt::format("{}{} {}.", path_, name, what));
}

const json::value* JsonReader::Find(std::string_view name) const noexcept {
  const json::value* found = object_.if_contains(name);
  return found == nullptr || found->is_null() ? nullptr : found;
}

Status JsonReader::CheckSize(std::string_view name, std::size_t size, Size bounds) const {
  if (size >= bounds.least && size <= bounds.most) return {};
  return Wrong(name, bounds.least == bounds.most
                         ? fmt::format("must have a length of {}", bounds.most)
                         : fmt::format("must have a length from {} to {}", bounds.least, bounds.most));
}

Result<std::string_view> JsonReader::Text(std::string_view name, std::size_t most) const {
  const json::value* found = Find(name);
  if (found == nullptr) return Wrong(name, "is missing");
  if (!found->is_string()) return Wrong(name, "must be a string");
  const json::string& text = found->get_string();
  if (text.size() > most) return Wrong(name, fmt::format("must have at most {} characters", most));
  return std::string_view(text.data(), text.size());
}

Result<std::string> JsonReader::RequiredText(std::string_view name) const {
  SR_TRY(const std::string_view text, Text(name, kMostTextChars));
  if (text.empty()) return Wrong(name, "is empty");
  return std::string(text);
}

Result<std::string> JsonReader::OptionalText(std::string_view name) const {
  if (!Has(name)) return std::string();
  SR_TRY(const std::string_view text, Text(name, kMostTextChars));
  return std::string(text);
}

Result<std::vector<std::string>> JsonReader::TextList(std::string_view name, Size items) const {
  const json::value* found = Find(name);
  if (found == nullptr) return Wrong(name, "is missing");
  if (!found->is_array()) return Wrong(name, "must be a list");
  SR_CHECK(CheckSize(name, found->get_array().size(), items));
  std::vector<std::string> texts;
  for (const json::value& item : found->get_array()) {
    if (!item.is_string() || item.get_string().size() > kMostTextChars) return Wrong(name, "must be a list of strings");
    texts.emplace_back(item.get_string());
  }
  return texts;
}

Result<std::int64_t> JsonReader::PositiveInt(std::string_view name) const {
  const json::value* found = Find(name);
  if (found == nullptr) return Wrong(name, "is missing");
  json::error_code ec;
  const auto number = found->to_number<std::int64_t>(ec);
  if (ec || number < 1) return Wrong(name, "must be a whole number from 1");
  return number;
}

Result<std::string_view> JsonReader::Base64Text(std::string_view name, std::size_t most_bytes) const {
  return Text(name, (most_bytes + 2) / 3 * 4);
}

Result<Bytes> JsonReader::RequiredBlob(std::string_view name, Size bytes) const {
  SR_TRY(const std::string_view text, Base64Text(name, bytes.most));
  auto decoded = FromBase64(text);
  if (!decoded.ok()) return Wrong(name, "is not base64");
  SR_CHECK(CheckSize(name, decoded->size(), bytes));
  return std::move(decoded).value();
}

Result<Bytes> JsonReader::OptionalBlob(std::string_view name, std::size_t most_bytes) const {
  if (!Has(name)) return Bytes();
  return RequiredBlob(name, {0, most_bytes});
}

Result<SecretBuffer> JsonReader::RequiredSecret(std::string_view name, Size bytes) const {
  SR_TRY(const std::string_view text, Base64Text(name, bytes.most));
  auto decode = [text](std::span<std::uint8_t> room) { return FromBase64Into(text, room); };
  auto secret = SecretBuffer::Produce(Base64DecodedMax(text.size()), decode);
  if (!secret.ok()) {
    if (secret.error().code() == Errc::kInvalidArgument) return Wrong(name, "is not base64");
    return std::move(secret).error();
  }
  SR_CHECK(CheckSize(name, secret->size(), bytes));
  return std::move(secret).value();
}

Result<const json::object*> JsonReader::RequiredObject(std::string_view name) const {
  const json::value* found = Find(name);
  if (found == nullptr) return Wrong(name, "is missing");
  if (!found->is_object()) return Wrong(name, "must be an object");
  return &found->get_object();
}

Result<std::vector<const json::object*>> JsonReader::ObjectList(std::string_view name, Size items) const {
  const json::value* found = Find(name);
  if (found == nullptr) return Wrong(name, "is missing");
  if (!found->is_array()) return Wrong(name, "must be a list");
  SR_CHECK(CheckSize(name, found->get_array().size(), items));
  std::vector<const json::object*> objects;
  for (const json::value& item : found->get_array()) {
    if (!item.is_object()) return Wrong(name, "must be a list of objects");
    objects.push_back(&item.get_object());
  }
  return objects;
}

}  // namespace strongroom::xks
