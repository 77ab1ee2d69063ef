#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "crypto/key_pair.h"
#include "encryption_sdk/context.h"
#include "encryption_sdk/suite.h"
#include "secret/secret_buffer.h"

namespace strongroom::encryption_sdk {

/// A data key under one wrapping key, as it stands in a header.
struct EncryptedDataKey {
  std::string provider_id;
  Bytes provider_info;
  Bytes ciphertext;

  friend bool operator==(const EncryptedDataKey&, const EncryptedDataKey&) = default;
};
using EncryptedDataKeys = std::vector<EncryptedDataKey>;

/// The count and the entries as a header has them. Errors: TooManyEncryptedDataKeys over 65,535; LimitExceeded for a
/// field over 65,535 bytes.
Result<Bytes> Serialize(std::span<const EncryptedDataKey> keys);
/// SHA-256 over that text: the name of a message's data key (and of all messages that share it).
Result<crypto::Sha256Digest> DigestOf(std::span<const EncryptedDataKey> keys);

/// What one message is written with.
struct EncryptionMaterials {
  SuiteId suite = SuiteId::k256Commit;
  EncryptionContext context;  // whole, the public key and the required entries included
  SecretBuffer data_key;      // empty until a keyring has set it
  EncryptedDataKeys encrypted_data_keys;
  std::optional<crypto::PrivateKey> signing_key;  // exactly where the suite signs
  std::vector<std::string> required_keys;         // entries that are authenticated but not stored
};

/// What one message is read with.
struct DecryptionMaterials {
  SuiteId suite = SuiteId::k256Commit;
  EncryptionContext context;  // of the header and what the caller reproduced
  SecretBuffer data_key;      // empty until a keyring has opened it
  std::optional<crypto::PublicKey> verification_key;
  std::vector<std::string> required_keys;
};

}  // namespace strongroom::encryption_sdk
