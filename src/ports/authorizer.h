#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ports/credentials.h"

namespace strongroom::ports {

/// Condition keys of a request ("kms:EncryptionContext:Dept", "aws:SourceIp") and their values.
using ConditionContext = std::map<std::string, std::vector<std::string>, std::less<>>;

/// A resource policy made ready for evaluation, once per change of its text. Immutable; only its Authorizer looks
/// inside.
class ResourcePolicy {
 public:
  virtual ~ResourcePolicy() = default;
};

/// May `caller` do `action` to `resource`? Every view must outlive the call only.
struct Question {
  const Caller& caller;
  std::string_view action;                    // "kms:Encrypt"
  std::string_view resource = "*";            // the ARN, or "*" for actions without a resource
  std::string_view resource_account;          // owner of the resource; the caller's account when there is none
  const ResourcePolicy* policy = nullptr;     // the resource's policy; null for actions that no policy governs
  const ConditionContext* context = nullptr;  // null: no condition keys but those of the caller
};

struct Decision {
  bool allowed = false;
  /// When refused: the whole text for the caller, in AWS's words ("User: … is not authorized to perform: …").
  std::string message;
  /// When refused: a statement denies it, so that nothing else (a grant) can allow it.
  bool explicit_deny = false;

  /// Errors: kAccessDenied with `message` when refused.
  Status ToStatus() const {
    if (allowed) return {};
    return Error(Errc::kAccessDenied, message);
  }
};

/// The policy engine behind an interface: a pure function from question to decision.
/// Threads   any number of calls at once; does not block.
/// Source    IAM User Guide, "Policy evaluation logic"; KMS Developer Guide, "Key policies".
class Authorizer {
 public:
  virtual ~Authorizer() = default;

  /// Parses and checks a resource policy. `owner_account` and `resource_arn` are the resource's own.
  /// Errors: kMalformedPolicy, naming statement and element.
  virtual Result<std::shared_ptr<const ResourcePolicy>> Compile(std::string_view policy_text,
                                                                std::string_view owner_account,
                                                                std::string_view resource_arn) const = 0;
  virtual Decision Decide(const Question& question) const = 0;

  /// Decide as a Status: kAccessDenied with the text for the caller.
  Status Authorize(const Question& question) const { return Decide(question).ToStatus(); }
};

}  // namespace strongroom::ports
