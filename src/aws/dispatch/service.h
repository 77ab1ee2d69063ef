#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "aws/dispatch/operation.h"
#include "aws/dispatch/wire_error.h"

namespace strongroom::aws {

enum class Protocol : std::uint8_t { kJson11, kQuery };
/// How a JSON error body spells its text: lower-case but for AccessDenied and Serialization (KMS), or both (CloudHSM).
enum class MessageMember : std::uint8_t { kAsKms, kBoth };

/// A limit in which the service differs from its model. Empty bounds leave the model's.
struct ConstraintOverride {
  std::string_view operation;  // "ScheduleKeyDeletion"
  std::string_view member;     // top-level member of its input, "PendingWindowInDays"
  std::optional<std::int64_t> min = std::nullopt;
  std::optional<std::int64_t> max = std::nullopt;
  bool empty_text_passes = false;  // for members where an empty text says "none"
};

/// One AWS service behind the endpoint. All views and pointers outlive the dispatcher.
struct Service {
  std::string_view name;          // "kms": in metrics, and the model's file name
  std::string_view signing_name;  // credential scope: "kms", "cloudhsm", "sts"
  std::string_view event_source;  // audit: "kms.amazonaws.com"
  Protocol protocol = Protocol::kJson11;
  std::string_view xml_namespace = {};  // Query only: "https://sts.amazonaws.com/doc/2011-06-15/"
  bool global = false;  // has no Regions: requests may be signed for us-east-1, too, whatever Regions there are
  MessageMember message_member = MessageMember::kAsKms;
  std::span<const Operation* const> operations;
  void* instance = nullptr;  // handed to every handler
  const WireErrors* errors = nullptr;
  std::span<const ConstraintOverride> overrides = {};
  /// Asked when a call's shape and limits are right, before its handler runs: for request rates. Must not block.
  Status (*admit)(void* instance, const Call& call) = nullptr;
  /// Told of each call that has succeeded. Must not block.
  void (*succeeded)(void* instance, const Call& call) = nullptr;
};

}  // namespace strongroom::aws
