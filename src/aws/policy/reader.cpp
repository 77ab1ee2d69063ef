// Source: IAM User Guide, "IAM JSON policy elements reference", "Grammar of the IAM JSON policy language"; KMS
// Developer Guide, "Key policies".
#include <fmt/format.h>

#include <algorithm>

#include "aws/http/text.h"
#include "aws/policy/compiled.h"

namespace strongroom::aws::policy {
namespace {
using ports::PolicyKind;

constexpr std::string_view kOldVersion = "2008-10-17", kNewVersion = "2012-10-17";

bool IsTexts(const Node& node) {
  return node.is_text() || (node.is_list() && std::ranges::all_of(node.items, &Node::is_text));
}
bool IsScalar(const Node& node) {
  return node.is_text() || node.kind == Node::Kind::kBool || node.kind == Node::Kind::kNumber;
}
bool AreValues(const Node& node) {
  if (!node.is_list()) return IsScalar(node);
  return !node.items.empty() && std::ranges::all_of(node.items, IsScalar);
}

/// Keys that a request has once or not at all. Source: KMS Developer Guide, "AWS KMS condition keys".
bool HasOneValue(std::string_view key) {
  return StartsWithIgnoringCase(key, "kms:EncryptionContext:") || StartsWithIgnoringCase(key, "aws:RequestTag/");
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), LowerAscii);
  return lower;
}

/// Reads a document of one kind. Every error goes through Wrong, which knows in whose words.
class Reader {
 public:
  Reader(PolicyKind kind, const ports::PrincipalIds& ids) : kind_(kind), ids_(ids) {}

  Result<std::shared_ptr<const CompiledPolicy>> Read(std::string_view text) {
    auto tree = ParseTree(text);
    if (!tree.ok()) return Wrong(tree.error().public_message());
    const Node& root = tree->root;
    SR_CHECK(ReadTop(root));
    const Node* const list = root.Find("Statement");
    if (list == nullptr) return Wrong("The policy has no Statement.");
    std::vector<const Node*> nodes;
    if (list->is_list()) {
      for (const Node& one : list->items) nodes.push_back(&one);
    } else {
      nodes.push_back(list);
    }
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      name_ = fmt::format("Statement {}", i + 1);
      SR_CHECK(CheckShape(*nodes[i]));
    }
    if (kind_ != PolicyKind::kKey) SR_CHECK(CheckForIam(kind_, root, nodes));
    std::vector<Statement> statements;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      name_ = fmt::format("Statement {}", i + 1);
      SR_TRY(Statement statement, Build(*nodes[i]));
      statement.place = tree->statements[i];
      statements.push_back(std::move(statement));
    }
    return std::make_shared<const CompiledPolicy>(kind_, std::move(statements));
  }

 private:
  bool key() const noexcept { return kind_ == PolicyKind::kKey; }

  /// What a wrong shape is called.
  Error Wrong(std::string_view text) const {
    return Error(Errc::kMalformedPolicy, std::string(key() ? text : "Syntax errors in policy."));
  }
  /// What a value that its operator cannot read is called.
  Error WrongValue(std::string_view text) const {
    return Error(Errc::kMalformedPolicy, std::string(key() ? text : "The policy failed legacy parsing"));
  }

  Status ReadTop(const Node& root) {
    for (std::size_t i = 0; i < root.items.size(); ++i) {
      const std::string& name = root.names[i];
      const Node& value = root.items[i];
      if (name == "Version") {
        if (!value.is_text() || (value.text != kOldVersion && value.text != kNewVersion))
          return Wrong(fmt::format("Version must be {} or {}.", kNewVersion, kOldVersion));
        variables_ = value.text == kNewVersion ? Variables::kYes : Variables::kNo;
      } else if (name == "Id") {
        if (!value.is_text()) return Wrong("Id must be a string.");
      } else if (name != "Statement") {
        return Wrong(fmt::format("{} is not an element of a policy.", std::string_view(name).substr(0, 64)));
      }
    }
    return {};
  }

  Status CheckShape(const Node& node) const {
    if (!node.is_object()) return Wrong(name_ + " must be an object.");
    for (std::size_t i = 0; i < node.items.size(); ++i) SR_CHECK(CheckElement(node.names[i], node.items[i]));
    for (const std::string_view element : {"Principal", "Action", "Resource"}) {
      const std::string negated = fmt::format("Not{}", element);
      if (node.Find(element) != nullptr && node.Find(negated) != nullptr)
        return Wrong(fmt::format("{}: {} and {} exclude each other.", name_, element, negated));
    }
    const Node* const effect = node.Find("Effect");
    if (effect == nullptr) return Wrong(name_ + " has no Effect.");
    const bool principal = node.Find("Principal") != nullptr, not_principal = node.Find("NotPrincipal") != nullptr;
    if (key() && !principal && !not_principal) return Wrong(name_ + " has no Principal.");
    if (IsOfResource(kind_) && not_principal && effect->text == "Allow")
      return Wrong(name_ + ": NotPrincipal with Effect Allow is not supported.");
    return {};
  }

  Status CheckElement(std::string_view element, const Node& value) const {
    const auto wrong = [&](std::string_view what) {
      return Wrong(fmt::format("{}: {} {}", name_, element.substr(0, 64), what));
    };
    if (element == "Sid") {
      if (!value.is_text()) return wrong("must be a string.");
    } else if (element == "Effect") {
      if (!value.is_text() || (value.text != "Allow" && value.text != "Deny")) return wrong("must be Allow or Deny.");
    } else if (element == "Principal" || element == "NotPrincipal") {
      return CheckPrincipalShape(element, value);
    } else if (element == "Action" || element == "NotAction" || element == "Resource" || element == "NotResource") {
      if (!IsTexts(value)) return wrong("must be a string or a list of strings.");
    } else if (element == "Condition") {
      if (!value.is_object()) return wrong("must be an object.");
      return CheckConditionShape(value);
    } else {
      return wrong("is not an element of a statement.");
    }
    return {};
  }

  Status CheckPrincipalShape(std::string_view element, const Node& value) const {
    if (value.is_text()) return {};
    if (!value.is_object()) return Wrong(fmt::format("{}: {} must be \"*\" or an object.", name_, element));
    for (const Node& names : value.items) {
      if (!IsTexts(names)) return Wrong(fmt::format("{}: {} must be a string or a list of strings.", name_, element));
    }
    return {};
  }

  Status CheckConditionShape(const Node& condition) const {
    const std::string where = name_ + ": Condition";
    for (std::size_t i = 0; i < condition.items.size(); ++i) {
      const std::string_view op = condition.names[i];
      const Node& keys = condition.items[i];
      if (!ParseOperator(op)) return Wrong(fmt::format("{}: {} is not a condition operator.", where, op.substr(0, 64)));
      if (!keys.is_object() || keys.items.empty())
        return Wrong(fmt::format("{}: {} must be an object of condition keys.", where, op));
      for (std::size_t k = 0; k < keys.items.size(); ++k)
        SR_CHECK(CheckKeyShape(where, op, keys.names[k], keys.items[k]));
    }
    return {};
  }

  Status CheckKeyShape(const std::string& where, std::string_view op, std::string_view name, const Node& values) const {
    const std::string_view shown = name.substr(0, 64);
    if (name.find(':') == std::string_view::npos) {
      if (key()) return Wrong(fmt::format("{}: {} is not a condition key.", where, shown));
      return Error(Errc::kMalformedPolicy,
                   "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.");
    }
    if (!AreValues(values)) return Wrong(fmt::format("{}: {} must be a value or a list of values.", where, shown));
    if (key() && op.starts_with("ForAllValues:") && HasOneValue(name))
      return Wrong(
          fmt::format("OverlyPermissiveCondition: {}: ForAllValues with {}, which has a single value, also matches "
                      "requests without it. Remove the set operator.",
                      where, shown));
    return {};
  }

  Result<Statement> Build(const Node& node) const {
    Statement statement;
    statement.allow = node.Find("Effect")->text == "Allow";
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      const std::string_view element = node.names[i];
      const Node& value = node.items[i];
      if (element == "Principal" || element == "NotPrincipal") {
        SR_TRY(statement.principals, Principals::Read(value, kind_, ids_));
        statement.not_principal = element == "NotPrincipal";
      } else if (element == "Action" || element == "NotAction") {
        for (const std::string_view text : TextsOf(value))
          statement.actions.emplace_back(Template(Lower(text), Wildcards::kYes, Variables::kNo).pattern());
        statement.not_action = element == "NotAction";
      } else if (element == "Resource" || element == "NotResource") {
        for (const std::string_view text : TextsOf(value)) statement.resources.emplace_back(text, variables_);
        statement.not_resource = element == "NotResource";
      } else if (element == "Condition") {
        SR_CHECK(BuildConditions(value, statement));
      }
    }
    statement.idle = statement.actions.empty() || (statement.resources.empty() && kind_ != PolicyKind::kTrust);
    return statement;
  }

  Status BuildConditions(const Node& condition, Statement& statement) const {
    for (std::size_t i = 0; i < condition.items.size(); ++i) {
      const std::string_view name = condition.names[i];
      const Operator op = *ParseOperator(name);
      const Node& keys = condition.items[i];
      for (std::size_t k = 0; k < keys.items.size(); ++k) {
        auto made = Condition::Make(op, keys.names[k], keys.items[k], variables_);
        if (!made.ok())
          return WrongValue(
              fmt::format("{}: Condition: {} is no value for {}.", name_, made.error().public_message(), name));
        statement.conditions.push_back(*std::move(made));
      }
    }
    return {};
  }

  PolicyKind kind_;
  const ports::PrincipalIds& ids_;
  Variables variables_ = Variables::kNo;
  std::string name_;
};

}  // namespace

std::vector<std::string_view> TextsOf(const Node& node) {
  std::vector<std::string_view> texts;
  if (node.is_text()) texts.emplace_back(node.text);
  for (const Node& one : node.items) texts.emplace_back(one.text);
  return texts;
}

Result<std::shared_ptr<const CompiledPolicy>> ReadPolicy(PolicyKind kind, std::string_view text,
                                                         const ports::PrincipalIds& ids) {
  return Reader(kind, ids).Read(text);
}

}  // namespace strongroom::aws::policy
