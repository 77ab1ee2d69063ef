#include "kms/testing/fake_service.h"

#include <gtest/gtest.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/json.hpp>
#include <chrono>
#include <future>
#include <sstream>
#include <thread>

#include "aws/dispatch/dispatcher.h"
#include "aws/policy/engine.h"
#include "aws/sigv4/canonical.h"
#include "aws/sigv4/signer.h"

namespace strongroom::kms::testing {
namespace asio = boost::asio;
namespace json = boost::json;
using channel::testing::Must;

namespace {

/// Catches the log of this process while a test runs.
class LogCatcher {
 public:
  static LogCatcher& Instance() {
    static LogCatcher catcher;
    return catcher;
  }
  std::string Text() {
    spdlog::default_logger()->flush();
    const std::lock_guard lock(*mutex_);
    return text_.str();
  }

 private:
  class Sink final : public spdlog::sinks::base_sink<std::mutex> {
   public:
    explicit Sink(LogCatcher& owner) : owner_(owner) {}

   private:
    void sink_it_(const spdlog::details::log_msg& message) override {
      const std::lock_guard lock(*owner_.mutex_);
      owner_.text_ << std::string_view(message.payload.data(), message.payload.size()) << '\n';
    }
    void flush_() override {}
    LogCatcher& owner_;
  };
  LogCatcher() {
    auto logger = std::make_shared<spdlog::logger>("test", std::make_shared<Sink>(*this));
    logger->set_level(spdlog::level::trace);
    spdlog::set_default_logger(std::move(logger));
  }
  std::unique_ptr<std::mutex> mutex_ = std::make_unique<std::mutex>();
  std::ostringstream text_;
};

std::vector<std::string> Regions() {
  return {std::string(kRegion), std::string(kOtherRegion), std::string(kThirdRegion)};
}

/// One signed request as the HTTP server would hand it on.
struct SignedRequest {
  std::string bytes;
  std::vector<aws::HttpHeader> headers;
  aws::HttpRequest request;

  SignedRequest(std::string_view operation, std::string_view body, std::string_view account, std::string_view region) {
    aws::SignRequest sign{.method = "POST", .target = "/", .body = body, .region = region, .service = "kms"};
    sign.headers = {{"Host", "localhost"},
                    {"X-Amz-Date", aws::FormatBasicTime(std::chrono::system_clock::now())},
                    {"Content-Type", "application/x-amz-json-1.1"},
                    {"X-Amz-Target", "TrentService." + std::string(operation)}};
    bytes = Must(aws::SignedHttp(sign, "AKIA" + std::string(account),
                                 Must(SecretBuffer::CopyOf(AsBytes(FakeCredentials::kSecret)))));
    const std::string_view all = bytes;
    const std::size_t head_end = all.find("\r\n\r\n");
    for (std::size_t at = all.find("\r\n"); at < head_end;) {
      const std::size_t begin = at + 2, end = all.find("\r\n", begin);
      const std::string_view line = all.substr(begin, end - begin);
      const std::size_t colon = line.find(": ");
      headers.push_back({line.substr(0, colon), line.substr(colon + 2)});
      at = end;
    }
    request = {.method = "POST",
               .target = "/",
               .headers = headers,
               .body = all.substr(head_end + 4),
               .remote_address = "192.0.2.7"};
  }
};

}  // namespace

std::string B64(std::string_view text) { return Base64(AsBytes(text)); }
Bytes FromB64(const std::string& text) { return Must(FromBase64(text)); }

std::string Answer::Text(std::string_view path) const {
  const json::value* at = &body;
  while (!path.empty()) {
    const std::string_view step = path.substr(0, path.find('.'));
    path.remove_prefix(std::min(path.size(), step.size() + 1));
    if (at->is_array()) {
      const std::size_t index = std::stoul(std::string(step));
      if (index >= at->get_array().size()) return "";
      at = &at->get_array()[index];
    } else if (!at->is_object() || (at = at->get_object().if_contains(step)) == nullptr) {
      return "";
    }
  }
  return at->is_string() ? std::string(at->get_string()) : json::serialize(*at);
}

/// What lives and dies with strongroomd.
struct FakeService::Process {
  explicit Process(Loop& l) : loop(l) {}
  Loop& loop;  // outlives the database, whose threads may be about to hand it an answer
  asio::executor_work_guard<LoopExecutor> work{loop.get_executor()};
  aws::PolicyEngine authorizer;
  std::shared_ptr<hsm_client::ClusterClient> domain;
  std::unique_ptr<Kms> kms;
  std::unique_ptr<aws::Dispatcher> dispatcher;
  std::thread thread;

  ~Process() {
    kms->Stop();
    domain->Close();
    // Once through the loop, so that connections are closed in order.
    std::promise<void> done;
    asio::post(loop, [&] { done.set_value(); });
    done.get_future().wait();
    loop.stop();
    thread.join();
  }
};

FakeService::FakeService(Limits limits)
    : limits_(limits), domain_(std::make_shared<hsm_client::testing::DoubleCluster>()), domain_hsm_(pki_, domain_) {
  LogCatcher::Instance();
  store::Config config;
  config.sqlite_path = directory_of_files_.path() / "store.db";
  database_ = Must(store::Database::Open(config));
  StartProcess(false);
}
FakeService::~FakeService() = default;

void FakeService::StartProcess(bool start) {
  loops_.push_back(std::make_unique<Loop>(1));
  process_ = std::make_unique<Process>(*loops_.back());
  Process& p = *process_;
  hsm_client::ClusterOptions options;
  options.seeds = {domain_hsm_.endpoint()};
  options.port = domain_hsm_.endpoint().port;
  const std::vector<Loop*> loops{&p.loop};
  p.domain = hsm_client::ClusterClient::Create(loops, hsm_client::testing::TrustFor(pki_, true), std::move(options));
  p.kms = Must(Kms::Make({.database = *database_,
                          .authorizer = authorizer_ ? *authorizer_ : p.authorizer,
                          .principals = principals_,
                          .clusters = directory_,
                          .sealer = sealer_,
                          .domain = p.domain,
                          .loops = loops,
                          .cluster_trust = [this](const crypto::Certificate& owner) -> Result<hsm_client::ClientTrust> {
                            channel::InnerClientOptions inner;
                            inner.owners = {owner};
                            SR_TRY(auto context, channel::InnerClient(inner));
                            return hsm_client::ClientTrust{pki_.OuterClientContext(), std::move(context)};
                          },
                          .regions = Regions(),
                          .limits = limits_,
                          .sm2 = sm2_,
                          .attestation = attestation_,
                          .xks = xks_,
                          .deletion_patience = deletion_patience_,
                          .stop_patience = stop_patience_}));
  aws::DispatcherConfig config;
  config.regions = Regions();
  config.credentials = &credentials_;
  config.services = {Describe(*p.kms)};
  config.trail = &trail_;
  p.dispatcher = Must(aws::Dispatcher::Create(std::move(config)));
  p.thread = std::thread([&p] { p.loop.run(); });
  if (start) p.kms->Start();
}
hsm_client::testing::HsmDouble& FakeService::AddDomainHsm() {
  hsm_client::testing::HsmDouble::Options options;
  options.hsm_id = "hsm-double00002";
  options.address = "127.0.0.2";
  options.port = domain_hsm_.endpoint().port;
  second_domain_hsm_ = std::make_unique<hsm_client::testing::HsmDouble>(pki_, domain_, options);
  NewKey();  // connects to the first
  domain_hsm_.PushMembership({domain_hsm_.member(), second_domain_hsm_->member()});
  const auto connected = [this] {
    const auto members = process_->domain->Members();
    return members.size() == 2 && std::ranges::all_of(members, [](const auto& one) { return one.connections > 0; });
  };
  for (int i = 0; i < 60'000 && !connected(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_TRUE(connected());
  return *second_domain_hsm_;
}
void FakeService::RestartWithSm2() {
  sm2_ = true;
  Restart(false);
}
void FakeService::RestartTrusting(std::shared_ptr<const AttestationVerifier> attestation) {
  attestation_ = std::move(attestation);
  Restart(false);
}
void FakeService::RestartAsking(std::shared_ptr<const ports::Authorizer> authorizer) {
  process_.reset();
  authorizer_ = std::move(authorizer);
  StartProcess(false);
}
void FakeService::RestartReachingProxies(const xks::Options& options) {
  xks_ = Must(xks::Network::Make(options));
  Restart(false);
}
void FakeService::Restart(bool start) {
  process_.reset();
  StartProcess(start);
}
void FakeService::Trail::Record(const aws::EndedCall& ended) {
  const auto put = [](json::object& to, const auto& texts) {
    for (const auto& [name, text] : texts) to[name] = text;
  };
  last.clear();
  if (ended.call == nullptr) return;
  put(last, ended.call->audit_data);
  for (const auto& [name, members] : ended.call->audit_objects) put(last[name].emplace_object(), members);
  if (!ended.call->audit_answer.empty()) put(last["answer"].emplace_object(), ended.call->audit_answer);
}
Kms& FakeService::kms() { return *process_->kms; }

void FakeService::RunTask(Task<void> task) {
  std::promise<void> done;
  asio::co_spawn(process_->loop, std::move(task), [&](std::exception_ptr) { done.set_value(); });
  done.get_future().wait();
}

Answer FakeService::Call(std::string_view operation, const json::value& body, std::string_view account,
                         std::string_view region) {
  const std::string text = json::serialize(body);
  const SignedRequest request(operation, text, account, region);
  aws::WipedBuffer out;
  aws::HttpResponse response{.body = out};
  RunTask(process_->dispatcher->Handle(request.request, response));
  Answer answer;
  answer.status = response.status;
  answer.raw = out.view();
  if (!answer.raw.empty()) answer.body = json::parse(answer.raw);
  if (answer.ok()) return answer;
  answer.type = answer.Text("__type");
  const json::object& object = answer.body.as_object();
  answer.has_message = object.contains("message") || object.contains("Message");
  answer.message = answer.Text("message") + answer.Text("Message");
  return answer;
}

std::string FakeService::NewKey(json::object more) {
  const Answer answer = Call("CreateKey", std::move(more));
  return answer.ok() ? answer.Text("KeyMetadata.KeyId") : answer.raw;
}
Bytes FakeService::Encrypted(const std::string& key_id, std::string_view plaintext, json::object context) {
  json::object body{{"KeyId", key_id}, {"Plaintext", B64(plaintext)}};
  if (!context.empty()) body["EncryptionContext"] = std::move(context);
  return FromB64(Call("Encrypt", std::move(body)).Text("CiphertextBlob"));
}

FakeCluster& FakeService::MakeCluster(std::size_t hsms) {
  cluster_ = std::make_unique<FakeCluster>(pki_, hsms);
  cluster_->SetKmsUser(std::string(kInitialPassword));
  directory_.Put(cluster_->Info());
  return *cluster_;
}
std::string FakeService::NewStore(const std::string& name) {
  const Answer made = Call("CreateCustomKeyStore", {{"CustomKeyStoreName", name},
                                                    {"CloudHsmClusterId", kClusterId},
                                                    {"TrustAnchorCertificate", pki_.owner.certificate.ToPem()},
                                                    {"KeyStorePassword", kInitialPassword}});
  return made.ok() ? made.Text("CustomKeyStoreId") : made.raw;
}
std::string FakeService::Settled(const std::string& store_id) {
  for (int i = 0; i < 6000; ++i) {
    const Answer all = Call("DescribeCustomKeyStores", {{"CustomKeyStoreId", store_id}});
    const std::string state = all.Text("CustomKeyStores.0.ConnectionState");
    const std::string code = all.Text("CustomKeyStores.0.ConnectionErrorCode");
    if (state != "CONNECTING" && state != "DISCONNECTING") return code.empty() ? state : state + " " + code;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return "never settled";
}
std::string FakeService::Connect(const std::string& store_id) {
  const Answer answer = Call("ConnectCustomKeyStore", {{"CustomKeyStoreId", store_id}});
  return answer.ok() ? Settled(store_id) : answer.raw;
}
std::string FakeService::Disconnect(const std::string& store_id) {
  const Answer answer = Call("DisconnectCustomKeyStore", {{"CustomKeyStoreId", store_id}});
  return answer.ok() ? Settled(store_id) : answer.raw;
}

void FakeService::Sql(std::string_view statement, std::initializer_list<store::Value> values) {
  const Status done = database_->Transact([&](store::Transaction& t) -> Status {
    SR_CHECK(t.Execute(statement, values));
    return {};
  });
  if (!done.ok()) channel::testing::LogTestFailure(done.error());
  store::FeedEntry all;
  all.kind = store::ChangeFeed::kEverything;
  kms().OnChanges(std::span(&all, 1));
}
std::int64_t FakeService::Count(std::string_view statement, std::initializer_list<store::Value> values) {
  return Must(database_->Read([&](store::Transaction& t) -> Result<std::int64_t> {
    SR_TRY(const auto row, t.QueryOne(statement, values));
    return row ? row->Int(0) : -1;
  }));
}
store::Value FakeService::Sealed(const std::string& store_id, std::string_view password) {
  Bytes sealed;
  auto seal = [](FakeSealer& sealer, std::string name, SecretBuffer text, Bytes& out) -> Task<void> {
    out = Must(co_await sealer.Seal("kmsuser", std::move(name), std::move(text)));
  };
  RunTask(seal(sealer_, store_id, Must(SecretBuffer::CopyOf(AsBytes(password))), sealed));
  return store::Blob(sealed);
}
std::string FakeService::Log() const { return LogCatcher::Instance().Text(); }

}  // namespace strongroom::kms::testing
