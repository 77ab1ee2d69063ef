#pragma once

#include "aws/policy/glob.h"
#include "ports/authorizer.h"

namespace strongroom::aws {

/// The IAM policy language and the way in which policies of all kinds decide together.
///
/// Promise   a statement that denies always wins. Without a key's or a role's own policy letting a principal or its
///           account in, identity policies do not count; a boundary and session policies limit what identity policies,
///           and statements that name a role, allow, but not statements that name a user or a session itself. Another
///           account's principal needs its own policies and the resource's. Nothing is allowed without a statement, but
///           to an account's root within its account, nor by policies that take more than policy::Steps to evaluate.
/// Threads   any number at once. Compiling allocates; deciding does not in the usual case.
/// Source    IAM User Guide, "Policy evaluation logic"; KMS Developer Guide, "Key policies"; spec/kms.md 6.8.
class PolicyEngine final : public ports::Authorizer {
 public:
  ports::Decision Decide(const ports::Question& question) const override;
  /// The same with steps that several decisions share. Once they are used up, every decision is a refusal.
  ports::Decision Decide(const ports::Question& question, policy::Steps& steps) const;

 private:
  Result<std::shared_ptr<const ports::Policy>> DoCompile(ports::PolicyKind kind, std::string_view text,
                                                         const ports::PrincipalIds& ids) const override;
};

}  // namespace strongroom::aws
