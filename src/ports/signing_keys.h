#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "base/task.h"
#include "crypto/sigv4_key.h"
#include "ports/credentials.h"
#include "secret/secret_buffer.h"

namespace strongroom::ports {

/// A signing key that is not at hand, as a request names it.
struct WantedKey {
  std::string access_key_id;
  std::string session_token;  // empty for a permanent key
  std::string date, region, service;
};

/// Signing keys of credentials whose secret is not in this process (Credential::secret is empty).
/// Threads   Find and Judge: any number of calls at once, and they do not block. Fetch: any loop.
class SigningKeySource {
 public:
  virtual ~SigningKeySource() = default;

  /// The credential's key for that scope; null when it has to be fetched.
  virtual std::shared_ptr<const SecretBuffer> Find(const Credential& credential,
                                                   const crypto::SigningScope& scope) const = 0;

  enum class Token : std::uint8_t { kForeign, kExpired, kWorthOpening };
  /// What a session token that belongs to no credential in memory is worth, by what can be told of it here: a token
  /// that nobody in this deployment has made costs nothing but this look.
  virtual Token Judge(std::string_view access_key_id, std::string_view session_token, WallTime now) const = 0;

  /// Gets the key, and the credential of a session token with it: afterwards both are found in memory.
  /// Errors: kUnrecognizedClient no such key, or a token that does not open; kExpiredToken; kUnavailable the HSMs are
  /// away.
  virtual Task<Status> Fetch(WantedKey wanted) = 0;
};

/// Makes secret access keys and derives signing keys of them, both inside an HSM (docs/formats.md 17).
///
/// Promise   a secret leaves the HSM once, when it is made. What was sealed under some terms is used under the same
/// only. Errors    kUnavailable      the domain cluster is not reachable (yet)
///           kBadCiphertext    sealed under other terms, or damaged
///           kExpiredToken     the terms are over
///           kInvalidArgument  sizes; a day that is not near today
/// Threads   any loop.
class SigningSecrets {
 public:
  virtual ~SigningSecrets() = default;

  struct Terms {
    std::string binding;              // whose it is: 1 to 1024 bytes
    std::int64_t expires_millis = 0;  // 0: never
  };
  struct Made {
    SecretBuffer secret;  // 40 characters
    Bytes sealed;
  };
  /// `claims` (at most 16,384 bytes) are sealed with the secret.
  virtual Task<Result<Made>> Make(Terms terms, Bytes claims) = 0;

  struct Derived {
    SecretBuffer signing_key;  // 32 bytes
    Bytes claims;
  };
  virtual Task<Result<Derived>> Derive(Terms terms, Bytes sealed, std::string date, std::string region,
                                       std::string service) = 0;
};

}  // namespace strongroom::ports
