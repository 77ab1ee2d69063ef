#pragma once

#include <string>

#include "channel/tls_context.h"

namespace strongroom::channel::testing {

/// A certificate and key of our own making, on P-256 so that tests are quick.
Identity MakeSelfSignedIdentity(const std::string& common_name, bool ca = false);
Identity MakeIssuedIdentity(const std::string& common_name, const Identity& issuer);
/// As `openssl x509 -req -CA ...` makes them: version 1 without extensions. `days` below 0 has expired.
Identity MakeVersion1Identity(const std::string& common_name, const Identity& issuer, int days = 30);
/// A self-signed one that ended yesterday.
Identity MakeExpiredSelfSigned(const std::string& common_name);

/// All that a deployment with one customer cluster has.
struct TestPki {
  Identity host = MakeSelfSignedIdentity("host");
  Identity default_client = MakeSelfSignedIdentity("default client");
  Identity owner = MakeSelfSignedIdentity("customer CA", true);
  Identity hsm = MakeVersion1Identity("HSM:1:PARTN:1, for FIPS mode", owner);

  TlsContext OuterServerContext() const;
  TlsContext OuterClientContext() const;  // as the default client
  TlsContext InnerServerContext(CertificateCheck check = nullptr) const;
  TlsContext InnerClientContext(std::optional<Identity> identity = std::nullopt) const;
};

[[noreturn]] void LogTestFailure(const Error& error);
/// The value of a Result in test set-up; ends the process with the error's text when there is none.
template <typename T>
T Must(Result<T> result) {
  if (!result.ok()) LogTestFailure(result.error());
  return std::move(result).value();
}

}  // namespace strongroom::channel::testing
