#pragma once

#include "aws/dispatch/reply.h"
#include "kms/keys/states.h"

namespace strongroom::kms {

/// EncryptionAlgorithms, SigningAlgorithms, MacAlgorithms or KeyAgreementAlgorithms: the one that the usage selects.
void AddAlgorithms(aws::Reply& reply, const KeyRow& row);

/// KeyMetadata as CreateKey, DescribeKey and ReplicateKey show it (spec/kms.md 2.3). `now_millis` tells which imported
/// material has expired.
aws::Reply Metadata(const KeyRow& row, KeyState state, std::int64_t now_millis);

/// A time of a row as replies write it.
ports::WallTime ToWallTime(std::int64_t millis) noexcept;
std::int64_t ToMillis(ports::WallTime time) noexcept;

}  // namespace strongroom::kms
