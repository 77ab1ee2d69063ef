#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "base/result.h"
#include "ports/authorizer.h"

namespace strongroom::kms {

/// Compiled policies of the keys in memory. Most keys have the policy that they were made with, so keys whose text and
/// principals are the same share what they were compiled to: it takes no memory and no time of theirs.
///
/// Promise   a policy is here as long as a key has it.
/// Threads   any.
class KeyPolicies {
 public:
  explicit KeyPolicies(const ports::Authorizer& authorizer) : authorizer_(authorizer) {}

  /// `principals` as KeyRow::policy_principals has them. Errors: kMalformedPolicy, kCorrupted.
  Result<std::shared_ptr<const ports::Policy>> Compile(const std::string& policy, const std::string& principals);
  /// How many there are, those included that no key has any more and that have not been cleared away yet.
  std::size_t size() const;

 private:
  const ports::Authorizer& authorizer_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, std::weak_ptr<const ports::Policy>> compiled_;  // by principals, NUL, policy
  std::size_t clear_at_ = 64;
};

}  // namespace strongroom::kms
