#pragma once

#include <string>

#include "aws/dispatch/service.h"
#include "iam/access_keys.h"

namespace strongroom::iam {

/// How the operator makes accounts: the part of the deployment's own API (JSON 1.1, target prefix "Strongroom", signing
/// name "strongroom") that `strongroom account` calls.
///
/// Promise   only the root of the deployment's first account, with its permanent key, makes accounts; it has no rights
/// in
///           them.
/// Threads   any of the request loops.
/// Lifetime  `keys` outlives it.
class Accounts {
 public:
  Accounts(AccessKeys& keys, std::string operator_account)
      : keys_(keys), operator_account_(std::move(operator_account)) {}

  AccessKeys& keys() noexcept { return keys_; }
  /// Errors: kAccessDenied.
  Status Authorize(const aws::Call& call) const;

 private:
  AccessKeys& keys_;
  const std::string operator_account_;
};

/// The service's table for the dispatcher; `accounts` outlives it.
aws::Service Describe(Accounts& accounts);

}  // namespace strongroom::iam
