#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "crypto/hash.h"

namespace strongroom::encryption_sdk {

/// Algorithm suites by their id on the wire. Source: AWS Encryption SDK specification, Algorithm Suites.
enum class SuiteId : std::uint16_t {
  k128NoKdf = 0x0014,
  k192NoKdf = 0x0046,
  k256NoKdf = 0x0078,
  k128Sha256 = 0x0114,
  k192Sha256 = 0x0146,
  k256Sha256 = 0x0178,
  k128Sha256P256 = 0x0214,
  k192Sha384P384 = 0x0346,
  k256Sha384P384 = 0x0378,
  k256Commit = 0x0478,
  k256CommitP384 = 0x0578,
};

/// Elliptic curve of a suite that signs.
enum class SuiteCurve : std::uint8_t { kNone, kP256, kP384 };

struct Suite {
  SuiteId id;
  std::string_view name;            // the specification's, without the prefix "ALG_AES_"
  std::size_t key_bytes;            // data key and derived key
  bool derives;                     // false: the data key is used as it is
  crypto::Digest kdf_digest;        // of HKDF, where it derives
  SuiteCurve curve;                 // ECDSA with SHA-256 (P-256) or SHA-384 (P-384)
  bool commits;                     // key commitment: format version 2
  std::size_t signature_bytes = 0;  // DER length that our writer makes; 0 where it does not sign

  constexpr bool signs() const noexcept { return curve != SuiteCurve::kNone; }
  constexpr std::uint8_t version() const noexcept { return commits ? 2 : 1; }
  constexpr std::size_t message_id_bytes() const noexcept { return commits ? 32 : 16; }
  constexpr std::size_t suite_data_bytes() const noexcept { return commits ? 32 : 0; }
};

/// All eleven, by rising id.
std::span<const Suite> AllSuites() noexcept;
/// Null for an id that is not one of the eleven.
const Suite* FindSuite(std::uint16_t id) noexcept;
const Suite& SuiteOf(SuiteId id) noexcept;

/// Which suites may be written and read. Source: specification, Commitment Policy.
enum class CommitmentPolicy : std::uint8_t {
  kRequireEncryptRequireDecrypt,  // committing suites only
  kRequireEncryptAllowDecrypt,    // writes committing suites, reads all
  kForbidEncryptAllowDecrypt,     // writes suites without commitment, reads all
};
bool MayEncrypt(CommitmentPolicy policy, const Suite& suite) noexcept;
bool MayDecrypt(CommitmentPolicy policy, const Suite& suite) noexcept;
/// What the specification's default is: 0578, or 0378 under the last policy.
SuiteId DefaultSuite(CommitmentPolicy policy) noexcept;

}  // namespace strongroom::encryption_sdk
