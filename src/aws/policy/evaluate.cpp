#include "aws/policy/evaluate.h"

#include <algorithm>
#include <typeinfo>

#include "aws/http/text.h"

namespace strongroom::aws::policy {
namespace {

constexpr std::size_t kStepsOfStatement = 16;

bool MatchesAction(const Statement& statement, std::string_view lower_action, Steps& steps) {
  return std::ranges::any_of(statement.actions, [&](const Glob& one) { return one.Match(lower_action, steps); }) !=
         statement.not_action;
}

bool MatchesResource(const Statement& statement, const ports::Question& question, ports::PolicyKind kind,
                     Steps& steps) {
  if (statement.resources.empty()) return true;  // a trust policy's
  const auto matches = [&](const ResourcePattern& one) { return one.Match(question, kind, steps); };
  return std::ranges::any_of(statement.resources, matches) != statement.not_resource;
}

/// How the statement names the caller; an identity policy's does without saying so.
NamedAs HowNamed(const Statement& statement, const ports::Caller& caller) {
  if (!statement.principals) return NamedAs::kItself;
  if (statement.not_principal) return statement.principals->LeavesOut(caller) ? NamedAs::kNot : NamedAs::kAnyone;
  return statement.principals->Match(caller);
}

/// "*" with a condition on aws:PrincipalArn lets in those principals themselves, a role's sessions included (IAM User
/// Guide, "AWS JSON policy elements: Principal", "IAM role principals").
bool NamesByCondition(const Statement& statement) {
  return statement.principals && !statement.not_principal && statement.principals->anyone() &&
         std::ranges::any_of(statement.conditions, &Condition::NamesCaller);
}

void NoteMissing(const ports::Question& question, ports::PolicyKind kind, const Statement& statement, Steps& steps) {
  for (const Condition& condition : statement.conditions) {
    auto& missing = question.explain->missing_keys;
    if (!steps.Take(kStepsOfLook + missing.size())) return;
    Found found;
    Look(question, kind, condition.key(), found);
    const auto same = [&](const std::string& one) { return EqualsIgnoringCase(one, condition.key().name); };
    if (!found.present() && std::ranges::none_of(missing, same)) missing.push_back(condition.key().name);
  }
}

}  // namespace

LowerAction::LowerAction(std::string_view action) {
  char* out = small_.data();
  if (action.size() > small_.size()) {
    large_.resize(action.size());
    out = large_.data();
  }
  std::ranges::transform(action, out, LowerAscii);
  text_ = {out, action.size()};
}

void Evaluate(const ports::Question& question, std::string_view lower_action, const ports::Policy& policy,
              std::string_view name, Verdict& verdict, Steps& steps) {
  if (typeid(policy) != typeid(CompiledPolicy)) {  // nobody else's policy can be read, so it allows nothing
    verdict.denied = true;
    return;
  }
  const auto& compiled = static_cast<const CompiledPolicy&>(policy);
  const ports::PolicyKind kind = compiled.kind();
  for (std::size_t i = 0; i < compiled.statements().size(); ++i) {
    const Statement& statement = compiled.statements()[i];
    if (!steps.Take(kStepsOfStatement + statement.actions.size() + statement.resources.size())) return;
    if (statement.idle || !MatchesAction(statement, lower_action, steps)) continue;
    const NamedAs how = HowNamed(statement, question.caller);
    if (how == NamedAs::kNot || !MatchesResource(statement, question, kind, steps)) continue;
    if (question.explain != nullptr) NoteMissing(question, kind, statement, steps);
    const auto holds = [&](const Condition& one) { return one.Holds(question, kind, statement.allow, steps); };
    if (!std::ranges::all_of(statement.conditions, holds)) continue;
    if (steps.exhausted()) return;
    if (question.explain != nullptr)
      question.explain->matches.push_back(
          {kind, std::string(name), i, statement.allow, statement.place.start, statement.place.end});
    if (statement.allow) {
      verdict.allowed = true;
      verdict.Add(NamesByCondition(statement) ? NamedAs::kItself : how);
    } else {
      verdict.denied = true;
      if (question.explain == nullptr) return;
    }
  }
}

}  // namespace strongroom::aws::policy
