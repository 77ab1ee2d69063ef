#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "kms/grants/grant.h"

namespace strongroom::kms {

/// The grants of one key to one principal, ready for the question whether one of them allows a request.
///
/// Promise   a question costs the same however many grants there are: those without constraints are one set, those with
///           EncryptionContextEquals are found by the context, those with EncryptionContextSubset by the pair of theirs
///           that the fewest others have. Immutable.
/// Threads   any number at once.
class GrantIndex {
 public:
  explicit GrantIndex(const std::vector<Grant>& grants);

  /// `operation` is one bit.
  bool Allows(OperationSet operation, const EncryptionContext& context) const;
  /// A grant of that id is among them.
  bool Has(const std::string& grant_id) const { return operations_.contains(grant_id); }
  std::size_t size() const noexcept { return operations_.size(); }

 private:
  struct Constrained {
    OperationSet operations = 0;
    GrantConstraints constraints;
  };
  using Bucket = std::vector<Constrained>;

  OperationSet unconstrained_ = 0;
  std::unordered_map<std::string, Bucket> by_context_;        // EncryptionContextEquals, canonical
  std::unordered_map<std::string, Bucket> by_pair_;           // EncryptionContextSubset
  std::unordered_map<std::string, OperationSet> operations_;  // by grant id
};
using GrantIndexPtr = std::shared_ptr<const GrantIndex>;

}  // namespace strongroom::kms
