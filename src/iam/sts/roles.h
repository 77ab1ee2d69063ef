#pragma once

#include <memory>
#include <optional>
#include <string>

#include "iam/data/entity.h"
#include "iam/sts/request.h"

namespace strongroom::iam {

/// A role that somebody wants to assume, with its trust policy.
struct AskedRole {
  std::string arn;                             // as asked for
  std::string account;                         // of the ARN
  std::optional<Entity> found;                 // none: there is no such role
  std::shared_ptr<const ports::Policy> trust;  // of a role that is not there: one that trusts nobody
};
/// Notes the role's tags in the call, for conditions on aws:ResourceTag and iam:ResourceTag. Errors: kInvalidArgument
/// for what is no role's ARN; the store's.
Task<Result<AskedRole>> FindRole(Sts& sts, aws::Call& call, std::string arn);

/// Whether the caller may do `action` to the role by its own policies and by the role's trust policy. A role that is
/// not there is refused in the same words. Errors: kAccessDenied.
Status AuthorizeOnRole(const Sts& sts, const aws::Call& call, const ports::Caller& caller, std::string_view action,
                       const AskedRole& role);

/// Makes credentials of the role and answers Credentials, AssumedRoleUser, PackedPolicySize and SourceIdentity.
/// `claims` has everything but whose they are. Errors: SessionTokens'.
Task<Result<aws::Reply>> AnswerForRole(Sts& sts, aws::Call& call, const AskedRole& role, SessionRequest request,
                                       proto::SessionClaims claims, std::chrono::seconds duration);

}  // namespace strongroom::iam
