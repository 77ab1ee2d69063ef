#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/task.h"
#include "secret/secret_buffer.h"
#include "xks_client/https_pool.h"
#include "xks_client/network.h"
#include "xks_client/outcome.h"
#include "xks_protocol/answers.h"
#include "xks_protocol/errors.h"
#include "xks_protocol/requests.h"

namespace strongroom::xks {

/// One external key store's proxy, as CreateCustomKeyStore describes it.
struct ProxySettings {
  std::string endpoint;  // "https://host"
  std::string path;      // "/prefix/kms/xks/v1"
  std::string region;
  std::string access_key_id;
  SecretBuffer secret;                 // RawSecretAccessKey
  std::optional<HostPort> place = {};  // of a VPC endpoint service
};

/// Calls a proxy's four APIs, signed with SigV4 for service kms-xks-proxy.
///
/// Promise   an answer that is given is complete and well-formed; Encrypt's integrity value was right.
/// Errors    Failed, whose detail is for the log; nothing of a proxy's own text is in it but its errorMessage.
/// Threads   any loop, any number of calls at once.
/// Lifetime  a call under way keeps the client.
/// Source    XKS Proxy API Specification v0.9.7.
class ProxyClient : public std::enable_shared_from_this<ProxyClient> {
 public:
  /// Errors: kInvalidArgument when the endpoint is not https://host.
  static Result<std::shared_ptr<ProxyClient>> Make(std::shared_ptr<const Network> network, ProxySettings settings);

  /// Failure::kUnhealthy when every external key manager is UNAVAILABLE.
  Task<Outcome<HealthAnswer>> GetHealthStatus(RequestMetadata metadata);
  Task<Outcome<KeyMetadataAnswer>> GetKeyMetadata(std::string key_id, RequestMetadata metadata);
  /// `plaintext` is KMS's own ciphertext: 1 to kMostPlaintextBytes.
  Task<Outcome<EncryptAnswer>> Encrypt(std::string key_id, RequestMetadata metadata, Bytes plaintext, Bytes aad);
  Task<Outcome<Bytes>> Decrypt(std::string key_id, RequestMetadata metadata, EncryptAnswer sealed, Bytes aad);
  void Close() { pool_->Close(); }

 private:
  ProxyClient(ProxySettings settings, std::string host, std::shared_ptr<HttpsPool> pool)
      : settings_(std::move(settings)), host_(std::move(host)), pool_(std::move(pool)) {}
  /// The body of an answer with status 200.
  Task<Outcome<std::string>> Call(std::string api_path, std::string body);

  const ProxySettings settings_;
  const std::string host_;
  const std::shared_ptr<HttpsPool> pool_;
};

/// What an error that a proxy names means to KMS.
Failure FailureOf(ErrorName error) noexcept;
/// The host of "https://host". Errors: kInvalidArgument.
Result<std::string> HostOf(std::string_view endpoint);

}  // namespace strongroom::xks
