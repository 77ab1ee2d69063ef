#pragma once

#include <memory>

#include "aws/dispatch/service.h"
#include "iam/sessions/tokens.h"
#include "iam/web_identity/verifier.h"
#include "ports/authorizer.h"
#include "ports/sealer.h"
#include "store/database.h"

namespace strongroom::iam {

/// The STS service: what its operations work with.
/// Threads   any of the loops.
/// Lifetime  what Parts refers to outlives it; the authorizer outlives the database, too, since jobs there ask it.
class Sts {
 public:
  struct Parts {
    store::Database& database;
    const ports::Authorizer& authorizer;
    ports::Sealer& sealer;  // of MFA seeds
    SessionTokens& tokens;
    WebIdentityVerifier& web_identity;
  };
  explicit Sts(Parts parts) : parts_(parts) {}

  store::Database& database() noexcept { return parts_.database; }
  const ports::Authorizer& authorizer() const noexcept { return parts_.authorizer; }
  ports::Sealer& sealer() noexcept { return parts_.sealer; }
  SessionTokens& tokens() noexcept { return parts_.tokens; }
  WebIdentityVerifier& web_identity() noexcept { return parts_.web_identity; }

  /// The row for the dispatcher. Lifetime: `this` outlives the dispatcher.
  aws::Service Service() noexcept;

 private:
  Parts parts_;
};

}  // namespace strongroom::iam
