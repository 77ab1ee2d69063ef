#pragma once

// A deployment's external key store proxies in small: the handler behind real signatures, the deployment's own API, and
// a cluster of one doubled HSM.
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <boost/json.hpp>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "aws/dispatch/dispatcher.h"
#include "aws/policy/engine.h"
#include "aws/sigv4/canonical.h"
#include "aws/sigv4/signer.h"
#include "base/testing/temporary_directory.h"
#include "hsm_client/testing/client_fixture.h"
#include "iam/testing/fake_sealer.h"
#include "xks_proxy/admin.h"
#include "xks_proxy/handler.h"

namespace strongroom::xks_proxy::testing {

namespace json = boost::json;
using channel::testing::Must;
using channel::testing::RunTask;
using channel::testing::RunUntil;

inline constexpr std::string_view kAccount = "111122223333";
inline constexpr std::string_view kOtherAccount = "444455556666";
inline constexpr std::string_view kRegion = "eu-central-1";
inline constexpr std::string_view kSigningRegion = "us-west-2";
inline constexpr std::string_view kClusterId = "cluster-abcdefghijk";
inline constexpr std::string_view kUser = "xks";
inline constexpr std::string_view kPassword = "xks-password";
inline constexpr std::string_view kRootSecret = "fake/secret/access/key";

struct MovableClock final : ports::Clock {
  ports::WallTime Now() const noexcept override { return now; }
  // Whole seconds, as signatures have them.
  ports::WallTime now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
};

/// Accounts' root users: "AKIA" and the account's id.
struct RootCredentials final : ports::Credentials {
  std::shared_ptr<const ports::Credential> Find(std::string_view id) const override {
    auto made = std::make_shared<ports::Credential>();
    made->caller.account = std::string(id.substr(std::min<std::size_t>(4, id.size())));
    made->caller.arn = "arn:aws:iam::" + made->caller.account + ":root";
    made->caller.access_key_id = std::string(id);
    made->secret = Must(SecretBuffer::CopyOf(AsBytes(kRootSecret)));
    return made;
  }
};

struct OneCluster final : ports::ClusterDirectory {
  Task<Result<std::optional<ports::ClusterInfo>>> Find(std::string account, std::string region,
                                                       std::string cluster_id) override {
    const bool same = info && info->account == account && info->region == region && info->cluster_id == cluster_id;
    co_return same ? info : std::nullopt;
  }
  std::optional<ports::ClusterInfo> info;
};

/// One HTTP request before it is signed.
struct Request {
  std::string method = "POST", target, body;
  std::string access_key_id, secret;
  std::string region{kSigningRegion}, service = "kms-xks-proxy";
  std::chrono::seconds age{0};
  bool with_signature = true;
};
struct Answer {
  unsigned status = 0;
  std::string raw, error;  // the protocol's errorName, or the AWS type of the deployment's own API
  json::value body;
  std::string Text(std::string_view name) const {
    const json::value* value = body.is_object() ? body.get_object().if_contains(name) : nullptr;
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
  }
};

class ProxyFixture {
 public:
  ProxyFixture() {
    auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(log_);
    old_logger_ = spdlog::default_logger();
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("test", std::move(sink)));
    cluster_->AddUser(proto::CU, std::string(kUser), std::string(kPassword));
    cluster_->AddUser(proto::CU, "somebody", "some-password");
    ports::ClusterInfo info;
    info.account = kAccount;
    info.region = kRegion;
    info.cluster_id = kClusterId;
    info.state = ports::ClusterState::kActive;
    info.trust_anchor = pki_.owner.certificate.ToDer();
    info.hsms = {{.hsm_id = "hsm-double00001", .address = hsm_->endpoint().address, .zone = "a", .active = true}};
    directory.info = std::move(info);
    store::Config config;
    config.sqlite_path = files_.path() / "store.db";
    database_ = Must(store::Database::Open(config));
    proxies_ = std::make_unique<Proxies>(
        Proxies::Parts{.loop = loop_,
                       .database = *database_,
                       .sealer = sealer,
                       .clusters = directory,
                       .loops = {&loop_},
                       .trust = [this](const crypto::Certificate& owner) -> Result<hsm_client::ClientTrust> {
                         channel::InnerClientOptions inner;
                         inner.owners = {owner};
                         SR_TRY(auto context, channel::InnerClient(inner));
                         return hsm_client::ClientTrust{pki_.OuterClientContext(), std::move(context)};
                       },
                       .clock = &clock,
                       .hsm_port = hsm_->endpoint().port});
    admin_ = std::make_unique<Admin>(Admin::Parts{.database = *database_,
                                                  .sealer = sealer,
                                                  .clusters = directory,
                                                  .authorizer = authorizer_,
                                                  .proxies = *proxies_});
    aws::DispatcherConfig dispatch;
    dispatch.regions = {std::string(kRegion), "us-east-1"};
    dispatch.services = {Describe(*admin_)};
    dispatch.credentials = &root_;
    dispatch.clock = &clock;
    dispatcher_ = Must(aws::Dispatcher::Create(std::move(dispatch)));
    handler_ = Must(Handler::Create(*proxies_, *dispatcher_, 1, &clock));
  }
  ~ProxyFixture() {
    proxies_->Stop();
    RunUntil(loop_, [this] { return hsm_ == nullptr || hsm_->connections() == 0; });
    spdlog::set_default_logger(old_logger_);
  }

  Answer Send(const Request& wanted) {
    aws::SignRequest sign{.method = wanted.method, .target = wanted.target, .body = wanted.body};
    sign.region = wanted.region;
    sign.service = wanted.service;
    sign.headers = {{"Host", "proxy.example.com"}, {"X-Amz-Date", aws::FormatBasicTime(clock.now - wanted.age)}};
    sign.headers.insert(sign.headers.end(), more_headers.begin(), more_headers.end());
    const std::string bytes =
        Must(aws::SignedHttp(sign, wanted.access_key_id, Must(SecretBuffer::CopyOf(AsBytes(wanted.secret)))));
    const std::string_view all = bytes;
    std::vector<aws::HttpHeader> headers;
    const std::size_t head_end = all.find("\r\n\r\n");
    for (std::size_t at = all.find("\r\n"); at < head_end;) {
      const std::size_t begin = at + 2, end = all.find("\r\n", begin);
      const std::string_view line = all.substr(begin, end - begin);
      const std::size_t colon = line.find(": ");
      const std::string_view name = line.substr(0, colon);
      if (wanted.with_signature || name != "Authorization") headers.push_back({name, line.substr(colon + 2)});
      at = end;
    }
    const aws::HttpRequest request{.method = wanted.method,
                                   .target = wanted.target,
                                   .headers = headers,
                                   .body = all.substr(head_end + 4),
                                   .remote_address = "192.0.2.7"};
    aws::WipedBuffer out;
    aws::HttpResponse response{.body = out};
    RunTask(loop_, Handled(*handler_, request, response));
    Answer answer;
    answer.status = response.status;
    answer.raw = out.view();
    boost::system::error_code failed;
    answer.body = json::parse(answer.raw, failed);
    answer.error = answer.Text("errorName");
    if (answer.error.empty()) answer.error = answer.Text("__type");
    return answer;
  }

  /// An operation of the deployment's own API.
  Answer Call(std::string_view operation, const json::object& body, std::string_view account = kAccount,
              std::string_view region = kRegion) {
    Request request;
    request.target = "/";
    request.body = json::serialize(body);
    request.access_key_id = "AKIA" + std::string(account);
    request.secret = kRootSecret;
    request.region = region;
    request.service = "strongroom";
    more_headers = {{"Content-Type", "application/x-amz-json-1.1"},
                    {"X-Amz-Target", "Strongroom." + std::string(operation)}};
    Answer answer = Send(request);
    more_headers.clear();
    return answer;
  }
  static json::object CreateBody() {
    return {{"ClusterId", kClusterId},
            {"UserName", kUser},
            {"Password", Base64(AsBytes(kPassword))},
            {"PathPrefix", "/team-a"},
            {"SigningRegion", kSigningRegion}};
  }
  /// A proxy at /team-a and the key "key-1"; its id.
  std::string MakeProxy() {
    const Answer made = Call("CreateXksProxy", CreateBody());
    EXPECT_EQ(made.status, 200u) << made.raw;
    access_key_id = made.Text("AccessKeyId");
    secret = made.Text("RawSecretAccessKey");
    const Answer key = Call("CreateXksKey", {{"ProxyId", made.Text("ProxyId")}, {"KeyId", "key-1"}});
    EXPECT_EQ(key.status, 200u) << key.raw;
    return made.Text("ProxyId");
  }
  static json::object Metadata() {
    return {{"awsPrincipalArn", "arn:aws:iam::123456789012:user/Alice"},
            {"kmsKeyArn", "arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"},
            {"kmsOperation", "Encrypt"},
            {"kmsRequestId", "4112f4d6-db54-4af4-ae30-c55a22a8dfae"}};
  }
  Request Of(std::string_view api, json::object body, std::string_view key = "key-1") {
    Request request;
    request.target = "/team-a/kms/xks/v1/" +
                     (api == "health" ? std::string(api) : "keys/" + std::string(key) + "/" + std::string(api));
    if (!body.contains("requestMetadata")) body["requestMetadata"] = Metadata();
    request.body = json::serialize(body);
    request.access_key_id = access_key_id;
    request.secret = secret;
    return request;
  }
  Request Encrypt(std::string_view plaintext, std::string_view aad = "") {
    json::object body{{"plaintext", Base64(AsBytes(plaintext))}, {"encryptionAlgorithm", "AES_GCM"}};
    if (!aad.empty()) body["additionalAuthenticatedData"] = Base64(AsBytes(aad));
    return Of("encrypt", std::move(body));
  }
  /// What decrypts an answer of Encrypt.
  Request Decrypt(const Answer& made, std::string_view aad = "") {
    json::object body{{"encryptionAlgorithm", "AES_GCM"}};
    for (const char* name : {"ciphertext", "initializationVector", "authenticationTag"}) body[name] = made.Text(name);
    if (!aad.empty()) body["additionalAuthenticatedData"] = Base64(AsBytes(aad));
    return Of("decrypt", std::move(body));
  }
  /// Changes what the cluster has, behind everybody's back.
  void ChangeKeys(
      const std::function<void(std::map<std::uint32_t, hsm_client::testing::DoubleCluster::Key>&)>& change) {
    const std::lock_guard lock(cluster_->mutex);
    change(cluster_->keys);
  }
  void SetPassword(std::string_view user, std::string_view password) {
    const std::lock_guard lock(cluster_->mutex);
    cluster_->users[{proto::CU, std::string(user)}].password = Must(SecretBuffer::CopyOf(AsBytes(password)));
  }
  hsm_client::testing::HsmDouble& hsm() { return *hsm_; }
  Proxies& proxies() { return *proxies_; }
  Status Reload() { return RunTask(loop_, proxies_->Reload()); }
  store::Database& database() { return *database_; }
  Loop& loop() { return loop_; }
  /// Runs what goes on by itself until `done`; false when it does not come to that.
  bool Ends(const std::function<bool()>& done) { return RunUntil(loop_, done); }
  std::string Log() const {
    spdlog::default_logger()->flush();
    return log_.str();
  }

  MovableClock clock;
  OneCluster directory;
  iam::testing::FakeSealer sealer;
  std::string access_key_id, secret;
  std::vector<std::pair<std::string, std::string>> more_headers;

 private:
  static Task<bool> Handled(aws::HttpHandler& handler, const aws::HttpRequest& request, aws::HttpResponse& response) {
    co_await handler.Handle(request, response);
    co_return true;
  }

  std::ostringstream log_;
  std::shared_ptr<spdlog::logger> old_logger_;
  TemporaryDirectory files_;
  channel::testing::TestPki pki_;
  std::shared_ptr<hsm_client::testing::DoubleCluster> cluster_ = std::make_shared<hsm_client::testing::DoubleCluster>();
  std::unique_ptr<hsm_client::testing::HsmDouble> hsm_ =
      std::make_unique<hsm_client::testing::HsmDouble>(pki_, cluster_);
  Loop loop_{1};  // outlives the database, whose threads may be about to hand it an answer
  std::unique_ptr<store::Database> database_;
  aws::PolicyEngine authorizer_;
  RootCredentials root_;
  std::unique_ptr<Proxies> proxies_;
  std::unique_ptr<Admin> admin_;
  std::unique_ptr<aws::Dispatcher> dispatcher_;
  std::unique_ptr<Handler> handler_;
};

}  // namespace strongroom::xks_proxy::testing
