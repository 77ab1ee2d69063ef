// The second pass over a request's body: the model's constraints, all violations at once.
#include <boost/json.hpp>

#include "aws/model/utf8.h"
#include "aws/model/validate.h"

namespace strongroom::aws::model {
namespace {
namespace json = boost::json;

/// Bounds of what a refusal echoes: a request of 1 MiB of bad values must not be answered with more.
constexpr std::size_t kLongestEcho = 4096;
constexpr std::size_t kMostItems = 64;

std::string_view View(const json::string& text) { return {text.data(), text.size()}; }

struct Bounds {
  std::optional<std::int64_t> min, max;
};

std::int64_t Number(const json::value& value) {
  if (value.is_double()) return static_cast<std::int64_t>(value.get_double());
  return value.is_uint64() ? static_cast<std::int64_t>(value.get_uint64()) : value.get_int64();
}

bool IsNumber(Type type) { return type == Type::kInteger || type == Type::kLong; }

std::string MinText(Type type, std::int64_t min) {
  return fmt::format("Member must have {} greater than or equal to {}", IsNumber(type) ? "value" : "length", min);
}
std::string MaxText(Type type, std::int64_t max) {
  return fmt::format("Member must have {} less than or equal to {}", IsNumber(type) ? "value" : "length", max);
}
std::string EnumText(const Shape& shape) { return "Member must satisfy enum value set: " + shape.enum_text; }
std::string PatternText(const Shape& shape) {
  return "Member must satisfy regular expression pattern: " + shape.pattern->text();
}

/// The value as AWS prints it; nothing for what must not or cannot be shown.
std::optional<std::string> Echo(const json::value& value, const Shape& shape) {
  if (shape.sensitive) return std::nullopt;
  switch (shape.type) {
    case Type::kString: {
      std::string_view text = View(value.get_string());
      if (text.size() <= kLongestEcho) return std::string(text);
      std::size_t end = kLongestEcho;
      while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
      return std::string(text.substr(0, end)) + "...";
    }
    case Type::kBlob: {
      const std::int64_t size = Base64Size(View(value.get_string()));
      return fmt::format("java.nio.HeapByteBuffer[pos=0 lim={} cap={}]", size, size);
    }
    case Type::kInteger:
    case Type::kLong: return std::to_string(Number(value));
    case Type::kBoolean: return value.get_bool() ? "true" : "false";
    case Type::kList: {
      std::string text = "[";
      for (const json::value& one : value.get_array()) {
        if (one.is_null()) continue;
        const auto shown = Echo(one, *shape.member);
        if (!shown) return std::nullopt;
        if (text.size() > 1) text += ", ";
        text += *shown;
        if (text.size() > kLongestEcho) return text.substr(0, text.rfind(", ")) + ", ...]";
      }
      return text + "]";
    }
    default: return std::nullopt;
  }
}

class Collector {
 public:
  void Add(std::string_view value_text, std::string_view path, std::string_view constraint) {
    ++count_;
    if (count_ > kMostItems) return;
    if (!items_.empty()) items_ += "; ";
    items_.append(value_text).append(" at '").append(path).append("' failed to satisfy constraint: ");
    items_.append(constraint);
  }
  void AddFor(const json::value& value, const Shape& shape, std::string_view path, std::string_view constraint) {
    const auto echo = Echo(value, shape);
    Add(echo ? "Value '" + *echo + "'" : "Value", path, constraint);
  }
  void AddNull(std::string_view path) { Add("Value null", path, "Member must not be null"); }

  Status Finish() const {
    if (count_ == 0) return {};
    return Error(Errc::kInvalidArgument,
                 fmt::format("{} validation error{} detected: {}", count_, count_ == 1 ? "" : "s", items_));
  }

 private:
  std::size_t count_ = 0;
  std::string items_;
};

/// What base64 that is known to be well-formed holds, in bytes.
std::int64_t BlobSize(std::string_view text) {
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
  return static_cast<std::int64_t>(text.size() / 4 * 3 - std::min(padding, text.size() / 4 * 3));
}

std::int64_t Measure(const json::value& value, const Shape& shape) {
  switch (shape.type) {
    case Type::kString: return static_cast<std::int64_t>(CountCodePoints(View(value.get_string())));
    case Type::kBlob: return BlobSize(View(value.get_string()));
    case Type::kList: return static_cast<std::int64_t>(value.get_array().size());
    case Type::kMap: return static_cast<std::int64_t>(value.get_object().size());
    default: return Number(value);
  }
}

bool HasMeasure(Type type) {
  return type != Type::kStructure && type != Type::kBoolean && type != Type::kTimestamp && type != Type::kDouble;
}

/// Calls `broken` with the text of each constraint of the shape itself that the value breaks.
template <typename Broken>
void Judge(const json::value& value, const Shape& shape, const Bounds& bounds, Broken&& broken) {
  bool too_long = false;
  if (HasMeasure(shape.type) && (bounds.min || bounds.max)) {
    const std::int64_t measure = Measure(value, shape);
    if (bounds.min && measure < *bounds.min) broken(MinText(shape.type, *bounds.min));
    too_long = bounds.max && measure > *bounds.max;
    if (too_long) broken(MaxText(shape.type, *bounds.max));
  }
  if (shape.type != Type::kString) return;
  const std::string_view text = View(value.get_string());
  if (!shape.enum_values.empty() && std::ranges::find(shape.enum_values, text) == shape.enum_values.end()) {
    broken(EnumText(shape));
  }
  // A text that is too long anyway is not worth matching; that also bounds what a pattern can cost.
  if (shape.pattern != nullptr && !too_long && !shape.pattern->Matches(text)) broken(PatternText(shape));
}

/// All constraints of an element's shape in one bracket, as AWS words them for elements of lists and maps.
std::string ElementText(const Shape& shape) {
  std::vector<std::string> all;
  if (shape.max) all.push_back(MaxText(shape.type, *shape.max));
  if (shape.min) all.push_back(MinText(shape.type, *shape.min));
  if (!shape.enum_values.empty()) all.push_back(EnumText(shape));
  if (shape.pattern != nullptr) all.push_back(PatternText(shape));
  return fmt::format("Member must satisfy constraint: [{}]", fmt::join(all, ", "));
}

bool Breaks(const json::value& value, const Shape& shape) {
  bool broken = false;
  Judge(value, shape, {shape.min, shape.max}, [&](const std::string&) { broken = true; });
  return broken;
}

void Walk(const json::value& value, const Shape& shape, const Bounds& bounds, const std::string& path,
          Collector& found);

void WalkMembers(const json::object& object, const Shape& shape, const std::string& prefix,
                 std::span<const ConstraintOverride> overrides, Collector& found) {
  for (const Member& member : shape.members) {
    const json::value* one = object.if_contains({member.name.data(), member.name.size()});
    const bool absent = one == nullptr || one->is_null();
    if (absent) {
      if (member.required) found.AddNull(prefix + member.lower_name);
      continue;
    }
    Bounds bounds{member.shape->min, member.shape->max};
    bool passes = false;
    for (const ConstraintOverride& other : overrides) {
      if (other.member != member.name) continue;
      if (other.min) bounds.min = other.min;
      if (other.max) bounds.max = other.max;
      passes = other.empty_text_passes && one->is_string() && one->get_string().empty();
    }
    if (passes) continue;
    Walk(*one, *member.shape, bounds, prefix + member.lower_name, found);
  }
}

bool IsContainer(const Shape& shape) {
  return shape.type == Type::kStructure || shape.type == Type::kList || shape.type == Type::kMap;
}

void Walk(const json::value& value, const Shape& shape, const Bounds& bounds, const std::string& path,
          Collector& found) {
  Judge(value, shape, bounds, [&](const std::string& text) { found.AddFor(value, shape, path, text); });
  if (shape.type == Type::kStructure) {
    WalkMembers(value.get_object(), shape, path + ".", {}, found);
  } else if (shape.type == Type::kList) {
    std::size_t index = 0;
    bool element_broken = false;
    for (const json::value& one : value.get_array()) {
      ++index;
      if (one.is_null()) {
        found.AddNull(fmt::format("{}.{}.member", path, index));
      } else if (IsContainer(*shape.member)) {
        Walk(one, *shape.member, {shape.member->min, shape.member->max}, fmt::format("{}.{}.member", path, index),
             found);
      } else {
        element_broken = element_broken || Breaks(one, *shape.member);
      }
    }
    if (element_broken) found.AddFor(value, shape, path, ElementText(*shape.member));
  } else if (shape.type == Type::kMap) {
    bool key_broken = false, value_broken = false;
    for (const auto& [key, one] : value.get_object()) {
      const json::value key_value(json::string_view(key.data(), key.size()));
      key_broken = key_broken || Breaks(key_value, *shape.key);
      const std::string at = fmt::format("{}.{}.member", path, std::string_view(key.data(), key.size()).substr(0, 256));
      if (one.is_null()) {
        found.AddNull(at);
      } else if (IsContainer(*shape.value)) {
        Walk(one, *shape.value, {shape.value->min, shape.value->max}, at, found);
      } else {
        value_broken = value_broken || Breaks(one, *shape.value);
      }
    }
    if (key_broken) found.AddFor(value, shape, path, ElementText(*shape.key));
    if (value_broken) found.AddFor(value, shape, path, ElementText(*shape.value));
  }
}

}  // namespace

Status CheckConstraints(const json::object& body, const Shape& input, std::span<const ConstraintOverride> overrides) {
  Collector found;
  WalkMembers(body, input, "", overrides, found);
  return found.Finish();
}

}  // namespace strongroom::aws::model
