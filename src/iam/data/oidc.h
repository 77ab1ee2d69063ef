#pragma once

#include <string>
#include <vector>

#include "iam/work.h"

namespace strongroom::iam {

/// An OpenID Connect provider whose tokens roles can trust.
struct OidcProvider {
  std::string account;
  std::string url;  // without scheme: "oidc.example.com/id/1"
  std::vector<std::string> client_ids, thumbprints;
  std::int64_t created_at = 0;

  std::string Arn() const { return IamArn(account, "oidc-provider", "/", url); }
};

inline constexpr std::size_t kMostClientIds = 100;
inline constexpr std::size_t kMostThumbprints = 5;

Result<std::optional<OidcProvider>> FindOidcProvider(store::Transaction& t, std::string_view account,
                                                     std::string_view url);
Result<std::vector<OidcProvider>> ListOidc(store::Transaction& t, std::string_view account);
/// The one that the request's OpenIDConnectProviderArn names, once the caller may do this operation to it.
/// Errors: kInvalidArn, kAccessDenied, kNotFound.
Result<OidcProvider> NeedOidcProvider(Work& work);
/// Writes the lists of one that is there.
Status SaveOidcLists(Work& work, const OidcProvider& provider);
/// SHA-1 fingerprints in hexadecimal, at most five. Errors: kTag (InvalidInput).
Result<std::vector<std::string>> ThumbprintsOfRequest(const Work& work);

}  // namespace strongroom::iam
