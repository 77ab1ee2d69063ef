#include "kms/message_use.h"

#include "crypto/kms_algorithms.h"

namespace strongroom::kms {
namespace {

Status RequireForm(const SignedMessage& message) {
  const crypto::KmsAlgorithm* algorithm = crypto::FindKmsAlgorithm(message.algorithm);
  const auto form = crypto::FindMessageForm(message.form);
  if (algorithm == nullptr || !form) return Error(Errc::kInvalidArgument, "There is no such MessageType.");
  if (algorithm->usage != crypto::KmsUsage::kSignVerify) return {};
  SR_CHECK(FormFor(*algorithm, *form, message.message.size()));
  return {};
}

}  // namespace

Result<MessageUse> ParseMessageUse(const aws::Call& call, std::string_view algorithm_member) {
  MessageUse use;
  SR_TRY(use.key_id, call.body.RequiredString("KeyId"));
  SR_TRY(use.message.algorithm, call.body.RequiredString(algorithm_member));
  SR_TRY(use.message.form, call.body.StringOr("MessageType", "RAW"));
  SR_TRY(use.message.message, call.body.RequiredSecret("Message"));
  SR_TRY(use.dry_run, call.body.BoolOr("DryRun", false));
  return use;
}

Task<Result<UsableKey>> UseForMessage(Kms& kms, aws::Call& call, const MessageUse& use, std::string_view usage) {
  const KeyRules rules{.states = kUsable, .usage = usage};
  SR_CO_TRY(UsableKey usable, co_await UseKey(kms, call, use.key_id, rules));
  SR_CO_CHECK(RequireAlgorithm(*usable.key, use.message.algorithm));
  SR_CO_CHECK(RequireForm(use.message));
  if (use.dry_run) co_return DryRunPassed();
  co_return usable;
}

}  // namespace strongroom::kms
