#pragma once

#include "kms/pipeline.h"

namespace strongroom::kms {

/// What Sign, Verify, GenerateMac and VerifyMac have in common: a key, an algorithm and a message.
struct MessageUse {
  std::string key_id;
  SignedMessage message;  // the form is RAW for MACs
  bool dry_run = false;
};
/// `algorithm_member`: SigningAlgorithm or MacAlgorithm. Errors: those of Fields.
Result<MessageUse> ParseMessageUse(const aws::Call& call, std::string_view algorithm_member);

/// The whole sequence of checks up to DryRun. Errors: as UseKey; kWrongKeyUsage for the algorithm; kInvalidArgument for
/// a message that the algorithm does not take; kDryRun.
Task<Result<UsableKey>> UseForMessage(Kms& kms, aws::Call& call, const MessageUse& use, std::string_view usage);

}  // namespace strongroom::kms
