#pragma once

#include <span>
#include <string>
#include <string_view>

#include "iam/data/entity.h"
#include "iam/work.h"
#include "ports/principal_directory.h"
#include "store/database.h"

namespace strongroom::iam {

/// ports::PrincipalDirectory over IAM's tables.
class PrincipalDirectory final : public ports::PrincipalDirectory {
 public:
  explicit PrincipalDirectory(store::Database& database) : database_(database) {}
  Task<Result<ports::PrincipalIds>> Resolve(std::vector<std::string> arns) override;

 private:
  store::Database& database_;
};

/// The same in a transaction.
Result<ports::PrincipalIds> ResolvePrincipals(store::Transaction& t, std::span<const std::string> arns);

/// Whom a role's new trust policy names, as it is kept (ports::TextOf).
/// Errors: kMalformedPolicy in IAM's words for somebody who does not exist; the store's.
Result<std::string> TrustedBy(Work& work, std::string_view trust_policy);

/// A role's trust policy as its readers see it (aws/policy/shown.h). Errors: kCorrupted; the store's.
Result<std::string> ShownTrustPolicy(store::Transaction& t, const Entity& role);

}  // namespace strongroom::iam
