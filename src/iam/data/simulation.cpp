#include "iam/data/simulation.h"

#include <boost/json.hpp>

#include "aws/policy/engine.h"
#include "iam/data/documents.h"
#include "iam/data/managed.h"
#include "iam/page.h"

namespace strongroom::iam {
namespace {
namespace json = boost::json;

/// What one call may cost.
constexpr std::size_t kMostDecisions = 5000, kMostSteps = 4 * aws::policy::Steps::kOfDecision;
/// What an encryption context can have, which is the longest that requests have.
constexpr std::size_t kLongestContextValue = 8192;

Status AddOwnPolicies(Work& work, const Entity& entity, std::vector<SimulatedPolicy>& to) {
  const std::string word(NamesOf(entity.kind).word);
  SR_TRY(auto inlines, ReadInlinePolicies(work.t, work.account(), entity.id));
  for (InlinePolicy& one : inlines) to.push_back({std::move(one.name), word, std::move(one.document)});
  SR_TRY(const auto attached, ReadAttachments(work.t, work.account(), entity.id));
  for (const std::string& arn : attached) {
    SR_TRY(const ManagedPolicy policy, FindManaged(work.t, work.account(), arn));
    SR_TRY(std::string document, ReadDefaultDocument(work.t, policy));
    to.push_back({arn, policy.of_aws != nullptr ? "aws-managed" : "user-managed", std::move(document)});
  }
  return {};
}

Result<ports::NamedPolicy> Compiled(const Work& work, const SimulatedPolicy& policy, ports::PolicyKind kind) {
  SR_TRY(auto compiled, work.authorizer().Compile(kind, policy.document));
  return ports::NamedPolicy{policy.id, std::move(compiled)};
}

/// What all decisions of a simulation have in common.
struct Simulation {
  std::vector<SimulatedPolicy> policies;  // for their types
  ports::Caller caller;
  std::string resource_owner;
  std::shared_ptr<const ports::Policy> resource_policy;
  ports::ConditionContext context;
  bool bounded = false;

  std::string_view TypeOf(const ports::Explanation::Match& match) const {
    if (match.kind != ports::PolicyKind::kIdentity && match.kind != ports::PolicyKind::kBoundary) return "resource";
    for (const SimulatedPolicy& one : policies) {
      if (one.id == match.policy_name) return one.type;
    }
    return "none";
  }
};

Result<ports::Caller> CallerOf(const Work& work, const std::optional<PolicySource>& source) {
  ports::Caller caller;
  caller.account = work.account();
  caller.kind = ports::PrincipalKind::kUser;
  SR_TRY(const auto arn, work.in.OptionalString("CallerArn"));
  if (!arn && source && source->entity.kind != Kind::kGroup) {
    caller.arn = source->entity.Arn();
    caller.principal_id = source->entity.id;
    if (source->entity.kind == Kind::kUser) caller.user_name = source->entity.name;
    return caller;
  }
  caller.arn = arn.value_or(IamArn(work.account(), "user", "/", "simulated"));
  const auto parts = ParseIamArn(caller.arn);
  if (!parts || parts->type != "user" || parts->account == "aws") return InvalidArn(caller.arn);
  caller.account = parts->account;
  caller.user_name = parts->name();
  return caller;
}

Status ReadContext(Work& work, ports::ConditionContext& context) {
  SR_TRY(const auto entries, work.in.ObjectList("ContextEntries"));
  for (const aws::Fields& entry : entries) {
    SR_TRY(const std::string name, entry.StringOr("ContextKeyName", ""));
    SR_TRY(auto values, entry.StringList("ContextKeyValues"));
    if (name.empty()) return InvalidInput("A context entry has no ContextKeyName.");
    for (const std::string& value : values) {
      if (value.size() > kLongestContextValue)
        return InvalidInput(fmt::format("ContextKeyValues can have at most {} characters.", kLongestContextValue));
    }
    context[name] = std::move(values);
  }
  return {};
}

Result<Simulation> Prepare(Work& work, std::optional<PolicySource> source) {
  Simulation made;
  SR_TRY(made.caller, CallerOf(work, source));
  SR_TRY(auto given, PoliciesOfRequest(work, "PolicyInputList", ports::PolicyKind::kIdentity));
  SR_TRY(auto bounds, PoliciesOfRequest(work, "PermissionsBoundaryPolicyInputList", ports::PolicyKind::kBoundary));
  if (bounds.size() > 1) return InvalidInput("At most one permissions boundary can be simulated.");
  if (bounds.empty() && source && source->boundary) bounds.push_back(*source->boundary);
  if (source) made.policies = std::move(source->policies);
  for (SimulatedPolicy& one : given) made.policies.push_back(std::move(one));
  auto policies = std::make_shared<ports::PrincipalPolicies>();
  for (const SimulatedPolicy& one : made.policies) {
    SR_TRY(ports::NamedPolicy compiled, Compiled(work, one, ports::PolicyKind::kIdentity));
    policies->identity.push_back(std::move(compiled));
  }
  if (!bounds.empty()) {
    SR_TRY(policies->boundary, Compiled(work, bounds.front(), ports::PolicyKind::kBoundary));
    made.policies.push_back(std::move(bounds.front()));
    made.bounded = true;
  }
  made.caller.policies = std::move(policies);
  if (source) {
    SR_TRY(const TagList tags, ReadTags(work.t, work.account(), source->entity.id));
    auto copied = std::make_shared<std::vector<ports::Tag>>();
    for (const auto& [key, value] : tags) copied->push_back({key, value});
    made.caller.tags = std::move(copied);
  }
  SR_TRY(const auto resource_policy, work.in.OptionalString("ResourcePolicy"));
  if (resource_policy) {
    if (!work.in.Has("CallerArn") && !source) return InvalidInput("A ResourcePolicy needs a CallerArn.");
    SR_TRY(made.resource_policy, work.authorizer().Compile(ports::PolicyKind::kResource, *resource_policy));
  }
  SR_TRY(made.resource_owner, work.in.StringOr("ResourceOwner", made.caller.account));
  if (const auto parts = ParseIamArn(made.resource_owner + "/x"); parts) made.resource_owner = parts->account;
  SR_CHECK(ReadContext(work, made.context));
  return made;
}

aws::Reply ShowPosition(const ports::TextPosition& at) {
  aws::Reply shown;
  shown.Int("Line", at.line).Int("Column", at.column);
  return shown;
}

aws::Reply ShowDecision(const Simulation& simulation, const std::string& action, const std::string& resource,
                        ports::WallTime now, aws::policy::Steps& steps) {
  ports::Explanation why;
  const ports::Question question{.caller = simulation.caller,
                                 .action = action,
                                 .resource = resource,
                                 .resource_account = simulation.resource_owner,
                                 .policy = simulation.resource_policy.get(),
                                 .context = &simulation.context,
                                 .request = {.source_ip = {}, .user_agent = {}, .region = {}, .now = now},
                                 .explain = &why};
  const ports::Decision decision = aws::PolicyEngine().Decide(question, steps);
  aws::Reply shown;
  shown.Text("EvalActionName", action)
      .Text("EvalResourceName", resource)
      .Text("EvalDecision", decision.allowed         ? "allowed"
                            : decision.explicit_deny ? "explicitDeny"
                                                     : "implicitDeny");
  std::vector<aws::Reply> matches;
  for (const ports::Explanation::Match& match : why.matches) {
    if (decision.explicit_deny && match.allow) continue;
    aws::Reply entry;
    entry.Text("SourcePolicyId", match.policy_name.empty() ? "ResourcePolicy" : match.policy_name)
        .Text("SourcePolicyType", std::string(simulation.TypeOf(match)))
        .Object("StartPosition", ShowPosition(match.start))
        .Object("EndPosition", ShowPosition(match.end));
    matches.push_back(std::move(entry));
  }
  shown.Objects("MatchedStatements", std::move(matches)).Texts("MissingContextValues", std::move(why.missing_keys));
  if (simulation.bounded) {
    aws::Reply boundary;
    boundary.Bool("AllowedByPermissionsBoundary", why.boundary_allows.value_or(false));
    shown.Object("PermissionsBoundaryDecisionDetail", std::move(boundary));
  }
  return shown;
}

/// Names in "${aws:username}" and "${aws:PrincipalTag/x, 'none'}".
void AddVariables(std::string_view text, std::set<std::string>& to) {
  for (std::size_t at = text.find("${"); at != std::string_view::npos; at = text.find("${", at + 2)) {
    const std::size_t end = text.find_first_of(",}", at);
    if (end == std::string_view::npos) return;
    const std::string_view name = text.substr(at + 2, end - at - 2);
    if (name.find(':') != std::string_view::npos) to.emplace(name);
  }
}

void AddVariablesOf(const json::value& value, std::set<std::string>& to) {
  if (value.is_string()) {
    AddVariables({value.get_string().data(), value.get_string().size()}, to);
  } else if (value.is_array()) {
    for (const json::value& one : value.get_array()) AddVariablesOf(one, to);
  } else if (value.is_object()) {
    for (const auto& [name, one] : value.get_object()) AddVariablesOf(one, to);
  }
}

void AddKeysOfStatement(const json::value& statement, std::set<std::string>& to) {
  if (!statement.is_object()) return;
  AddVariablesOf(statement, to);
  const json::value* condition = statement.get_object().if_contains("Condition");
  if (condition == nullptr || !condition->is_object()) return;
  for (const auto& [operation, keys] : condition->get_object()) {
    if (!keys.is_object()) continue;
    for (const auto& [key, values] : keys.get_object()) to.emplace(key.data(), key.size());
  }
}
}  // namespace

Result<PolicySource> NeedPolicySource(Work& work) {
  SR_TRY(const std::string arn, work.in.RequiredString("PolicySourceArn"));
  const auto parts = ParseIamArn(arn);
  if (!parts) return InvalidArn(arn);
  const auto kind = KindOf(parts->type);
  if (!kind.ok() || parts->account != work.account()) return InvalidArn(arn);
  PolicySource source;
  SR_TRY(source.entity, NeedEntityNamed(work, *kind, parts->name()));
  if (source.entity.Arn() != arn) return NoSuchEntity(*kind, parts->rest);
  SR_CHECK(AddOwnPolicies(work, source.entity, source.policies));
  if (*kind == Kind::kUser) {
    SR_TRY(const auto groups, ListGroupsOf(work.t, source.entity));
    for (const Entity& group : groups) SR_CHECK(AddOwnPolicies(work, group, source.policies));
  }
  if (!source.entity.boundary_arn.empty()) {
    SR_TRY(const ManagedPolicy boundary, FindManaged(work.t, work.account(), source.entity.boundary_arn));
    SR_TRY(std::string document, ReadDefaultDocument(work.t, boundary));
    source.boundary = {boundary.arn, boundary.of_aws != nullptr ? "aws-managed" : "user-managed", std::move(document)};
  }
  return source;
}

Result<std::vector<SimulatedPolicy>> PoliciesOfRequest(const Work& work, std::string_view member,
                                                       ports::PolicyKind kind) {
  SR_TRY(auto documents, work.in.StringList(member));
  std::vector<SimulatedPolicy> policies;
  for (std::string& document : documents) {
    const std::string id = fmt::format("{}.{}", member, policies.size() + 1);
    const Status good = CheckDocument(work, kind, document);
    if (!good.ok()) return InvalidInput(fmt::format("Invalid {}: {}", id, good.error().public_message()));
    policies.push_back({id, "none", std::move(document)});
  }
  return policies;
}

Result<aws::Reply> Simulate(Work& work, std::optional<PolicySource> source) {
  SR_TRY(Simulation simulation, Prepare(work, std::move(source)));
  SR_TRY(const auto actions, work.in.StringList("ActionNames"));
  SR_TRY(auto resources, work.in.StringList("ResourceArns"));
  if (resources.empty()) resources.emplace_back("*");
  if (actions.size() * resources.size() > kMostDecisions)
    return InvalidInput(
        fmt::format("At most {} pairs of action and resource can be simulated at once.", kMostDecisions));
  struct Pair {
    std::string number;
    const std::string *action, *resource;
  };
  std::vector<Pair> pairs;
  for (const std::string& action : actions) {
    for (const std::string& resource : resources)
      pairs.push_back({fmt::format("{:05}", pairs.size()), &action, &resource});
  }
  aws::Reply reply;
  SR_CHECK(CutPage(
      work, pairs, [](const Pair& one) { return one.number; }, reply));
  std::vector<aws::Reply> shown;
  aws::policy::Steps steps(kMostSteps);
  for (const Pair& one : pairs) {
    shown.push_back(ShowDecision(simulation, *one.action, *one.resource, work.time(), steps));
    if (steps.exhausted()) return InvalidInput("The policies take too long to evaluate.");
  }
  reply.Objects("EvaluationResults", std::move(shown));
  return reply;
}

void AddContextKeys(const std::string& document, std::set<std::string>& to) {
  boost::system::error_code wrong;
  const json::value root = json::parse(document, wrong);
  if (wrong || !root.is_object()) return;  // compiled before, so neither happens
  const json::value* statements = root.get_object().if_contains("Statement");
  if (statements == nullptr) return;
  if (statements->is_array()) {
    for (const json::value& one : statements->get_array()) AddKeysOfStatement(one, to);
  } else {
    AddKeysOfStatement(*statements, to);
  }
}

aws::Reply ShowContextKeys(const std::vector<SimulatedPolicy>& policies) {
  std::set<std::string> keys;
  for (const SimulatedPolicy& one : policies) AddContextKeys(one.document, keys);
  aws::Reply reply;
  reply.Texts("ContextKeyNames", {keys.begin(), keys.end()});
  return reply;
}

}  // namespace strongroom::iam
