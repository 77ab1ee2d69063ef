#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/task.h"
#include "iam/web_identity/jwt.h"
#include "ports/clock.h"
#include "xks_client/network.h"

namespace strongroom::iam {

/// An issuer's name as it is compared and kept: "https://issuer.example/" and "https://issuer.example" are one.
std::string_view WithoutSlashes(std::string_view issuer) noexcept;

/// A provider of identities as an account has registered it.
struct TrustedIssuer {
  std::string url;  // without scheme: "oidc.example.com/id/1"
  std::vector<std::string> client_ids;
};

/// Tokens of OpenID Connect providers, verified under the keys that they publish.
///
/// Promise   nobody is asked but the issuer named and the host that its discovery document names for its keys, over
///           HTTPS with a certificate for its name, on port 443 where the network's options do not say another, at an
///           address that its rules allow; keys are kept for `keep`, asked for again when a token names one that is not
///           known, at most every `pause`, and used for `stale` while the provider is away.
/// Errors    kBadSignature (InvalidIdentityToken), kExpiredImportToken (ExpiredTokenException), kTimeout
///           (IDPCommunicationError)
/// Threads   any loop.
/// Source    OpenID Connect Core 1.0, section 3.1.3.7; OpenID Connect Discovery 1.0; RFC 7517.
class WebIdentityVerifier {
 public:
  struct Options {
    std::chrono::seconds keep{600}, pause{10}, stale{86'400};
  };
  explicit WebIdentityVerifier(std::shared_ptr<const xks::Network> network)
      : WebIdentityVerifier(std::move(network), Options()) {}
  WebIdentityVerifier(std::shared_ptr<const xks::Network> network, Options options);
  ~WebIdentityVerifier();

  /// Checks signature, audience and times of a token of this issuer. The audience that the token is for here.
  Task<Result<std::string>> Verify(const Jwt& token, const TrustedIssuer& issuer, ports::WallTime now);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace strongroom::iam
