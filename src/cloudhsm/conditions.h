#pragma once

#include <string_view>

#include "aws/dispatch/operation.h"
#include "cloudhsm/rows.h"
#include "ports/authorizer.h"

namespace strongroom::cloudhsm {

/// The condition keys of a request to CloudHSM: aws:RequestTag, aws:TagKeys and aws:ResourceTag, each worked out when a
/// policy asks. Source: Service Authorization Reference, "AWS CloudHSM".
class TagConditions final : public ports::ConditionSource {
 public:
  /// `on_resource`: the call is about a cluster or backup, which has tags.
  TagConditions(const aws::Call& call, bool on_resource) : call_(call), on_resource_(on_resource) {}
  bool Find(std::string_view name, ports::ConditionValues& values) const override;

  /// A policy has asked for the resource's tags: the decision is to be made again with them.
  bool wants_resource_tags() const noexcept { return wants_; }
  /// `tags` outlives the decision.
  void Use(const Tags& tags) noexcept {
    tags_ = &tags;
    wants_ = false;
  }

 private:
  const aws::Call& call_;
  const bool on_resource_;
  const Tags* tags_ = nullptr;
  mutable bool wants_ = false;
};

}  // namespace strongroom::cloudhsm
