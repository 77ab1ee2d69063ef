#include "aws/policy/basic_authorizer.h"

#include <boost/json.hpp>

#include "aws/http/text.h"
#include "aws/policy/condition_syntax.h"

namespace strongroom::aws {
namespace {
namespace json = boost::json;

struct Statement {
  bool allow = false;
  bool conditional = false;
  bool not_principal = false, not_action = false, not_resource = false;
  std::vector<std::string> principals, actions, resources;
};

class Compiled final : public ports::ResourcePolicy {
 public:
  std::vector<Statement> statements;
};

Error Malformed(std::string text) { return Error(Errc::kMalformedPolicy, std::move(text)); }

std::string_view View(const json::string& text) { return {text.data(), text.size()}; }

/// A string or a list of strings.
Result<std::vector<std::string>> Texts(const json::value& value, std::string_view where) {
  std::vector<std::string> texts;
  if (value.is_string()) {
    texts.emplace_back(View(value.get_string()));
    return texts;
  }
  if (!value.is_array()) return Malformed(fmt::format("{} must be a string or a list of strings.", where));
  for (const json::value& one : value.get_array()) {
    if (!one.is_string()) return Malformed(fmt::format("{} must be a string or a list of strings.", where));
    texts.emplace_back(View(one.get_string()));
  }
  return texts;
}

bool IsAccountId(std::string_view text) {
  return text.size() == 12 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// "arn:<partition>:iam|sts::<account>:<rest>" with neither part empty.
bool IsPrincipalArn(std::string_view text) {
  std::vector<std::string_view> parts;
  std::string_view rest = text;
  for (int i = 0; i < 5; ++i) {
    const std::size_t colon = rest.find(':');
    if (colon == std::string_view::npos) return false;
    parts.push_back(rest.substr(0, colon));
    rest = rest.substr(colon + 1);
  }
  return parts[0] == "arn" && !parts[1].empty() && (parts[2] == "iam" || parts[2] == "sts") && parts[3].empty() &&
         IsAccountId(parts[4]) && !rest.empty() && rest.find('*') == std::string_view::npos;
}

Result<std::vector<std::string>> Principals(const json::value& value, const std::string& where) {
  std::vector<std::string> found;
  const auto invalid = [] { return Malformed("Policy contains a statement with one or more invalid principals."); };
  if (value.is_string()) {
    if (View(value.get_string()) != "*") return invalid();
    found.emplace_back("*");
    return found;
  }
  if (!value.is_object()) return Malformed(where + " must be \"*\" or an object.");
  for (const auto& [kind, names] : value.get_object()) {
    const std::string_view kind_name(kind.data(), kind.size());
    SR_TRY(std::vector<std::string> texts, Texts(names, where));
    if (kind_name == "Service") continue;  // matches service callers only, and there are none
    if (kind_name != "AWS") return invalid();
    for (std::string& one : texts) {
      if (one != "*" && !IsAccountId(one) && !IsPrincipalArn(one)) return invalid();
      found.push_back(std::move(one));
    }
  }
  return found;
}

Result<Statement> ReadStatement(const json::value& value, std::size_t number) {
  const std::string name = fmt::format("Statement {}", number);
  if (!value.is_object()) return Malformed(name + " must be an object.");
  Statement statement;
  bool has_effect = false, has_principal = false;
  for (const auto& [key, one] : value.get_object()) {
    const std::string_view element(key.data(), key.size());
    const std::string where = fmt::format("{}: {}", name, element.substr(0, 64));
    if (element == "Sid") {
      if (!one.is_string()) return Malformed(where + " must be a string.");
    } else if (element == "Effect") {
      if (!one.is_string() || (View(one.get_string()) != "Allow" && View(one.get_string()) != "Deny")) {
        return Malformed(where + " must be Allow or Deny.");
      }
      statement.allow = View(one.get_string()) == "Allow";
      has_effect = true;
    } else if (element == "Principal" || element == "NotPrincipal") {
      if (has_principal) return Malformed(name + ": Principal and NotPrincipal exclude each other.");
      SR_TRY(statement.principals, Principals(one, where));
      statement.not_principal = element == "NotPrincipal";
      has_principal = true;
    } else if (element == "Action" || element == "NotAction") {
      SR_TRY(statement.actions, Texts(one, where));
      statement.not_action = element == "NotAction";
    } else if (element == "Resource" || element == "NotResource") {
      SR_TRY(statement.resources, Texts(one, where));
      statement.not_resource = element == "NotResource";
    } else if (element == "Condition") {
      if (!one.is_object()) return Malformed(where + " must be an object.");
      SR_CHECK(CheckConditionSyntax(one.get_object(), where));
      statement.conditional = !one.get_object().empty();
    } else {
      return Malformed(where + " is not an element of a statement.");
    }
  }
  if (!has_effect) return Malformed(name + " has no Effect.");
  if (!has_principal) return Malformed(name + " has no Principal.");
  if (statement.not_principal && statement.allow) {
    return Malformed(name + ": NotPrincipal with Effect Allow is not supported.");
  }
  return statement;
}

bool MatchesPrincipal(const Statement& statement, const ports::Caller& caller) {
  bool named = std::ranges::any_of(statement.principals, [&](const std::string& one) {
    return one == "*" || one == caller.account || one == caller.arn ||
           (!caller.role_arn.empty() && one == caller.role_arn);
  });
  if (!named) {
    const std::string root = "arn:" + caller.partition + ":iam::" + caller.account + ":root";
    named = std::ranges::find(statement.principals, root) != statement.principals.end();
  }
  return named != statement.not_principal;
}

bool Matches(const Statement& statement, const ports::Question& question) {
  if (statement.actions.empty() || statement.resources.empty()) return false;  // accepted, but without effect
  const bool action = std::ranges::any_of(statement.actions, [&](const std::string& pattern) {
    return WildcardMatches(pattern, question.action, Case::kIgnored);
  });
  const bool resource = std::ranges::any_of(statement.resources, [&](const std::string& pattern) {
    return WildcardMatches(pattern, question.resource, Case::kExact);
  });
  return action != statement.not_action && resource != statement.not_resource &&
         MatchesPrincipal(statement, question.caller);
}

}  // namespace

bool WildcardMatches(std::string_view pattern, std::string_view text, Case letters) noexcept {
  const auto same = [&](char a, char b) {
    return a == b || (letters == Case::kIgnored && LowerAscii(a) == LowerAscii(b));
  };
  // Greedy with one point to come back to: linear for each star, never exponential.
  std::size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      if (p == pattern.size()) return true;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || same(pattern[p], text[t]))) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

Result<std::shared_ptr<const ports::ResourcePolicy>> BasicAuthorizer::Compile(std::string_view policy_text,
                                                                              std::string_view,
                                                                              std::string_view) const {
  json::error_code ec;
  const json::value root = json::parse({policy_text.data(), policy_text.size()}, ec);
  if (ec || !root.is_object()) return Malformed("The policy is not a JSON object.");
  auto compiled = std::make_shared<Compiled>();
  const json::value* statements = nullptr;
  for (const auto& [key, value] : root.get_object()) {
    const std::string_view element(key.data(), key.size());
    if (element == "Version") {
      if (!value.is_string() ||
          (View(value.get_string()) != "2012-10-17" && View(value.get_string()) != "2008-10-17")) {
        return Malformed("Version must be 2012-10-17 or 2008-10-17.");
      }
    } else if (element == "Id") {
      if (!value.is_string()) return Malformed("Id must be a string.");
    } else if (element == "Statement") {
      statements = &value;
    } else {
      return Malformed(fmt::format("{} is not an element of a policy.", element.substr(0, 64)));
    }
  }
  if (statements == nullptr) return Malformed("The policy has no Statement.");
  if (statements->is_array()) {
    std::size_t number = 0;
    for (const json::value& one : statements->get_array()) {
      SR_TRY(Statement statement, ReadStatement(one, ++number));
      compiled->statements.push_back(std::move(statement));
    }
  } else {
    SR_TRY(Statement statement, ReadStatement(*statements, 1));
    compiled->statements.push_back(std::move(statement));
  }
  return std::shared_ptr<const ports::ResourcePolicy>(std::move(compiled));
}

ports::Decision BasicAuthorizer::Decide(const ports::Question& question) const {
  const ports::Caller& caller = question.caller;
  const std::string_view owner = question.resource_account.empty() ? caller.account : question.resource_account;
  const bool foreign = owner != caller.account;
  const auto refuse = [&](std::string_view because, bool explicit_deny = false) {
    if (foreign) {
      return ports::Decision{
          false,
          fmt::format("User: {} is not authorized to perform: {} on this resource because the resource does not "
                      "exist in this Region, no resource-based policies allow access, or a resource-based policy "
                      "explicitly denies access",
                      caller.arn, question.action),
          explicit_deny};
    }
    return ports::Decision{false,
                           fmt::format("User: {} is not authorized to perform: {} on resource: {} {}", caller.arn,
                                       question.action, question.resource, because),
                           explicit_deny};
  };
  if (question.policy == nullptr) {
    if (caller.is_root() && !foreign) return {true, {}};
    return refuse(fmt::format("because no identity-based policy allows the {} action", question.action));
  }
  const auto* compiled = dynamic_cast<const Compiled*>(question.policy);
  if (compiled == nullptr) return refuse("because its policy cannot be read");
  bool allowed = false;
  for (const Statement& statement : compiled->statements) {
    if (!Matches(statement, question)) continue;
    if (!statement.allow) return refuse("with an explicit deny in a resource-based policy", true);
    allowed = allowed || !statement.conditional;
  }
  if (!allowed) return refuse(fmt::format("because no resource-based policy allows the {} action", question.action));
  if (!caller.is_root()) {
    return refuse(fmt::format("because no identity-based policy allows the {} action", question.action));
  }
  return {true, {}};
}

}  // namespace strongroom::aws
