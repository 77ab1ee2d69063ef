#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "aws/dispatch/operation.h"
#include "iam/sts_service.h"

namespace strongroom::iam {

/// Room for session policies, their ARNs and session tags together: what PackedPolicySize is a part of.
inline constexpr std::size_t kPackedBytes = 3072;

/// How long credentials last. Source: STS API Reference, DurationSeconds of each action.
inline constexpr std::chrono::seconds kUsualRoleSession{3600}, kMostChainedSession{3600};
inline constexpr std::chrono::seconds kMostRootSession{3600}, kMostUserSession{129'600}, kUsualUserSession{43'200};

/// What a call asks to have in its session.
struct SessionRequest {
  std::vector<std::string> policies, policy_arns;
  std::vector<ports::Tag> tags;
  std::vector<std::string> transitive;
  std::int64_t packed_percent = 0;  // 0: nothing was passed

  /// Policies, tags and transitive keys into the claims of a token.
  void PutInto(proto::SessionClaims& claims) const;
};
/// Reads Policy, PolicyArns, Tags and TransitiveTagKeys. What a session hands on (`parent`, may be null) is added.
/// Errors: kMalformedPolicy, kLimitExceeded (PackedPolicyTooLarge), kInvalidArgument.
Result<SessionRequest> ReadSessionRequest(const Sts& sts, const aws::Call& call, const ports::Session* parent);
/// Adds session tags that come another way than by the request's Tags. Errors: as above.
Status AddTags(SessionRequest& request, const std::vector<ports::Tag>& tags,
               const std::vector<std::string>& transitive);
/// Whether the account has the managed policies. Errors: kInvalidArgument, naming one it has not; the store's.
Task<Status> CheckPolicyArns(Sts& sts, std::string account, std::vector<std::string> arns);

/// The condition keys of a request for a session: aws:RequestTag/…, aws:TagKeys, sts:TransitiveTagKeys,
/// sts:RoleSessionName, sts:SourceIdentity and sts:ExternalId, where they are passed.
void NoteConditions(aws::Call& call, const SessionRequest& request);
void NoteCondition(aws::Call& call, std::string_view key, const std::optional<std::string>& value);

/// DurationSeconds, or `usual`; at most `most`.
Result<std::chrono::seconds> DurationOf(const aws::Call& call, std::chrono::seconds usual, std::chrono::seconds most,
                                        std::string_view too_long);

/// DurationSeconds of the sessions that a user or root has made of its own: of a root's, one hour when it asks for
/// more.
Result<std::chrono::seconds> UserDurationOf(const aws::Call& call);

/// The second factor of a request: when it was shown; none when it has none. Errors: kAccessDenied.
Task<Result<std::optional<ports::WallTime>>> MfaOfRequest(Sts& sts, aws::Call& call);

/// The structure "Credentials" into a reply.
void ShowCredentials(SessionTokens::Minted minted, aws::Reply& reply);

inline std::int64_t MillisOf(ports::WallTime time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

}  // namespace strongroom::iam
