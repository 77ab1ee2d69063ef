#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "ports/sealer.h"
#include "ports/signing_keys.h"
#include "session.pb.h"
#include "store/database.h"

namespace strongroom::iam {

/// Most bytes of the claims of a session: what limits packed policies and tags.
inline constexpr std::size_t kMaxSessionClaimBytes = 4096;

/// Session tokens (docs/formats.md 17): sealed by the domain cluster and self-contained, so that any front end takes
/// them and no row of the store is needed.
///
/// Promise   a token that was not made here, or was changed, is told without asking an HSM.
/// Errors    kUnavailable the domain cluster or the store is away; those named below.
/// Threads   any loop. Judge: any thread, and does not block.
class SessionTokens {
 public:
  SessionTokens(store::Database& database, ports::Sealer& sealer, ports::SigningSecrets& secrets)
      : database_(database), sealer_(sealer), secrets_(secrets) {}

  /// Reads the key by which tokens are told, which all front ends share, or makes it. Before it no token is known.
  Task<Status> Start();

  struct Minted {
    std::string access_key_id, token;
    SecretBuffer secret;
    ports::WallTime expires_at;  // whole seconds
  };
  /// Errors: kLimitExceeded the claims are too large.
  Task<Result<Minted>> Mint(proto::SessionClaims claims, ports::WallTime expires_at);

  ports::SigningKeySource::Token Judge(std::string_view access_key_id, std::string_view token,
                                       ports::WallTime now) const;

  struct Opened {
    proto::SessionClaims claims;
    ports::WallTime expires_at;
    SecretBuffer signing_key;
  };
  /// Errors: kUnrecognizedClient, kExpiredToken.
  Task<Result<Opened>> Open(ports::WantedKey wanted);

 private:
  struct Parts;
  std::optional<Parts> TakeApart(std::string_view access_key_id, std::string_view token) const;
  Bytes Guard(ByteView head, ByteView sealed) const;

  store::Database& database_;
  ports::Sealer& sealer_;
  ports::SigningSecrets& secrets_;
  std::shared_ptr<const SecretBuffer> guard_key_;  // set once, before requests
};

}  // namespace strongroom::iam
