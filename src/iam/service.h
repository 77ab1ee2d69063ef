#pragma once

#include <boost/asio/thread_pool.hpp>
#include <cstdint>

#include "aws/dispatch/service.h"
#include "ports/authorizer.h"
#include "ports/sealer.h"
#include "store/database.h"

namespace strongroom::iam {

class AccessKeys;

/// The change feed's kind for users, groups, roles and policies: who may do what has changed. The id is the entity's or
/// the policy's, and empty where that is not one thing.
inline constexpr std::string_view kPrincipalChange = "iam";

/// Quotas. Source: IAM User Guide, "IAM and AWS STS quotas".
struct Limits {
  std::int64_t users = 5000, groups = 300, roles = 1000, policies = 1500;  // of an account
  std::int64_t oidc_providers = 100;
  std::int64_t attached = 10;  // managed policies of an entity
  std::int64_t groups_per_user = 10;
  std::int64_t policy_versions = 5;
  std::int64_t tags = 50;
  std::int64_t mfa_devices_per_user = 8;
  std::int64_t policy_characters = 6144;                                                    // without white space
  std::int64_t inline_user = 2048, inline_group = 5120, inline_role = 10240, trust = 2048;  // likewise, in sum
};

/// The IAM service: what its operations work with.
/// Threads   any of the loops.
/// Lifetime  what Parts refers to outlives it; the authorizer outlives the database, too, since jobs there ask it.
class Iam {
 public:
  struct Parts {
    store::Database& database;
    const ports::Authorizer& authorizer;
    ports::Sealer& sealer;
    AccessKeys& access_keys;
    Limits limits{};
  };
  explicit Iam(Parts parts) : parts_(parts) {}

  store::Database& database() noexcept { return parts_.database; }
  const ports::Authorizer& authorizer() const noexcept { return parts_.authorizer; }
  ports::Sealer& sealer() noexcept { return parts_.sealer; }
  AccessKeys& access_keys() noexcept { return parts_.access_keys; }
  const Limits& limits() const noexcept { return parts_.limits; }
  /// Where password hashes are computed: one after another, since each takes 64 MiB.
  boost::asio::thread_pool& hashing() noexcept { return hashing_; }

 private:
  Parts parts_;
  boost::asio::thread_pool hashing_{1};
};

/// The service's table for the dispatcher; `service` outlives it.
aws::Service Describe(Iam& service);

}  // namespace strongroom::iam
