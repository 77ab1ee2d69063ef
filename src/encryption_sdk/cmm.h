#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "encryption_sdk/keyring.h"

namespace strongroom::encryption_sdk {

struct EncryptionRequest {
  EncryptionContext context;  // the caller's
  CommitmentPolicy policy = CommitmentPolicy::kRequireEncryptRequireDecrypt;
  std::optional<SuiteId> suite;                      // nothing: the policy's default
  std::optional<std::uint64_t> max_plaintext_bytes;  // where it is known or bounded
};
struct DecryptionRequest {
  SuiteId suite = SuiteId::k256Commit;
  CommitmentPolicy policy = CommitmentPolicy::kRequireEncryptRequireDecrypt;
  EncryptionContext context;  // of the header
  std::span<const EncryptedDataKey> encrypted_data_keys;
  EncryptionContext reproduced;  // what the caller expects; see the specification's "Reproduced Encryption Context"
};

/// Materials manager ("CMM"): decides with which keys a message is written and read. Any thread may call at any time.
class Cmm {
 public:
  virtual ~Cmm() = default;
  virtual Result<EncryptionMaterials> ForEncryption(const EncryptionRequest& request) = 0;
  virtual Result<DecryptionMaterials> ForDecryption(const DecryptionRequest& request) = 0;
};
using CmmPtr = std::shared_ptr<Cmm>;

/// A new data key, and for suites that sign a new key pair, for each message.
CmmPtr MakeDefaultCmm(KeyringPtr keyring);

/// Entries of these names are authenticated but not stored in the header; who reads must reproduce them.
/// Errors: InvalidArgument for an empty list, a repeated or a reserved name.
Result<CmmPtr> MakeRequiredContextCmm(CmmPtr inner, std::vector<std::string> required_keys);

struct CacheLimits {
  std::chrono::milliseconds max_age{0};                    // over 0; an older entry is never used
  std::uint64_t max_messages = std::uint64_t{1} << 32;     // under one data key, the first included: 1..2^32
  std::uint64_t max_bytes = (std::uint64_t{1} << 63) - 1;  // of plaintext under one data key
  std::size_t capacity = 100;                              // entries; the least recently used goes first
  std::string partition;                                   // empty: a random one
  std::function<std::chrono::steady_clock::time_point()> now = std::chrono::steady_clock::now;
};
/// Uses a data key for several messages. Not cached: suites without key derivation, and messages whose length is not
/// known beforehand. Errors: InvalidArgument for limits outside the above.
Result<CmmPtr> MakeCachingCmm(CmmPtr inner, CacheLimits limits);

}  // namespace strongroom::encryption_sdk
