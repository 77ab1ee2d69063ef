#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "hsm_client/testing/hsm_double.h"
#include "ports/authorizer.h"
#include "ports/cluster_directory.h"
#include "ports/credentials.h"
#include "ports/principal_directory.h"
#include "ports/sealer.h"

namespace strongroom::kms::testing {

/// The clusters that KMS is shown, as a test sets them.
class FakeDirectory final : public ports::ClusterDirectory {
 public:
  Task<Result<std::optional<ports::ClusterInfo>>> Find(std::string account, std::string region,
                                                       std::string cluster_id) override;
  void Put(ports::ClusterInfo cluster);
  void Remove(const std::string& cluster_id);

 private:
  std::mutex mutex_;
  std::map<std::string, ports::ClusterInfo> clusters_;
};

/// Seals with a key of its own, bound to purpose and name as the real one is.
class FakeSealer final : public ports::Sealer {
 public:
  FakeSealer();
  Task<Result<Bytes>> Seal(std::string purpose, std::string name, SecretBuffer plaintext) override;
  Task<Result<SecretBuffer>> Open(std::string purpose, std::string name, Bytes sealed) override;
  Task<Result<bool>> Renew(std::uint32_t newest) override;
  /// The next `count` calls find nobody there.
  void FailNext(int count) { failures_ = count; }

 private:
  Status There();
  SecretBuffer key_;
  std::atomic<int> failures_{0};
  std::atomic<std::uint32_t> generation_{1};
};

/// Access keys of any principal, one secret for all: "AKIA" and an account's id for its root user, a user's with
/// ".<name>" after it, a role's session's with ".<role>.<session>", a federated user's with ".<user>..<name>".
class FakeCredentials final : public ports::Credentials {
 public:
  static constexpr std::string_view kSecret = "fake/secret/access/key";
  std::shared_ptr<const ports::Credential> Find(std::string_view access_key_id) const override;
  /// An identity policy of a principal, beside those that it has.
  void Attach(std::string_view principal, std::string_view policy);
  void DetachAll();

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const ports::PrincipalPolicies>, std::less<>> policies_;
};

/// The unique id of the user or role with this ARN.
std::string FakeUniqueId(std::string_view arn);

/// Everybody exists but who is called "nobody".
class FakePrincipals final : public ports::PrincipalDirectory {
 public:
  Task<Result<ports::PrincipalIds>> Resolve(std::vector<std::string> arns) override;
  /// Who has this name until further notice is somebody else than FakeCredentials has.
  void BeAnother(const std::string& arn, std::string unique_id) { others_[arn] = std::move(unique_id); }
  void BeGone(const std::string& arn) { others_[arn].clear(); }
  void BeTheSame(const std::string& arn) { others_.erase(arn); }

 private:
  std::map<std::string, std::string> others_;
};

/// A customer's cluster with real (doubled) HSMs, each on port 2223 of an address of its own in 127.0.0.0/8.
class FakeCluster {
 public:
  FakeCluster(const channel::testing::TestPki& pki, std::size_t hsms);

  void AddHsm();
  /// As if the machine of this HSM were switched off.
  void KillHsm(std::size_t index);
  hsm_client::testing::HsmDouble& hsm(std::size_t index) { return *hsms_.at(index); }
  /// Whether kmsuser could log in with this password.
  bool KmsUserHas(std::string_view password);
  void SetKmsUser(const std::string& password);
  void RemoveKmsUser();
  void LockKmsUser();
  /// Handles of the keys with this label.
  std::vector<std::uint32_t> KeysLabelled(const std::string& label);
  std::size_t key_count();
  void DropKey(std::uint32_t handle);

  /// What the directory says of it: ACTIVE, zones a and b in turn.
  ports::ClusterInfo Info() const;

 private:
  const channel::testing::TestPki& pki_;
  std::shared_ptr<hsm_client::testing::DoubleCluster> shared_;
  std::vector<std::unique_ptr<hsm_client::testing::HsmDouble>> hsms_;
  std::vector<std::string> addresses_;
};

inline constexpr std::string_view kAccount = "111122223333";
inline constexpr std::string_view kOtherAccount = "444455556666";
inline constexpr std::string_view kRegion = "eu-central-1";
inline constexpr std::string_view kOtherRegion = "us-east-1";
inline constexpr std::string_view kThirdRegion = "us-west-2";
inline constexpr std::string_view kClusterId = "cluster-abcdefghijk";

}  // namespace strongroom::kms::testing
