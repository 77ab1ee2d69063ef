#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "aws/dispatch/call_trail.h"
#include "base/testing/temporary_directory.h"
#include "kms/service.h"
#include "kms/testing/fake_parts.h"

namespace strongroom::kms::testing {

/// What a client sees of an answer.
struct Answer {
  unsigned status = 0;
  std::string raw;
  std::string type;     // of the error; empty on success
  std::string message;  // empty when there is none
  bool has_message = false;

  bool ok() const { return status == 200; }
  /// "KeyMetadata.KeyId"; texts as they are, everything else as JSON; "" when absent.
  std::string Text(std::string_view path) const;
  boost::json::value body;
};

/// KMS behind its real dispatcher, on a SQLite store in a temporary directory, with a domain cluster of one HSM double:
/// everything but the HTTP server. Requests are signed and model-checked as clients' are.
class FakeService {
 public:
  explicit FakeService(Limits limits = {});
  ~FakeService();
  FakeService(const FakeService&) = delete;
  FakeService& operator=(const FakeService&) = delete;

  /// `account` names the caller as FakeCredentials does: the account's root, or "111122223333.alice".
  Answer Call(std::string_view operation, const boost::json::value& body, std::string_view account = kAccount,
              std::string_view region = kRegion);
  /// CreateKey; the id.
  std::string NewKey(boost::json::object more = {});
  /// Encrypt; the blob's bytes.
  Bytes Encrypted(const std::string& key_id, std::string_view plaintext, boost::json::object context = {});

  /// Makes and connects nothing: a cluster in the directory, with kmsuser and this password.
  FakeCluster& MakeCluster(std::size_t hsms = 2);
  FakeCluster& cluster() { return *cluster_; }
  FakeDirectory& directory() { return directory_; }
  FakePrincipals& principals() { return principals_; }
  const channel::testing::TestPki& pki() const { return pki_; }
  hsm_client::testing::HsmDouble& domain_hsm() { return domain_hsm_; }
  /// A second HSM of the domain cluster, to which the service is connected when this returns.
  hsm_client::testing::HsmDouble& AddDomainHsm();
  hsm_client::testing::DoubleCluster& domain_cluster() { return *domain_; }
  Kms& kms();
  store::Database& database() { return *database_; }

  /// CreateCustomKeyStore on the cluster with kInitialPassword; the id.
  std::string NewStore(const std::string& name = "store");
  /// ConnectCustomKeyStore and waits; the state that comes of it, with the error code after a blank.
  std::string Connect(const std::string& store_id);
  std::string Disconnect(const std::string& store_id);
  /// Waits until no connect or disconnect is under way.
  std::string Settled(const std::string& store_id);

  /// One statement on the store, behind the service's back. Caches are told, as the change feed would.
  void Sql(std::string_view statement, std::initializer_list<store::Value> values = {});
  std::int64_t Count(std::string_view statement, std::initializer_list<store::Value> values = {});
  FakeSealer& sealer() { return sealer_; }
  FakeCredentials& credentials() { return credentials_; }
  /// A kmsuser password as a store's row has it.
  store::Value Sealed(const std::string& store_id, std::string_view password);
  /// Ends the process and starts another on the same store; `start` begins its background work.
  void Restart(bool start);
  /// Runs a task on the service's loop.
  void RunTask(Task<void> task);

  /// Starts another process that has SM2, which is off unless said.
  void RestartWithSm2();
  /// Starts another process that trusts these attestation roots.
  void RestartTrusting(std::shared_ptr<const AttestationVerifier> attestation);
  /// Starts another process that is told by this authorizer who may do what.
  void RestartAsking(std::shared_ptr<const ports::Authorizer> authorizer);
  /// Starts another process that reaches external key store proxies by these options.
  void RestartReachingProxies(const xks::Options& options);
  /// How long the processes started from now on wait at their end for what is under way.
  void SetStopPatience(std::chrono::milliseconds patience) { stop_patience_ = patience; }
  /// How long keys that are due wait, in the processes started from now on, for a cluster that does not answer.
  void SetDeletionPatience(std::chrono::milliseconds patience) { deletion_patience_ = patience; }

  /// What the last call told the audit trail beside its parameters and its answer: AuditData under its names, and
  /// AuditAnswer under "answer".
  const boost::json::object& Audited() const { return trail_.last; }

  /// Everything that was logged.
  std::string Log() const;

  static constexpr std::string_view kInitialPassword = "initial-password";

 private:
  struct Trail final : aws::CallTrail {
    Status Admit() const override { return {}; }
    bool holds_answers() const noexcept override { return false; }
    Task<Status> Durable() override { co_return Status(); }
    void Record(const aws::EndedCall& ended) override;
    boost::json::object last;
  };
  struct Process;
  void StartProcess(bool start);

  Limits limits_;
  bool sm2_ = false;
  std::shared_ptr<const AttestationVerifier> attestation_;
  std::shared_ptr<const xks::Network> xks_;
  std::shared_ptr<const ports::Authorizer> authorizer_;
  std::chrono::milliseconds stop_patience_{20'000}, deletion_patience_ = std::chrono::hours(24);
  channel::testing::TestPki pki_;
  TemporaryDirectory directory_of_files_;
  std::shared_ptr<hsm_client::testing::DoubleCluster> domain_;
  hsm_client::testing::HsmDouble domain_hsm_;
  std::unique_ptr<hsm_client::testing::HsmDouble> second_domain_hsm_;
  FakeDirectory directory_;
  FakePrincipals principals_;
  FakeSealer sealer_;
  FakeCredentials credentials_;
  Trail trail_;
  std::unique_ptr<FakeCluster> cluster_;
  std::vector<std::unique_ptr<Loop>> loops_;  // one per start
  std::unique_ptr<store::Database> database_;
  std::unique_ptr<Process> process_;
};

/// Comes in plaintexts: no answer or log line may hold it.
inline constexpr std::string_view kMarker = "plaintext-marker-7261";
/// The Tags member of a request.
inline boost::json::array OneTag(std::string_view key, std::string_view value) {
  boost::json::array tags;
  tags.push_back(boost::json::object{{"TagKey", key}, {"TagValue", value}});
  return tags;
}
/// base64 of text.
std::string B64(std::string_view text);
/// The bytes of a base64 member.
Bytes FromB64(const std::string& text);

}  // namespace strongroom::kms::testing
