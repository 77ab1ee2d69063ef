#pragma once

#include <functional>
#include <set>

#include "aws/policy/naive_values_for_tests.h"
#include "ports/authorizer.h"

// A second reading of the documented rules, for comparison with the engine alone: it works on the policies' JSON as it
// stands, anew for each question, and cares for nothing but being plain.
namespace strongroom::aws::naive {

/// Texts of every policy that has a say.
struct Policies {
  std::vector<std::string> identity;
  std::optional<std::string> boundary;
  std::optional<std::vector<std::string>> session;
  std::optional<std::string> resource;
  ports::PolicyKind resource_kind = ports::PolicyKind::kKey;
};

struct Answer {
  bool allowed = false, explicit_deny = false;
  bool operator==(const Answer&) const = default;
};

// ---- What the request has.

inline Context Gather(const ports::Question& question) {
  Context context;
  const ports::Caller& caller = question.caller;
  const auto put = [&](const char* key, const std::string& value) {
    if (!value.empty()) context[Low(key)] = {value};
  };
  using Kind = ports::PrincipalKind;
  const bool service = caller.kind == Kind::kService;
  if (!service) put("aws:PrincipalArn", caller.kind == Kind::kAssumedRole ? caller.role_arn : caller.arn);
  if (service) put("aws:PrincipalServiceName", caller.arn);
  put("aws:PrincipalAccount", caller.account);
  const std::map<Kind, std::string> types{{Kind::kRoot, "Account"},
                                          {Kind::kUser, "User"},
                                          {Kind::kAssumedRole, "AssumedRole"},
                                          {Kind::kFederatedUser, "FederatedUser"}};
  if (types.contains(caller.kind)) put("aws:PrincipalType", types.at(caller.kind));
  put("aws:PrincipalIsAWSService", service ? "true" : "false");
  put("aws:userid", caller.principal_id);
  if (caller.kind == Kind::kUser) put("aws:username", caller.user_name);
  if (caller.tags) {
    for (const ports::Tag& tag : *caller.tags) context[Low("aws:PrincipalTag/" + tag.key)] = {tag.value};
  }
  const auto seconds = [](ports::WallTime time) {
    return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
  };
  const auto iso = [&](ports::WallTime time) {
    const std::time_t at = seconds(time);
    char text[32];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", std::gmtime(&at));
    return std::string(text);
  };
  const ports::RequestFacts& request = question.request;
  if (caller.session) {
    put("aws:TokenIssueTime", iso(caller.session->issued_at));
    put("aws:SourceIdentity", caller.session->source_identity);
    put("aws:FederatedProvider", caller.session->federated_provider);
    put("aws:MultiFactorAuthPresent", caller.session->mfa_at ? "true" : "false");
    if (caller.session->mfa_at && request.now)
      put("aws:MultiFactorAuthAge", std::to_string(seconds(*request.now) - seconds(*caller.session->mfa_at)));
    for (const ports::Tag& claim : caller.session->claims) context[Low(claim.key)] = {claim.value};
  }
  put("aws:SourceIp", std::string(request.source_ip));
  put("aws:UserAgent", std::string(request.user_agent));
  put("aws:RequestedRegion", std::string(request.region));
  put("aws:SecureTransport", request.secure_transport ? "true" : "false");
  put("aws:ViaAWSService", "false");
  put("aws:ResourceAccount", std::string(question.resource_account));
  if (request.now) {
    put("aws:CurrentTime", iso(*request.now));
    put("aws:EpochTime", std::to_string(seconds(*request.now)));
  }
  if (question.context != nullptr) {
    for (const auto& [key, values] : *question.context) {
      context.erase(Low(key));
      if (!values.empty()) context[Low(key)] = values;
    }
  }
  return context;
}

// ---- Conditions.

/// The positive form of the operator, of one value of the request and one of the policy.
inline bool Compare(const std::string& op, const std::string& value, const std::string& wanted, const Context& context,
                    bool variables) {
  if (op.starts_with("Numeric") || op.starts_with("Date")) {
    const bool date = op.starts_with("Date");
    const auto a = date ? Date(value) : Number(value), b = date ? Date(wanted) : Number(wanted);
    if (!a || !b) return false;
    const std::string how = op.substr(date ? 4 : 7);
    if (how == "Equals") return *a == *b;
    if (how == "LessThan") return *a < *b;
    if (how == "LessThanEquals") return *a <= *b;
    if (how == "GreaterThan") return *a > *b;
    return *a >= *b;
  }
  if (op == "Bool") return (Low(value) == "true" || Low(value) == "false") && Low(value) == Low(wanted);
  if (op == "BinaryEquals") {
    const auto a = Blob(value), b = Blob(wanted);
    return a && b && *a == *b;
  }
  if (op == "IpAddress") {
    const auto a = Bits(value), b = Bits(wanted);
    return a && b && a->starts_with(*b);
  }
  const bool arn = op.starts_with("Arn");
  const auto pattern = Read(wanted, context, arn || op == "StringLike", variables);
  if (!pattern) return false;
  if (arn) return FitsArn(*pattern, value);
  if (op != "StringEqualsIgnoreCase") return Fits(*pattern, value);
  Symbols low = *pattern;
  for (Symbol& symbol : low) symbol.letter = Low(symbol.letter);
  return Fits(low, Low(value));
}

inline bool Holds(std::string op, const std::string& key, const Strings& wanted, const Context& context, bool variables,
                  bool allow) {
  const auto found = context.find(Low(key));
  const bool present = found != context.end();
  if (op == "Null") {
    for (const std::string& one : wanted) {
      if ((Low(one) == "true") == !present) return true;
    }
    return false;
  }
  std::string set;
  if (op.find(':') != std::string::npos) {
    set = op.substr(0, op.find(':'));
    op = op.substr(op.find(':') + 1);
  }
  bool if_exists = false;
  if (op.ends_with("IfExists")) {
    if_exists = true;
    op = op.substr(0, op.size() - 8);
  }
  const std::size_t no = op.find("Not");
  const bool negated = no != std::string::npos;
  if (negated) op.erase(no, 3);
  if (!present) {
    if (if_exists) return true;
    if (set == "ForAllValues") return true;
    if (set == "ForAnyValue") return false;
    return negated;
  }
  std::size_t good = 0;
  for (const std::string& value : found->second) {
    bool matches = false;
    for (const std::string& one : wanted) matches = matches || Compare(op, value, one, context, variables);
    if (matches != negated) ++good;
  }
  const bool all = good == found->second.size(), any = good > 0;
  if (set == "ForAllValues") return all;
  if (set == "ForAnyValue") return any;
  return allow ? all : any;
}

// ---- Statements.

/// Every way in which a Principal element names the caller.
inline std::set<std::string> Ways(const json::value& principal, const ports::Caller& caller) {
  std::set<std::string> ways;
  using Kind = ports::PrincipalKind;
  const bool service = caller.kind == Kind::kService, bearer = caller.kind == Kind::kWebIdentity;
  json::object all;
  if (principal.is_string()) {
    all["AWS"] = "*";
  } else {
    all = principal.get_object();
  }
  for (const auto& [type, names] : all) {
    for (const std::string& name : List(names)) {
      if (type == "Service" && service && name == caller.arn) ways.insert("itself");
      if (type == "Federated" && bearer && name == caller.arn) ways.insert("itself");
      if (type != "AWS" || service || bearer) continue;
      if (name == "*") ways.insert("anyone");
      if (name == caller.account || name == "arn:aws:iam::" + caller.account + ":root") ways.insert("account");
      if (name == caller.arn && caller.kind != Kind::kRoot) ways.insert("itself");
      if (name == caller.role_arn) ways.insert("behind");
    }
  }
  if (caller.kind == Kind::kRoot && ways.contains("account")) ways.insert("itself");
  return ways;
}

/// NotPrincipal leaves out a caller only if everything that it is, is named.
inline bool LeftOut(const std::set<std::string>& ways, const ports::Caller& caller) {
  using Kind = ports::PrincipalKind;
  if (ways.contains("anyone")) return true;
  if (!ways.contains("itself")) return false;
  if (caller.kind == Kind::kAssumedRole) return ways.contains("behind") && ways.contains("account");
  if (caller.kind == Kind::kUser || caller.kind == Kind::kFederatedUser) return ways.contains("account");
  return true;
}

struct Says {
  bool deny = false, allow = false;
  std::set<std::string> ways;  // of allowing statements
};

inline Says Ask(const std::string& text, ports::PolicyKind kind, const ports::Question& question, Context context) {
  Says says;
  if (kind == ports::PolicyKind::kKey) {
    std::erase_if(context, [](const auto& one) {
      return one.first.starts_with("aws:resourcetag/") || one.first == "kms:resourcealiases";
    });
  }
  const json::value policy = json::parse(text);
  const bool variables = policy.at("Version") == "2012-10-17";
  for (const json::value& one : policy.at("Statement").get_array()) {
    const json::object& statement = one.get_object();
    const bool allow = statement.at("Effect") == "Allow";
    const auto either = [&](const char* element, const std::function<bool(const std::string&)>& fits) {
      const std::string negated = std::string("Not") + element;
      const bool named = statement.contains(element);
      bool any = false;
      for (const std::string& pattern : List(statement.at(named ? element : negated.c_str())))
        any = any || fits(pattern);
      return named ? any : !any;
    };
    const auto has = [&](const std::string& element) {
      return statement.contains(element) || statement.contains("Not" + element);
    };
    if (!has("Action")) continue;
    const auto action = [&](const std::string& pattern) {
      return Fits(*Read(Low(pattern), context, true, false), Low(std::string(question.action)));
    };
    if (!either("Action", action)) continue;
    if (kind != ports::PolicyKind::kTrust) {
      if (!has("Resource")) continue;
      const auto resource = [&](const std::string& pattern) {
        return FitsResource(pattern, context, variables, std::string(question.resource));
      };
      if (!either("Resource", resource)) continue;
    }
    std::set<std::string> ways{"itself"};
    if (statement.contains("Principal")) {
      ways = Ways(statement.at("Principal"), question.caller);
      if (ways.empty()) continue;
    }
    if (statement.contains("NotPrincipal") &&
        LeftOut(Ways(statement.at("NotPrincipal"), question.caller), question.caller))
      continue;
    bool holds = true, by_arn = false;
    if (statement.contains("Condition")) {
      for (const auto& [op, keys] : statement.at("Condition").get_object()) {
        const std::string how(op);
        const bool positive = how != "Null" && how.find("Not") == std::string::npos && !how.starts_with("ForAll");
        for (const auto& [key, values] : keys.get_object()) {
          by_arn = by_arn || (positive && Low(std::string(key)) == "aws:principalarn");
          holds = holds && Holds(std::string(op), std::string(key), List(values), context, variables, allow);
        }
      }
    }
    if (!holds) continue;
    if (allow) {
      says.allow = true;
      if (by_arn && statement.contains("Principal") && ways.contains("anyone")) ways.insert("itself");
      says.ways.insert(ways.begin(), ways.end());
    } else {
      says.deny = true;
    }
  }
  return says;
}

// ---- All together.

/// The question's own policies (caller.policies, policy) are not looked at, nor is `source`.
inline Answer Decide(const ports::Question& question, const Policies& policies) {
  using Kind = ports::PrincipalKind;
  using ports::PolicyKind;
  const ports::Caller& caller = question.caller;
  const bool outsider = caller.kind == Kind::kService || caller.kind == Kind::kWebIdentity;
  const bool root = caller.kind == Kind::kRoot;

  const Context context = Gather(question);
  Says resource;
  if (policies.resource) resource = Ask(*policies.resource, policies.resource_kind, question, context);
  bool deny = resource.deny, identity = root, boundary = true, session = true;
  if (!root) {
    for (const std::string& text : policies.identity) {
      const Says says = Ask(text, PolicyKind::kIdentity, question, context);
      deny = deny || says.deny;
      identity = identity || says.allow;
    }
    if (policies.boundary) {
      const Says says = Ask(*policies.boundary, PolicyKind::kBoundary, question, context);
      deny = deny || says.deny;
      boundary = says.allow;
    }
    if (policies.session) {
      session = false;
      for (const std::string& text : *policies.session) {
        const Says says = Ask(text, PolicyKind::kSession, question, context);
        deny = deny || says.deny;
        session = session || says.allow;
      }
    }
  }
  if (deny) return {false, true};
  if (outsider) return {resource.allow, false};
  const bool own = identity && boundary && session;
  const bool foreign = !question.resource_account.empty() && question.resource_account != caller.account;
  if (foreign) return {own && resource.allow, false};
  if (!policies.resource) return {own, false};
  if (resource.ways.contains("itself")) return {true, false};
  if (resource.ways.contains("behind") || resource.ways.contains("anyone")) return {boundary && session, false};
  if (resource.ways.contains("account")) return {own, false};
  return {own && policies.resource_kind == PolicyKind::kResource, false};
}

}  // namespace strongroom::aws::naive
