#pragma once

#include <set>
#include <string>
#include <vector>

#include "iam/data/entity.h"

namespace strongroom::iam {

/// A policy's text with what a simulation calls it.
struct SimulatedPolicy {
  std::string id;    // "PolicyInputList.1", an inline policy's name or a managed policy's ARN
  std::string type;  // "user", "group", "role", "aws-managed", "user-managed", "resource" or "none"
  std::string document;
};

/// The user, group or role that PolicySourceArn names, once the caller may do this operation to it, and its policies:
/// of a user those of its groups, too.
struct PolicySource {
  Entity entity;
  std::vector<SimulatedPolicy> policies;
  std::optional<SimulatedPolicy> boundary;
};
Result<PolicySource> NeedPolicySource(Work& work);
/// The texts of a list of the request. Errors: kTag (InvalidInput) for one that is no policy.
Result<std::vector<SimulatedPolicy>> PoliciesOfRequest(const Work& work, std::string_view member,
                                                       ports::PolicyKind kind);

/// Decides every action on every resource of the request with these policies, by the engine that decides about
/// requests. Errors: kTag (InvalidInput).
Result<aws::Reply> Simulate(Work& work, std::optional<PolicySource> source);

/// Condition keys and variables that a policy asks for, with those of `to`.
void AddContextKeys(const std::string& document, std::set<std::string>& to);
aws::Reply ShowContextKeys(const std::vector<SimulatedPolicy>& policies);

}  // namespace strongroom::iam
