#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "aws/dispatch/operation.h"
#include "kms/access/labels.h"
#include "kms/blob/context.h"
#include "kms/keys/key.h"
#include "kms/keys/tags.h"
#include "ports/authorizer.h"

namespace strongroom::kms {

/// The kms: condition keys of a request, and those aws: keys that are about its key and its tags (spec/kms.md 6.9).
/// Each is worked out when a policy asks for it and not before, so a request under policies without conditions pays
/// nothing. What is refused in a request counts as absent here: it is refused afterwards.
///
/// Lifetime  views of what it is made from; for one decision on the stack.
/// Source    AWS KMS Developer Guide, "AWS KMS permissions" and "AWS KMS condition keys".
class Conditions final : public ports::ConditionSource {
 public:
  /// Of an action on a key, or (null) on none.
  Conditions(const aws::Call& call, std::string_view action, const Key* key, const EncryptionContext* context = nullptr)
      : call_(call), action_(action), key_(key), row_(key == nullptr ? nullptr : &key->row), context_(context) {}
  /// Of an action on a key that is still to be made; `labels` may be null.
  Conditions(const aws::Call& call, std::string_view action, const KeyRow& row, const KeyLabels* labels)
      : call_(call), action_(action), row_(&row), labels_(labels) {}

  bool Find(std::string_view name, ports::ConditionValues& values) const override;

  /// A policy has asked for what must be read first (LabelsOf): the decision is to be made again with it.
  bool wants_labels() const noexcept { return wants_labels_; }
  /// `labels` outlives the decision.
  void Use(const KeyLabels& labels) noexcept {
    labels_ = &labels;
    wants_labels_ = false;
  }

 private:
  bool OfEncryptionContext(std::string_view name, ports::ConditionValues& values) const;
  bool OfLabels(std::string_view name, ports::ConditionValues& values) const;
  bool OfRequestTags(std::string_view name, ports::ConditionValues& values) const;

  const aws::Call& call_;
  const std::string_view action_;
  const Key* const key_ = nullptr;
  const KeyRow* const row_;
  const EncryptionContext* const context_ = nullptr;
  mutable const KeyLabels* labels_ = nullptr;
  mutable KeyLabelsPtr held_;  // what labels_ may point into
  mutable bool wants_labels_ = false;
  mutable std::optional<std::vector<Tag>> request_tags_;  // once they have been asked for
};

}  // namespace strongroom::kms
