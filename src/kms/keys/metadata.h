#pragma once

#include "aws/dispatch/reply.h"
#include "kms/keys/states.h"

namespace strongroom::kms {

/// EncryptionAlgorithms, SigningAlgorithms, MacAlgorithms or KeyAgreementAlgorithms: the one that the usage selects.
void AddAlgorithms(aws::Reply& reply, const KeyRow& row);

/// KeyMetadata as CreateKey and DescribeKey show it (spec/kms.md 2.3).
aws::Reply Metadata(const KeyRow& row, KeyState state);

/// A time of a row as replies write it.
ports::WallTime ToWallTime(std::int64_t millis) noexcept;

}  // namespace strongroom::kms
