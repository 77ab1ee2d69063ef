#include "kms/testing/fake_parts.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>

#include "aws/policy/engine.h"
#include "crypto/random.h"
#include "crypto/seal.h"

namespace strongroom::kms::testing {
namespace {

using channel::testing::Must;
using hsm_client::testing::HsmDouble;

Bytes Bound(const std::string& purpose, const std::string& name) { return ToBytes(AsBytes(purpose + "|" + name)); }

/// Unlike any of another test process that runs at the same time.
std::string NextAddress() {
  static std::atomic<std::uint32_t> next{0};
  const std::uint32_t number = (static_cast<std::uint32_t>(::getpid()) << 3 | (next.fetch_add(1) & 7)) & 0xffffff;
  return fmt::format("127.{}.{}.{}", number >> 16, number >> 8 & 0xff, number & 0xff);
}

}  // namespace

Task<Result<std::optional<ports::ClusterInfo>>> FakeDirectory::Find(std::string account, std::string region,
                                                                    std::string cluster_id) {
  const std::lock_guard lock(mutex_);
  const auto found = clusters_.find(cluster_id);
  std::optional<ports::ClusterInfo> cluster;
  if (found != clusters_.end() && found->second.account == account && found->second.region == region)
    cluster = found->second;
  co_return cluster;
}
void FakeDirectory::Put(ports::ClusterInfo cluster) {
  const std::lock_guard lock(mutex_);
  clusters_[cluster.cluster_id] = std::move(cluster);
}
void FakeDirectory::Remove(const std::string& cluster_id) {
  const std::lock_guard lock(mutex_);
  clusters_.erase(cluster_id);
}

FakeSealer::FakeSealer() : key_(Must(crypto::RandomSecret(32))) {}
Status FakeSealer::There() {
  if (failures_ <= 0) return {};
  --failures_;
  return Error(Errc::kUnavailable, "The sealer is away.");
}
Task<Result<Bytes>> FakeSealer::Seal(std::string purpose, std::string name, SecretBuffer plaintext) {
  SR_CO_CHECK(There());
  co_return crypto::SealSecret(key_, AsBytes("fake sealer"), Bound(purpose, name), plaintext);
}
Task<Result<SecretBuffer>> FakeSealer::Open(std::string purpose, std::string name, Bytes sealed) {
  SR_CO_CHECK(There());
  co_return crypto::Open(key_, AsBytes("fake sealer"), Bound(purpose, name), sealed);
}

Task<Result<bool>> FakeSealer::Renew(std::uint32_t newest) { co_return generation_.exchange(newest) != newest; }

std::string FakeUniqueId(std::string_view arn) {
  std::string id(arn);
  std::ranges::replace(id, ':', '.');
  return id;
}

Task<Result<ports::PrincipalIds>> FakePrincipals::Resolve(std::vector<std::string> arns) {
  ports::PrincipalIds ids;
  for (const std::string& arn : arns) {
    if (arn.ends_with("/nobody")) co_return Error(Errc::kNotFound, arn);
    const auto other = others_.find(arn);
    if (other != others_.end() && other->second.empty()) co_return Error(Errc::kNotFound, arn);
    if (arn.find(":user/") != std::string::npos || arn.find(":role/") != std::string::npos)
      ids.emplace(arn, other == others_.end() ? FakeUniqueId(arn) : other->second);
  }
  co_return ids;
}

std::shared_ptr<const ports::Credential> FakeCredentials::Find(std::string_view access_key_id) const {
  auto found = std::make_shared<ports::Credential>();
  ports::Caller& caller = found->caller;
  caller.account = access_key_id.substr(4, 12);
  const std::string name(access_key_id.substr(std::min<std::size_t>(17, access_key_id.size())));
  const std::size_t dot = name.find('.');
  caller.principal_id = caller.account;
  if (name.empty()) {
    caller.arn = "arn:aws:iam::" + caller.account + ":root";
  } else if (dot == std::string::npos) {
    caller.kind = ports::PrincipalKind::kUser;
    caller.arn = "arn:aws:iam::" + caller.account + ":user/" + name;
    caller.user_name = name;
    caller.principal_id = FakeUniqueId(caller.arn);
  } else if (name[dot + 1] == '.') {
    caller.kind = ports::PrincipalKind::kFederatedUser;
    caller.role_arn = "arn:aws:iam::" + caller.account + ":user/" + name.substr(0, dot);
    caller.behind_id = FakeUniqueId(caller.role_arn);
    caller.principal_id = caller.account + ":" + name.substr(dot + 2);
    caller.arn = "arn:aws:sts::" + caller.account + ":federated-user/" + name.substr(dot + 2);
  } else {
    caller.kind = ports::PrincipalKind::kAssumedRole;
    caller.role_arn = "arn:aws:iam::" + caller.account + ":role/" + name.substr(0, dot);
    caller.behind_id = FakeUniqueId(caller.role_arn);
    caller.principal_id = caller.behind_id + ":" + name.substr(dot + 1);
    caller.arn = "arn:aws:sts::" + caller.account + ":assumed-role/" + name.substr(0, dot) + "/" + name.substr(dot + 1);
  }
  found->caller.access_key_id = access_key_id;
  const std::lock_guard lock(mutex_);
  if (const auto policies = policies_.find(access_key_id.substr(4)); policies != policies_.end())
    found->caller.policies = policies->second;
  found->secret = Must(SecretBuffer::CopyOf(AsBytes(kSecret)));
  return found;
}

void FakeCredentials::Attach(std::string_view principal, std::string_view policy) {
  const aws::PolicyEngine engine;
  const std::lock_guard lock(mutex_);
  auto& kept = policies_[std::string(principal)];
  auto more = kept ? std::make_shared<ports::PrincipalPolicies>(*kept) : std::make_shared<ports::PrincipalPolicies>();
  more->identity.push_back({"attached", Must(engine.Compile(ports::PolicyKind::kIdentity, policy))});
  kept = std::move(more);
}
void FakeCredentials::DetachAll() {
  const std::lock_guard lock(mutex_);
  policies_.clear();
}

FakeCluster::FakeCluster(const channel::testing::TestPki& pki, std::size_t hsms)
    : pki_(pki), shared_(std::make_shared<hsm_client::testing::DoubleCluster>()) {
  for (std::size_t i = 0; i < hsms; ++i) AddHsm();
}
void FakeCluster::AddHsm() {
  HsmDouble::Options options;
  options.hsm_id = fmt::format("hsm-customer{:05}", hsms_.size() + 1);
  options.address = NextAddress();
  options.port = channel::kHsmPort;
  addresses_.push_back(options.address);
  hsms_.push_back(std::make_unique<HsmDouble>(pki_, shared_, std::move(options)));
}
void FakeCluster::KillHsm(std::size_t index) { hsms_.at(index).reset(); }

bool FakeCluster::KmsUserHas(std::string_view password) {
  const SecretBuffer asked = Must(SecretBuffer::CopyOf(AsBytes(password)));
  const std::lock_guard lock(shared_->mutex);
  const auto user = shared_->users.find({proto::CU, "kmsuser"});
  return user != shared_->users.end() && user->second.password.EqualsInConstantTime(asked);
}
void FakeCluster::SetKmsUser(const std::string& password) {
  RemoveKmsUser();
  shared_->AddUser(proto::CU, "kmsuser", password);
}
void FakeCluster::RemoveKmsUser() {
  const std::lock_guard lock(shared_->mutex);
  shared_->users.erase({proto::CU, "kmsuser"});
}
void FakeCluster::LockKmsUser() {
  const std::lock_guard lock(shared_->mutex);
  shared_->users.at({proto::CU, "kmsuser"}).info.set_locked(true);
}
std::vector<std::uint32_t> FakeCluster::KeysLabelled(const std::string& label) {
  const std::lock_guard lock(shared_->mutex);
  std::vector<std::uint32_t> handles;
  for (const auto& [handle, key] : shared_->keys)
    if (key.info.label() == label) handles.push_back(handle);
  return handles;
}
std::size_t FakeCluster::key_count() {
  const std::lock_guard lock(shared_->mutex);
  return shared_->keys.size();
}
void FakeCluster::DropKey(std::uint32_t handle) {
  const std::lock_guard lock(shared_->mutex);
  shared_->keys.erase(handle);
}

ports::ClusterInfo FakeCluster::Info() const {
  ports::ClusterInfo info;
  info.account = kAccount;
  info.region = kRegion;
  info.cluster_id = kClusterId;
  info.state = ports::ClusterState::kActive;
  info.trust_anchor = pki_.owner.certificate.ToDer();
  info.cluster_certificate = pki_.hsm.certificate.ToDer();
  for (std::size_t i = 0; i < addresses_.size(); ++i)
    info.hsms.push_back({fmt::format("hsm-customer{:05}", i + 1), addresses_[i],
                         std::string(kRegion) + (i % 2 == 0 ? "a" : "b"), true});
  return info;
}

}  // namespace strongroom::kms::testing
