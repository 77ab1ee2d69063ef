#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace strongroom::aws::model {

enum class Type : std::uint8_t {
  kString,
  kBoolean,
  kInteger,
  kLong,
  kDouble,
  kTimestamp,
  kBlob,
  kList,
  kMap,
  kStructure
};

/// A pattern of the model, which a text has to match as a whole.
/// Threads   any number of matches at once.
class Pattern {
 public:
  virtual ~Pattern() = default;
  /// `text` is valid UTF-8. Linear in its length for character classes; for the few regular expressions the caller
  /// bounds the length beforehand.
  virtual bool Matches(std::string_view text) const = 0;
  const std::string& text() const noexcept { return text_; }

 protected:
  explicit Pattern(std::string text) : text_(std::move(text)) {}

 private:
  std::string text_;  // as AWS prints it
};

/// One character class repeated: sorted, disjoint code point ranges [low, high, low, high, …].
std::unique_ptr<Pattern> MakeClassPattern(std::string text, std::vector<char32_t> bounds, bool empty_matches);
/// Errors: kInvalidArgument when it is not a regular expression.
Result<std::unique_ptr<Pattern>> MakeRegexPattern(std::string text);

struct Shape;

struct Member {
  std::string name;        // "KeyId"
  std::string lower_name;  // "keyId", as error texts have it
  const Shape* shape = nullptr;
  bool required = false;
};

struct Shape {
  Type type = Type::kStructure;
  bool sensitive = false;
  std::optional<std::int64_t> min, max;
  const Pattern* pattern = nullptr;
  std::vector<std::string> enum_values;
  std::string enum_text;          // "[A, B, C]"
  const Shape* member = nullptr;  // of a list
  const Shape* key = nullptr;     // of a map
  const Shape* value = nullptr;
  std::vector<Member> members;  // of a structure, in the model's order

  const Member* Find(std::string_view name) const noexcept;
};

struct OperationShape {
  const Shape* input = nullptr;  // never null: operations without input have an empty structure
  bool has_output = false;       // false: the answer has no body
};

/// One service's operations and input shapes, read once. Immutable.
class ServiceModel {
 public:
  /// Reads what tools/import_model.py writes. Errors: kCorrupted.
  static Result<std::unique_ptr<ServiceModel>> Parse(std::string_view json);

  const OperationShape* Find(std::string_view operation) const noexcept;

 private:
  std::map<std::string, std::unique_ptr<Pattern>, std::less<>> patterns_;
  std::map<std::string, std::unique_ptr<Shape>, std::less<>> shapes_;
  std::map<std::string, OperationShape, std::less<>> operations_;
  Shape nothing_;
};

/// The built-in model: "kms", "cloudhsm", "sts", "iam" or "strongroom"; null for other names. Read at first use; a
/// model that does not read is a broken build and ends the process.
const ServiceModel* BuiltIn(std::string_view service);

}  // namespace strongroom::aws::model
