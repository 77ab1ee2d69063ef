#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "hsm/replica/state.h"

namespace strongroom::hsm {

// A crypto officer whose password nobody has gets a new one by the word of the cluster's owner: whoever has the private
// key of the trust anchor that InitializeCluster brought (spec/cloudhsm.md 5.3). The owner signs a challenge, which is
// a text that a person can read. Nothing is kept for a challenge: its last line is a MAC of the cluster over the text
// and the officer's password as it is stored, so any HSM of the cluster knows it again, and it is used up with the
// officer's next password. (docs/formats.md 14)

inline constexpr std::int64_t kChallengeMillis = 24LL * 60 * 60 * 1000;
inline constexpr std::size_t kMaxChallengeBytes = 1024;
inline constexpr std::size_t kMaxOwnerSignatureBytes = 1024;

/// The challenge for the officer of this name; `head` is the number of the newest applied record.
/// Errors: kUserNotFound; kPermission  not a CO; kInvalidState  the cluster has no owner's certificate yet.
Result<std::string> MakeOwnerChallenge(const replica::State& state, const SecretBuffer& epoch_secret,
                                       std::string_view name, std::uint64_t head, std::int64_t now_millis);

/// The officer whom the challenge is for, if it is one of this cluster, for `name`, and neither expired nor used up.
/// Errors: as MakeOwnerChallenge; kInvalidArgument  no challenge, or for another user or cluster; kInvalidState
/// expired, of an epoch before, used up or changed; kStale  the log is older than the challenge.
Result<const replica::User*> CheckOwnerChallenge(const replica::State& state, const SecretBuffer& epoch_secret,
                                                 std::string_view name, std::string_view challenge, std::uint64_t head,
                                                 std::int64_t now_millis);

/// Whether the trust anchor's key has signed the challenge: RSASSA-PKCS1-v1_5 or ECDSA with SHA-256, as
/// `openssl dgst -sha256 -sign` makes them. Errors: kBadSignature; kUnsupported for other keys.
Status VerifyOwnerSignature(ByteView trust_anchor, std::string_view challenge, ByteView signature);

}  // namespace strongroom::hsm
