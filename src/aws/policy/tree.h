#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "ports/authorizer.h"

namespace strongroom::aws::policy {

/// The largest text that any API takes for a policy. Source: IAM API Reference, policyDocumentType.
inline constexpr std::size_t kMaxPolicyBytes = 131'072;
/// A policy needs six: document, statements, statement, condition, operator, values.
inline constexpr std::size_t kDeepestPolicy = 8;

/// A value of a policy's JSON. Numbers keep their spelling.
struct Node {
  enum class Kind : unsigned char { kNull, kText, kNumber, kBool, kList, kObject };
  Kind kind = Kind::kNull;
  std::string text;                // of texts, numbers and booleans
  std::vector<std::string> names;  // of an object's members, one for each of `items`
  std::vector<Node> items;         // of lists and objects

  bool is_text() const noexcept { return kind == Kind::kText; }
  bool is_list() const noexcept { return kind == Kind::kList; }
  bool is_object() const noexcept { return kind == Kind::kObject; }
  /// A member of an object; null when there is none.
  const Node* Find(std::string_view name) const noexcept;
};

struct Place {
  ports::TextPosition start, end;
};

struct Tree {
  Node root;
  std::vector<Place> statements;  // where each object in "Statement", or that object itself, lies in the text
};

/// Strict JSON: one object, members once each, valid UTF-8, at most kMaxPolicyBytes and kDeepestPolicy.
/// Errors: kMalformedPolicy, with a text that says what is wrong.
Result<Tree> ParseTree(std::string_view text);

}  // namespace strongroom::aws::policy
