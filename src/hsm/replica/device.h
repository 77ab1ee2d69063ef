#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "crypto/key_pair.h"
#include "hsm/vault_sealer.h"

namespace strongroom::hsm::replica {

/// What one HSM has of its own: `device.sealed` in its state directory (docs/formats.md 9), sealed under the root key.
/// Every change is written to a temporary file, synced and renamed, so that a crash leaves the old or the new one.
///
/// Errors    kCorrupted          another root key, or a damaged file; nothing is ever overwritten then
///           kResourceExhausted  disk full; the old file stays
///           kInternal           other file errors
/// Threads   one loop.
class Device {
 public:
  /// Reads the file, or starts empty when there is none.
  static Result<Device> Open(const std::filesystem::path& directory, std::string hsm_id, SharedSecret root_key);

  const std::string& hsm_id() const noexcept { return hsm_id_; }
  /// Makes the key pair (RSA-2048) and the serial (30 upper-case hex digits) if there are none, and saves.
  Status EnsureKey();
  bool has_key() const noexcept { return key_.has_value(); }
  /// Only when has_key().
  const crypto::PrivateKey& key() const { return *key_; }
  const std::string& serial() const noexcept { return serial_; }

  /// DER; empty when not there yet. The HSM certificate is the cluster's public key certified by the device key.
  struct Certificates {
    Bytes aws_hardware, manufacturer_hardware, aws_root, manufacturer_root, hsm, backup;
  };
  const Certificates& certificates() const noexcept { return certificates_; }
  Status SetCertificates(Certificates certificates);

  /// Empty: of no cluster.
  const std::string& cluster_id() const noexcept { return cluster_id_; }
  /// The cluster's secrets by epoch.
  const std::map<std::uint64_t, SharedSecret>& secrets() const noexcept { return secrets_; }
  /// Null when this HSM does not have it.
  SharedSecret SecretOf(std::uint64_t epoch) const;
  /// Enters a cluster, or adds secrets of the cluster it is in. Errors: as above; kInvalidState for another cluster.
  Status AddSecrets(const std::string& cluster_id, const std::map<std::uint64_t, SharedSecret>& secrets);
  /// Forgets cluster, its secrets and the HSM certificate; key and hardware certificates stay. What the cluster's log
  /// has on disk is of no use from then on, so it is removed afterwards, never before.
  Status LeaveCluster();
  /// The cluster that this HSM left last; empty when it has left none, or entered one since.
  const std::string& left_cluster() const noexcept { return left_cluster_; }
  /// Forgets everything and removes the file.
  Status Destroy();

 private:
  Device(std::filesystem::path directory, std::string hsm_id, SharedSecret root_key);
  Status Save() const;
  Status Parse(ByteView plaintext);

  std::filesystem::path directory_;
  std::string hsm_id_;
  SharedSecret root_key_;
  std::optional<crypto::PrivateKey> key_;
  std::string serial_;
  Certificates certificates_;
  std::string cluster_id_, left_cluster_;
  std::map<std::uint64_t, SharedSecret> secrets_;
};

}  // namespace strongroom::hsm::replica
