#pragma once

#include <string_view>

#include "kms/grants/principal.h"
#include "kms/service.h"

namespace strongroom::kms {

/// What a caller may do to a key by grants, once its policy has been asked.
struct GrantQuestion {
  KeyPtr key;
  std::string_view action;                     // "kms:Encrypt"
  const EncryptionContext* context = nullptr;  // null: none
  bool allowed_by_policy = false;
  bool explicit_deny = false;
};
/// Whether the operation can be allowed by grants at all, so that its GrantTokens count.
bool IsGrantable(std::string_view action) noexcept;

/// What comes of a GrantQuestion. That a token is bad is for those to learn who are allowed, and after the key's state
/// (spec/kms.md 1.7): all others would learn that there is such a key.
struct GrantAnswer {
  bool allowed = false;    // by a grant or by the policy
  bool bad_token = false;  // one of GrantTokens is nonsense, or its grant is gone
};
/// Reads the GrantTokens of the request: one of this key makes its grant known here at once, one of another key is
/// ignored. Errors: the store's.
Task<Result<GrantAnswer>> AllowedWithGrants(Kms& kms, const aws::Call& call, GrantQuestion question);

/// The caller's own grants on a key, for what they may pass on. Errors: the store's.
Task<Result<std::vector<Grant>>> GrantsOfCaller(Kms& kms, const aws::Call& call, KeyPtr key);

/// A principal that somebody wrote into a grant is the caller; or it is its account, and the caller's identity policies
/// allow the action. Errors: the store's.
Task<Result<bool>> SpeaksFor(Kms& kms, const aws::Call& call, NamedPrincipal principal, KeyPtr key,
                             std::string_view action);

/// The grant as the store has it now; none when there is none of that id.
Task<Result<std::optional<Grant>>> FindGrant(Kms& kms, KeyPtr key, std::string grant_id);
/// Takes it away, for this front end at once. Errors: kNotFound it is gone already; the store's.
Task<Status> RemoveGrant(Kms& kms, Grant grant);
/// kNotFound and kInvalidGrantId with their texts.
Error NoSuchGrant(std::string_view grant_id);
Error InvalidGrantId(std::string_view grant_id);

}  // namespace strongroom::kms
