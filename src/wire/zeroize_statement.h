#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"

namespace strongroom::wire {

/// What an HSM that has zeroised itself says, signed by its device key (docs/formats.md 10): it keeps neither a secret
/// nor that key. The signature proves who says so, and nothing about copies of the disk that somebody made before.
struct ZeroizeStatement {
  std::string hsm_id;
  std::string cluster_id;      // of which it was last; empty: of none
  std::int64_t at_millis = 0;  // the HSM's clock
};

/// "SRZ" | u8 version | u8 n, HSM | u8 n, cluster | u64 millis. Ids are at most 255 bytes.
Bytes MakeZeroizeStatement(const ZeroizeStatement& statement);
/// Nothing when it is not a whole statement of this version.
std::optional<ZeroizeStatement> ParseZeroizeStatement(ByteView bytes);
/// What is signed (RSA-PSS with SHA-256): purpose and statement.
Bytes SignedForm(ByteView statement);

}  // namespace strongroom::wire
