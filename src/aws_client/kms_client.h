#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "aws_client/aws.h"
#include "encryption_sdk/kms_port.h"

namespace strongroom::aws_client {

/// What KMS answers to one dry run.
struct KmsPermission {
  std::string action;  // "kms:GenerateDataKey"
  Status allowed;
};

/// AWS KMS in one Region, over JSON 1.1.
///
/// Errors    as of KmsPort. The public message begins with KMS's own code ("DisabledException: ...") and says, where a
///           key's owner has to act (disabled, to be deleted, its key store disconnected, no permission), what is to be
///           done and by whom.
/// Secrets   data keys come and go in wiped memory and live in SecretBuffer.
class KmsClient final : public encryption_sdk::KmsPort {
 public:
  using Context = encryption_sdk::EncryptionContext;
  using GrantTokens = encryption_sdk::GrantTokens;

  /// `endpoint`: a URL in place of what the configuration says; may be empty. Errors: kInvalidArgument.
  static Result<std::shared_ptr<KmsClient>> Create(const Aws& aws, std::string_view region,
                                                   std::string_view endpoint = "");
  ~KmsClient() override;

  std::string_view Region() const noexcept override;
  Result<encryption_sdk::KmsDataKey> GenerateDataKey(std::string_view key_id, std::size_t size_bytes,
                                                     const Context& context, const GrantTokens& grant_tokens) override;
  Result<encryption_sdk::KmsCiphertext> Encrypt(std::string_view key_id, const SecretBuffer& plaintext,
                                                const Context& context, const GrantTokens& grant_tokens) override;
  Result<encryption_sdk::KmsPlaintext> Decrypt(std::string_view key_id, ByteView ciphertext, const Context& context,
                                               const GrantTokens& grant_tokens) override;
  Result<encryption_sdk::KmsKeyDescription> DescribeKey(std::string_view key_id,
                                                        const GrantTokens& grant_tokens) override;

  /// Asks KMS by dry runs what the caller may do with a key: kms:DescribeKey, kms:GenerateDataKey, kms:Encrypt and
  /// kms:Decrypt, in this order. Decrypt can be asked only with a ciphertext, so a data key is generated for it, and
  /// where that is refused there is no row for kms:Decrypt.
  std::vector<KmsPermission> CheckPermissions(std::string_view key_id, const Context& context,
                                              const GrantTokens& grant_tokens);

 private:
  struct Impl;
  explicit KmsClient(std::unique_ptr<Impl> impl);
  const std::unique_ptr<Impl> impl_;
};

/// KmsClients by Region, made when they are first asked for. Threads: any.
class KmsClients final : public encryption_sdk::KmsSupplier {
 public:
  explicit KmsClients(Aws aws, std::string endpoint = "") : aws_(std::move(aws)), endpoint_(std::move(endpoint)) {}
  /// An empty Region is the configured one.
  Result<std::shared_ptr<encryption_sdk::KmsPort>> ForRegion(std::string_view region) override;
  /// The same client, with what KmsPort does not have.
  Result<std::shared_ptr<KmsClient>> ClientFor(std::string_view region);

 private:
  const Aws aws_;
  const std::string endpoint_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<KmsClient>, std::less<>> clients_;
};

}  // namespace strongroom::aws_client
