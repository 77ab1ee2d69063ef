#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/bytes.h"
#include "base/task.h"
#include "hsm_client/cluster_client.h"
#include "secret/secret_buffer.h"
#include "xks_protocol/answers.h"
#include "xks_protocol/requests.h"

namespace strongroom::xks_proxy {

/// What of a key decides whether it can be an external key.
struct KeyFacts {
  std::uint32_t handle = 0;
  bool aes = false;  // a secret AES key
  std::uint32_t size_bits = 0;
  bool encrypts = false, decrypts = false;

  bool usable() const noexcept { return aes && size_bits == 256; }
};

/// The AES keys of one crypto user of one cluster, by label.
///
/// Promise   a label names one key or none; where it stands for several, nothing is done with any of them. What is
///           known of a label is asked again after kFresh, and at once when the key is gone.
/// Errors    kNotFound       no such key, or one of another user
///           kInvalidState   several keys have the label
///           kWrongKeyUsage  not AES-256, or its attributes do not permit this
///           kBadCiphertext  does not open
///           kUnavailable, kTimeout, kThrottled and those of a refused login, as hsm_client::ClusterClient
/// Threads   any loop of the client.
class ClusterKeys {
 public:
  /// How long an HSM may take for an answer; the other side has given up after a quarter of it.
  static constexpr std::chrono::milliseconds kPatience{1000};
  static constexpr std::chrono::seconds kFresh{5};

  explicit ClusterKeys(std::shared_ptr<hsm_client::ClusterClient> client) : client_(std::move(client)) {}
  ~ClusterKeys() { client_->Close(); }
  ClusterKeys(const ClusterKeys&) = delete;
  ClusterKeys& operator=(const ClusterKeys&) = delete;

  /// Always asks the cluster.
  Task<Result<KeyFacts>> Find(std::string label);
  Task<Result<xks::EncryptAnswer>> Encrypt(std::string label, ByteView aad, SecretBuffer plaintext);
  /// `aad` is the external key's (xks::ExternalKeyAad).
  Task<Result<SecretBuffer>> Decrypt(std::string label, ByteView aad, const xks::DecryptRequest& request);
  /// Makes an AES-256 key that cannot be extracted; its handle. Errors: kAlreadyExists, too.
  Task<Result<std::uint32_t>> Create(std::string label);
  /// Every HSM that is known, ten at most, none missing: one entry at least.
  Task<xks::HealthAnswer> Health();

  const std::shared_ptr<hsm_client::ClusterClient>& client() const noexcept { return client_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Known {
    KeyFacts facts;
    Clock::time_point read;
  };
  /// Facts that are fresh enough and whether they were at hand, so that they may be wrong by now.
  struct Looked {
    KeyFacts facts;
    bool remembered = false;
  };
  Task<Result<Looked>> Look(std::string label);
  void Remember(const std::string& label, const KeyFacts& facts);
  void Forget(const std::string& label);

  const std::shared_ptr<hsm_client::ClusterClient> client_;
  std::shared_mutex mutex_;
  std::unordered_map<std::string, Known> known_;  // under mutex_
};

}  // namespace strongroom::xks_proxy
