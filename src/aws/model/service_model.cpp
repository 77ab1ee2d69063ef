#include "aws/model/service_model.h"

#include <boost/json.hpp>
#include <cstdlib>

#include "aws/model/embedded.h"
#include "aws/model/utf8.h"
#include "base/log.h"

namespace strongroom::aws::model {
namespace {
namespace json = boost::json;

std::string_view View(const json::value& value) {
  const json::string& text = value.as_string();
  return {text.data(), text.size()};
}

Type TypeNamed(std::string_view name) {
  if (name == "string") return Type::kString;
  if (name == "boolean") return Type::kBoolean;
  if (name == "integer") return Type::kInteger;
  if (name == "long") return Type::kLong;
  if (name == "double" || name == "float") return Type::kDouble;
  if (name == "timestamp") return Type::kTimestamp;
  if (name == "blob") return Type::kBlob;
  if (name == "list") return Type::kList;
  if (name == "map") return Type::kMap;
  return Type::kStructure;
}

std::string LowerFirst(std::string_view name) {
  std::string lower(name);
  if (!lower.empty() && lower[0] >= 'A' && lower[0] <= 'Z') lower[0] = static_cast<char>(lower[0] - 'A' + 'a');
  return lower;
}

Result<std::unique_ptr<Pattern>> ReadPattern(std::string text, const json::object& facts) {
  if (facts.contains("regex")) return MakeRegexPattern(std::move(text));
  std::vector<char32_t> bounds;
  for (const json::value& bound : facts.at("class").as_array()) bounds.push_back(bound.to_number<char32_t>());
  return MakeClassPattern(std::move(text), std::move(bounds), facts.at("least").to_number<int>() == 0);
}
}  // namespace

bool IsValidUtf8(std::string_view text) noexcept {
  for (std::size_t at = 0; at < text.size();) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const std::size_t size = lead < 0x80                   ? 1
                             : lead >= 0xc2 && lead < 0xe0 ? 2
                             : lead >= 0xe0 && lead < 0xf0 ? 3
                             : lead >= 0xf0 && lead < 0xf5 ? 4
                                                           : 0;
    if (size == 0 || at + size > text.size()) return false;
    for (std::size_t i = 1; i < size; ++i) {
      if ((static_cast<unsigned char>(text[at + i]) & 0xc0) != 0x80) return false;
    }
    const char32_t c = NextCodePoint(text, at);
    if ((size == 3 && c < 0x800) || (size == 4 && (c < 0x10000 || c > 0x10ffff)) || (c >= 0xd800 && c <= 0xdfff)) {
      return false;
    }
  }
  return true;
}

const Member* Shape::Find(std::string_view name) const noexcept {
  for (const Member& one : members) {
    if (one.name == name) return &one;
  }
  return nullptr;
}

Result<std::unique_ptr<ServiceModel>> ServiceModel::Parse(std::string_view text) {
  auto model = std::make_unique<ServiceModel>();
  try {
    const json::value root = json::parse({text.data(), text.size()});
    for (const auto& [name, facts] : root.at("patterns").as_object()) {
      SR_TRY(model->patterns_[std::string(name)], ReadPattern(std::string(name), facts.as_object()));
    }
    const json::object& shapes = root.at("shapes").as_object();
    for (const auto& [name, facts] : shapes) model->shapes_[std::string(name)] = std::make_unique<Shape>();
    const auto shape_named = [&](const json::value& name) { return model->shapes_.at(std::string(View(name))).get(); };
    for (const auto& [name, value] : shapes) {
      const json::object& facts = value.as_object();
      Shape& shape = *model->shapes_.at(std::string(name));
      shape.type = TypeNamed(View(facts.at("type")));
      shape.sensitive = facts.contains("sensitive");
      if (const auto* min = facts.if_contains("min")) shape.min = min->to_number<std::int64_t>();
      if (const auto* max = facts.if_contains("max")) shape.max = max->to_number<std::int64_t>();
      if (const auto* pattern = facts.if_contains("pattern")) {
        shape.pattern = model->patterns_.at(std::string(View(*pattern))).get();
      }
      if (const auto* values = facts.if_contains("enum")) {
        for (const json::value& one : values->as_array()) shape.enum_values.emplace_back(View(one));
        shape.enum_text = fmt::format("[{}]", fmt::join(shape.enum_values, ", "));
      }
      if (const auto* member = facts.if_contains("member")) shape.member = shape_named(*member);
      if (const auto* key = facts.if_contains("key")) shape.key = shape_named(*key);
      if (const auto* of = facts.if_contains("value")) shape.value = shape_named(*of);
      if (const auto* members = facts.if_contains("members")) {
        for (const json::value& one : members->as_array()) {
          const std::string_view member_name = View(one.at(0));
          shape.members.push_back({std::string(member_name), LowerFirst(member_name), shape_named(one.at(1)), false});
        }
        for (const json::value& required : facts.at("required").as_array()) {
          for (Member& one : shape.members) one.required = one.required || one.name == View(required);
        }
      }
    }
    for (const auto& [name, facts] : root.at("operations").as_object()) {
      const std::string_view input = View(facts.at("input"));
      model->operations_[std::string(name)] = {input.empty() ? &model->nothing_ : shape_named(facts.at("input")),
                                               facts.at("output").as_bool()};
    }
  } catch (const std::exception& failure) {
    return Error(Errc::kCorrupted, "The service model cannot be read.").WithDetail(failure.what());
  }
  return model;
}

const OperationShape* ServiceModel::Find(std::string_view operation) const noexcept {
  const auto found = operations_.find(operation);
  return found == operations_.end() ? nullptr : &found->second;
}

const ServiceModel* BuiltIn(std::string_view service) {
  static const auto models = [] {
    std::map<std::string_view, std::unique_ptr<ServiceModel>> read;
    for (const auto& [name, text] : kEmbedded) {
      auto model = ServiceModel::Parse(text);
      if (!model) {
        LogError(std::string("service model ").append(name), model.error());
        std::abort();
      }
      read.emplace(name, std::move(model).value());
    }
    return read;
  }();
  const auto found = models.find(service);
  return found == models.end() ? nullptr : found->second.get();
}

}  // namespace strongroom::aws::model
