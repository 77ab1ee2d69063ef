#include "aws/policy/engine.h"

#include <typeinfo>

#include "aws/policy/evaluate.h"
#include "aws/policy/refusal.h"

namespace strongroom::aws {
namespace {
using policy::NamedAs;
using policy::Verdict;
using ports::PolicyKind;

/// What every kind of policy says to one question.
struct Verdicts {
  Verdict resource, identity, boundary, session;
  bool limited_by_boundary = false, limited_by_session = false;

  bool boundary_allows() const noexcept { return !limited_by_boundary || boundary.allowed; }
  bool session_allows() const noexcept { return !limited_by_session || session.allowed; }
};

void AskAll(const ports::Question& question, std::string_view action, const std::vector<ports::NamedPolicy>& policies,
            Verdict& verdict, policy::Steps& steps) {
  for (const ports::NamedPolicy& one : policies) {
    if (verdict.denied && question.explain == nullptr) return;
    if (one.policy) policy::Evaluate(question, action, *one.policy, one.name, verdict, steps);
  }
}

Verdicts Ask(const ports::Question& question, policy::Steps& steps) {
  const policy::LowerAction action(question.action);
  Verdicts verdicts;
  const ports::Caller& caller = question.caller;
  if (question.policy != nullptr)
    policy::Evaluate(question, action.text(), *question.policy, {}, verdicts.resource, steps);
  verdicts.identity.allowed = caller.is_root() && caller.policies == nullptr;
  if (caller.policies == nullptr) return verdicts;
  const ports::PrincipalPolicies& own = *caller.policies;
  verdicts.identity.allowed = own.identity_allows_all;
  AskAll(question, action.text(), own.identity, verdicts.identity, steps);
  if (own.boundary) {
    verdicts.limited_by_boundary = true;
    if (own.boundary->policy)
      policy::Evaluate(question, action.text(), *own.boundary->policy, own.boundary->name, verdicts.boundary, steps);
  }
  if (own.session) {
    verdicts.limited_by_session = true;
    AskAll(question, action.text(), *own.session, verdicts.session, steps);
  }
  return verdicts;
}

void Explain(const ports::Question& question, const Verdicts& verdicts, ports::Explanation& explanation) {
  const auto says = [](const Verdict& verdict) { return verdict.allowed && !verdict.denied; };
  explanation.identity_allows = says(verdicts.identity);
  if (verdicts.limited_by_boundary) explanation.boundary_allows = says(verdicts.boundary);
  if (verdicts.limited_by_session) explanation.session_allows = says(verdicts.session);
  if (question.policy != nullptr) explanation.resource_allows = says(verdicts.resource);
}

PolicyKind KindOf(const ports::Question& question) {
  if (question.policy == nullptr || typeid(*question.policy) != typeid(policy::CompiledPolicy))
    return PolicyKind::kResource;
  return static_cast<const policy::CompiledPolicy*>(question.policy)->kind();
}

ports::Decision Allow(PolicyKind by) { return {.allowed = true, .decided_by = by}; }

/// Identity policies as far as boundary and session policies go: what keeps them from allowing, if anything.
std::optional<PolicyKind> Obstacle(const Verdicts& verdicts) {
  if (!verdicts.identity.allowed) return PolicyKind::kIdentity;
  if (!verdicts.boundary_allows()) return PolicyKind::kBoundary;
  if (!verdicts.session_allows()) return PolicyKind::kSession;
  return std::nullopt;
}

/// Services and bearers of a provider's token have no policies of their own.
ports::Decision DecideForOutsider(const ports::Question& question, const Verdicts& verdicts) {
  const PolicyKind kind = KindOf(question);
  if (verdicts.resource.allowed) return Allow(kind);
  return policy::Refuse(question, {.kind = kind});
}

ports::Decision DecideForStranger(const ports::Question& question, const Verdicts& verdicts) {
  const PolicyKind kind = KindOf(question);
  if (!verdicts.resource.allowed) return policy::Refuse(question, {.kind = kind, .foreign = true});
  if (const auto obstacle = Obstacle(verdicts)) return policy::Refuse(question, {.kind = *obstacle, .foreign = true});
  return Allow(PolicyKind::kIdentity);
}

ports::Decision DecideAtHome(const ports::Question& question, const Verdicts& verdicts) {
  const PolicyKind kind = KindOf(question);
  const Verdict& resource = verdicts.resource;
  const auto obstacle = Obstacle(verdicts);
  if (question.policy == nullptr) {
    if (obstacle) return policy::Refuse(question, {.kind = *obstacle});
    return Allow(PolicyKind::kIdentity);
  }
  // A user or a session that is named itself needs nothing else and is limited by nothing else.
  if (resource.Has(NamedAs::kItself)) return Allow(kind);
  const bool root_of_trust = kind != PolicyKind::kResource;
  const bool named = resource.Has(NamedAs::kBehind) || resource.Has(NamedAs::kAnyone);
  if (named) {
    if (verdicts.boundary_allows() && verdicts.session_allows()) return Allow(kind);
    return policy::Refuse(question,
                          {.kind = verdicts.boundary_allows() ? PolicyKind::kSession : PolicyKind::kBoundary});
  }
  if (root_of_trust && !resource.allowed) return policy::Refuse(question, {.kind = kind});
  if (obstacle) return policy::Refuse(question, {.kind = *obstacle});
  return Allow(PolicyKind::kIdentity);
}

}  // namespace

ports::Decision PolicyEngine::Decide(const ports::Question& question) const {
  policy::Steps steps;
  return Decide(question, steps);
}

ports::Decision PolicyEngine::Decide(const ports::Question& question, policy::Steps& steps) const {
  const ports::Caller& caller = question.caller;
  const bool outsider =
      caller.kind == ports::PrincipalKind::kService || caller.kind == ports::PrincipalKind::kWebIdentity;
  const std::string_view owner = question.resource_account.empty() ? caller.account : question.resource_account;
  const bool foreign = !outsider && owner != caller.account;
  if (!outsider && caller.account.empty()) return policy::Refuse(question, {.kind = PolicyKind::kIdentity});

  // Nothing else, not even a key's policy that names the caller, makes up for a denial that nobody can read.
  if (caller.policies != nullptr && caller.policies->unreadable)
    return policy::Refuse(question, {.kind = PolicyKind::kIdentity, .explicit_deny = true, .foreign = foreign});

  const Verdicts verdicts = Ask(question, steps);
  if (question.explain != nullptr) Explain(question, verdicts, *question.explain);
  const auto deny = [&](PolicyKind kind) {
    return policy::Refuse(question, {.kind = kind, .explicit_deny = true, .foreign = foreign});
  };
  // What a statement that denies would have said is not known, so nothing else may allow it either.
  if (steps.exhausted()) {
    const PolicyKind kind = question.policy != nullptr ? KindOf(question) : PolicyKind::kIdentity;
    return policy::Refuse(question, {.kind = kind, .explicit_deny = true, .unknown = true, .foreign = foreign});
  }
  if (verdicts.resource.denied) return deny(KindOf(question));
  if (verdicts.identity.denied) return deny(PolicyKind::kIdentity);
  if (verdicts.boundary.denied) return deny(PolicyKind::kBoundary);
  if (verdicts.session.denied) return deny(PolicyKind::kSession);
  if (outsider) return DecideForOutsider(question, verdicts);
  return foreign ? DecideForStranger(question, verdicts) : DecideAtHome(question, verdicts);
}

Result<std::shared_ptr<const ports::Policy>> PolicyEngine::DoCompile(PolicyKind kind, std::string_view text,
                                                                     const ports::PrincipalIds& ids) const {
  SR_TRY(auto compiled, policy::ReadPolicy(kind, text, ids));
  return std::shared_ptr<const ports::Policy>(std::move(compiled));
}

}  // namespace strongroom::aws
