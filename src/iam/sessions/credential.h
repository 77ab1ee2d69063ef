#pragma once

#include <memory>
#include <string_view>

#include "iam/principals/set.h"
#include "iam/sessions/tokens.h"
#include "ports/credentials.h"

namespace strongroom::iam {

/// Who calls with a permanent key of this principal (an id as PrincipalSet has it, or the account for its root). Null
/// when there is no such user.
std::shared_ptr<ports::Credential> PermanentCredential(const PrincipalSet& principals, std::string_view account,
                                                       std::string_view principal_id, std::string_view access_key_id);

/// Who calls with temporary credentials, as things stand in `principals`: inactive once the user or role is gone. What
/// belongs to the token itself (its text, version and expiry) is the caller's to fill in.
std::shared_ptr<ports::Credential> SessionCredential(const PrincipalSet& principals, const proto::SessionClaims& claims,
                                                     std::string_view access_key_id,
                                                     const std::vector<ports::NamedPolicy>& inline_policies);

}  // namespace strongroom::iam
