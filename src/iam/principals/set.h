#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "iam/names.h"
#include "ports/authorizer.h"
#include "store/database.h"

namespace strongroom::iam {

/// A user or a role with what decides about its requests, as of one moment.
struct Principal {
  Kind kind = Kind::kUser;
  std::string account, id, name, arn;
  std::shared_ptr<const std::vector<ports::Tag>> tags;       // null: none
  std::shared_ptr<const ports::PrincipalPolicies> policies;  // never null
};

/// All users and roles of the deployment and their policies, compiled. Immutable.
class PrincipalSet {
 public:
  /// By unique id (AIDA…, AROA…); null when there is none such.
  std::shared_ptr<const Principal> Find(std::string_view id) const;
  /// A managed policy, by its ARN; null when there is none such.
  std::shared_ptr<const ports::Policy> Managed(std::string_view arn) const;

  /// Reads everything; what `before` has compiled of the same text is used again. Errors: the store's.
  static Result<std::shared_ptr<const PrincipalSet>> Read(store::Transaction& t, const ports::Authorizer& authorizer,
                                                          const PrincipalSet* before);

 private:
  struct Reader;
  using Compiled = std::map<std::string, std::shared_ptr<const ports::Policy>, std::less<>>;
  std::map<std::string, std::shared_ptr<const Principal>, std::less<>> principals_;
  Compiled managed_;                             // by ARN
  std::map<ports::PolicyKind, Compiled> texts_;  // by text; null: it does not compile
};

}  // namespace strongroom::iam
