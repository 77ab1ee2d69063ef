#pragma once

#include <cstdint>
#include <optional>

#include "hsm/replica/record.h"

namespace strongroom::hsm::replica {

/// A position token (docs/formats.md 4), taken apart. Nothing in it is proven before its MAC is checked.
struct PositionToken {
  std::uint64_t epoch = 0;
  Head head;
  ByteView authenticated;
  ByteView mac;
};
inline constexpr std::size_t kPositionBytes = 65;

/// The key that MACs positions of an epoch.
Result<SecretBuffer> PositionKey(const SecretBuffer& epoch_secret);
Bytes MakePosition(const SecretBuffer& position_key, std::uint64_t epoch, const Head& head);
/// Nothing when it is not a token of this version.
std::optional<PositionToken> ParsePosition(ByteView token);
bool VerifyPosition(const SecretBuffer& position_key, const PositionToken& token);

}  // namespace strongroom::hsm::replica
