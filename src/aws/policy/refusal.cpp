#include "aws/policy/refusal.h"

#include <fmt/format.h>

namespace strongroom::aws::policy {
namespace {

struct Words {
  std::string_view kind;    // "no … allows"
  std::string_view within;  // "with an explicit deny in …"
};

Words WordsFor(ports::PolicyKind kind) {
  switch (kind) {
    case ports::PolicyKind::kIdentity: return {"identity-based policy", "an identity-based policy"};
    case ports::PolicyKind::kBoundary: return {"permissions boundary", "a permissions boundary"};
    case ports::PolicyKind::kSession: return {"session policy", "a session policy"};
    case ports::PolicyKind::kTrust: return {"role trust policy", "the role trust policy"};
    case ports::PolicyKind::kKey:
    case ports::PolicyKind::kResource: break;
  }
  return {"resource-based policy", "a resource-based policy"};
}

std::string Text(const ports::Question& question, const Refusal& refusal) {
  std::string text = fmt::format("User: {} is not authorized to perform: {} on ", question.caller.arn, question.action);
  if (refusal.foreign && question.action.starts_with("kms:")) {
    return text +
           "this resource because the resource does not exist in this Region, no resource-based policies allow access, "
           "or a resource-based policy explicitly denies access";
  }
  text += fmt::format("resource: {}", question.resource);
  if (refusal.foreign) return text;
  if (refusal.unknown) return text + " because its policies take too long to evaluate";
  const Words words = WordsFor(refusal.kind);
  if (refusal.explicit_deny) return text + fmt::format(" with an explicit deny in {}", words.within);
  return text + fmt::format(" because no {} allows the {} action", words.kind, question.action);
}

}  // namespace

ports::Decision Refuse(const ports::Question& question, const Refusal& refusal) {
  return {.allowed = false,
          .message = Text(question, refusal),
          .explicit_deny = refusal.explicit_deny,
          .decided_by = refusal.kind};
}

}  // namespace strongroom::aws::policy
