#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "encryption_sdk/context.h"
#include "secret/secret_buffer.h"

namespace strongroom::encryption_sdk {

using GrantTokens = std::vector<std::string>;

struct KmsDataKey {
  SecretBuffer plaintext;
  Bytes ciphertext;     // CiphertextBlob
  std::string key_arn;  // KeyId of the answer
};
struct KmsCiphertext {
  Bytes ciphertext;
  std::string key_arn;
};
struct KmsPlaintext {
  SecretBuffer plaintext;
  std::string key_arn;
};
struct KmsKeyDescription {
  std::string arn;
  std::string state;             // "Enabled", as KMS says it
  std::string usage;             // "ENCRYPT_DECRYPT"
  std::string spec;              // "SYMMETRIC_DEFAULT"
  std::string origin;            // "AWS_KMS", "AWS_CLOUDHSM", "EXTERNAL_KEY_STORE", "EXTERNAL"
  std::string custom_key_store;  // its id; empty for the default key store
  bool multi_region = false;
};

/// KMS in one Region, as the keyrings need it. Calls block; any thread may call at any time. What fails for a moment is
/// retried inside.
/// Errors: kThrottled, kUnavailable, kTimeout where a later call may succeed; kAccessDenied, kNotFound, kDisabled,
/// kInvalidState, kKeyUnavailable, kInvalidGrantToken and others as KMS means them, each with KMS's own words in the
/// public message.
class KmsPort {
 public:
  virtual ~KmsPort() = default;
  /// "eu-central-1"
  virtual std::string_view Region() const noexcept = 0;
  /// `key_id`: key id, key ARN, alias name or alias ARN. Asks with NumberOfBytes.
  virtual Result<KmsDataKey> GenerateDataKey(std::string_view key_id, std::size_t size_bytes,
                                             const EncryptionContext& context, const GrantTokens& grant_tokens) = 0;
  virtual Result<KmsCiphertext> Encrypt(std::string_view key_id, const SecretBuffer& plaintext,
                                        const EncryptionContext& context, const GrantTokens& grant_tokens) = 0;
  virtual Result<KmsPlaintext> Decrypt(std::string_view key_id, ByteView ciphertext, const EncryptionContext& context,
                                       const GrantTokens& grant_tokens) = 0;
  virtual Result<KmsKeyDescription> DescribeKey(std::string_view key_id, const GrantTokens& grant_tokens) = 0;
};

/// Ports by Region; the same Region gives the same port.
class KmsSupplier {
 public:
  virtual ~KmsSupplier() = default;
  virtual Result<std::shared_ptr<KmsPort>> ForRegion(std::string_view region) = 0;
};

}  // namespace strongroom::encryption_sdk
