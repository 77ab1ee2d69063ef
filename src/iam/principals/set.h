#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
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

/// Account and unique id of a user, group, role or managed policy that has changed, as the change feed names it. Others
/// may be among them: they change nothing.
using ChangedIds = std::set<std::pair<std::string, std::string>>;

/// All users and roles of the deployment and their policies, compiled. Immutable.
class PrincipalSet {
 public:
  PrincipalSet();

  /// By unique id (AIDA…, AROA…); null when there is none such.
  std::shared_ptr<const Principal> Find(std::string_view id) const;
  /// A managed policy, by its ARN; null when there is none such.
  std::shared_ptr<const ports::Policy> Managed(std::string_view arn) const;

  /// Reads everything; what `before` has compiled of the same text is used again. Errors: the store's.
  static Result<std::shared_ptr<const PrincipalSet>> Read(store::Transaction& t, const ports::Authorizer& authorizer,
                                                          const PrincipalSet* before);
  /// Reads what has changed since `before`, which is the answer where nothing has. Of a group and of a policy, that is
  /// itself and not its members. Errors: the store's.
  static Result<std::shared_ptr<const PrincipalSet>> ReadChanged(store::Transaction& t,
                                                                 const ports::Authorizer& authorizer,
                                                                 std::shared_ptr<const PrincipalSet> before,
                                                                 const ChangedIds& changed);

 private:
  struct Reader;
  class Texts;
  /// What is attached to one user, group or role.
  struct Own {
    std::vector<ports::NamedPolicy> inline_policies;  // null: it does not compile
    std::vector<std::string> managed;                 // ARNs
  };
  struct Facts {
    Kind kind = Kind::kUser;
    std::string account, name, path, boundary;
    Own own;
    std::vector<std::string> groups;
    std::shared_ptr<const std::vector<ports::Tag>> tags;
  };
  struct ManagedPolicy {
    std::string id, text;  // no id: AWS's
    std::shared_ptr<const ports::Policy> for_sessions;
  };
  template <typename T>
  using ById = std::map<std::string, std::shared_ptr<const T>, std::less<>>;

  ById<Principal> principals_;
  ById<Facts> facts_;  // of the same
  ById<Own> groups_;
  ById<ManagedPolicy> managed_;                           // by ARN
  std::map<std::string, std::string, std::less<>> arns_;  // of managed policies, by id
  std::shared_ptr<Texts> texts_;                          // shared by all that were read one after another
};

}  // namespace strongroom::iam
