#pragma once

#include "ports/authorizer.h"

namespace strongroom::aws::policy {

/// Why a question is refused: the kind of policy that denies or that, first of all, does not allow.
struct Refusal {
  ports::PolicyKind kind = ports::PolicyKind::kIdentity;
  bool explicit_deny = false;
  bool unknown = false;  // evaluating took too many steps, so that a statement may deny it
  bool foreign = false;  // the resource is another account's, of which nothing is told
};

/// The decision with the whole text for the caller.
/// Source: IAM User Guide, "Troubleshoot access denied error messages"; spec/kms.md 6.8.
ports::Decision Refuse(const ports::Question& question, const Refusal& refusal);

}  // namespace strongroom::aws::policy
