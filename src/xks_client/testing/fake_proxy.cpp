#include "xks_client/testing/fake_proxy.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>
#include <stdexcept>

#include "crypto/aes_gcm.h"
#include "crypto/random.h"
#include "secret/peek_for_tests.h"
#include "xks_protocol/errors.h"
#include "xks_protocol/limits.h"
#include "xks_protocol/requests.h"

namespace strongroom::xks::testing {
namespace asio = boost::asio;
namespace {

template <typename T>
T Must(Result<T> result) {
  if (!result.ok()) throw std::runtime_error(result.error().ForLog());
  return std::move(result).value();
}

std::string Refused(ErrorName error, std::string_view message, unsigned& status) {
  status = FormOf(error).http_status;
  return WriteError(error, message);
}

}  // namespace

struct FakeProxy::Credentials final : ports::Credentials {
  Credentials() {
    auto made = std::make_shared<ports::Credential>();
    made->secret = Must(SecretBuffer::CopyOf(AsBytes(kSecret)));
    one = std::move(made);
  }
  std::shared_ptr<const ports::Credential> Find(std::string_view id) const override {
    return id == kAccessKeyId ? one : nullptr;
  }
  std::shared_ptr<const ports::Credential> one;
};

FakeProxy::FakeProxy()
    : credentials_(std::make_unique<Credentials>()), verifier_(Must(aws::SigV4Verifier::Create(*credentials_, 1))) {
  holder_.open(asio::ip::tcp::v4());
  holder_.bind({asio::ip::address_v4::loopback(), 0});
  holder_.set_option(asio::socket_base::reuse_address(true));  // after it was bound: the proxy's own may share it
  port_ = holder_.local_endpoint().port();
  loops_.Start();
  Listen();
}

FakeProxy::~FakeProxy() {
  StopListening();
  loops_.Stop();
}

void FakeProxy::Listen() {
  aws::HttpServerConfig config;
  config.port = port_;
  config.certificate_chain = certificate_.certificate_path();
  config.private_key = certificate_.key_path();
  server_ = Must(aws::HttpServer::Start(config, loops_, *this));
}

void FakeProxy::StopListening() {
  if (server_) server_->Stop();
  server_.reset();
}

Options FakeProxy::options() const {
  Options options;
  options.hosts["localhost"] = {"127.0.0.1", port_};
  options.ca_file = certificate_.certificate_path();
  options.answer_timeout = std::chrono::seconds(10);
  options.connect_timeout = std::chrono::seconds(10);
  return options;
}

void FakeProxy::SetKey(const std::string& id, KeyMetadataAnswer shown, Bytes metadata) {
  const std::lock_guard lock(mutex_);
  Key& key = keys_[id];
  if (key.material.empty()) key.material = Must(crypto::RandomSecret(32));
  key.shown = std::move(shown);
  key.metadata = std::move(metadata);
}

void FakeProxy::RemoveKey(const std::string& id) {
  const std::lock_guard lock(mutex_);
  keys_.erase(id);
}

void FakeProxy::AnswerNext(std::vector<Script> scripts) {
  const std::lock_guard lock(mutex_);
  scripts_ = std::move(scripts);
}

void FakeProxy::SetHealth(Health health) {
  const std::lock_guard lock(mutex_);
  health_ = health;
}

std::vector<FakeProxy::Seen> FakeProxy::TakeSeen() {
  const std::lock_guard lock(mutex_);
  return std::exchange(seen_, {});
}

std::uint64_t FakeProxy::connections() const { return server_ ? server_->stats().accepted : 0; }

Task<void> FakeProxy::Handle(const aws::HttpRequest& request, aws::HttpResponse& response) {
  Script script;
  {
    const std::lock_guard lock(mutex_);
    seen_.push_back({std::string(request.target), std::string(request.body), std::string(request.Get("host"))});
    if (!scripts_.empty()) {
      script = std::move(scripts_.front());
      scripts_.erase(scripts_.begin());
    }
  }
  if (script.delay.count() > 0) {
    const LoopExecutor loop = co_await asio::this_coro::executor;
    asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, LoopExecutor>
        timer(loop, script.delay);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable_t<LoopExecutor>()));
  }
  std::string body = std::move(script.body);
  unsigned status = script.status;
  if (body.empty()) body = Answer(request, status);
  response.status = status;
  response.content_type = "application/json";
  response.close = script.close;
  response.body.Append(body);
}

void FakeProxy::Refuse(std::string_view reason, std::string_view, aws::HttpResponse& response) {
  response.content_type = "application/json";
  response.body.Append(WriteError(ErrorName::kValidation, reason));
}

std::string FakeProxy::Answer(const aws::HttpRequest& request, unsigned& status) {
  static const std::vector<std::string> kRegions{"eu-central-1", "us-east-1"};
  status = 200;
  const aws::VerifyOptions verify{.regions = kRegions, .service = kSigningService};
  const auto verified = verifier_->Verify(request, verify, std::chrono::system_clock::now());
  if (!verified.ok()) return Refused(ErrorName::kAuthenticationFailed, verified.error().public_message(), status);
  std::string_view path = request.path();
  if (!path.starts_with(kPath)) return Refused(ErrorName::kInvalidUriPath, "", status);
  path.remove_prefix(kPath.size());
  const std::lock_guard lock(mutex_);
  if (path == "/health") {
    const auto parsed = boost::json::parse(request.body).as_object();
    if (!ParseHealthRequest(parsed).ok()) return Refused(ErrorName::kValidation, "", status);
    HealthAnswer answer{2, "Fake", "In memory", "Fake", {}};
    answer.managers.push_back({"one", "m", health_});
    return WriteHealthAnswer(answer);
  }
  constexpr std::string_view kKeys = "/keys/";
  const auto slash = path.rfind('/');
  if (!path.starts_with(kKeys) || slash < kKeys.size()) return Refused(ErrorName::kInvalidUriPath, "", status);
  return AnswerKey(path.substr(kKeys.size(), slash - kKeys.size()), path.substr(slash + 1), request.body, status);
}

std::string FakeProxy::AnswerKey(std::string_view id, std::string_view api, std::string_view body, unsigned& status) {
  const auto found = keys_.find(id);
  if (found == keys_.end()) return Refused(ErrorName::kKeyNotFound, "", status);
  const Key& key = found->second;
  const auto parsed = boost::json::parse(body).as_object();
  if (api == "metadata") {
    if (!ParseKeyMetadataRequest(parsed).ok()) return Refused(ErrorName::kValidation, "", status);
    return WriteKeyMetadataAnswer(key.shown);
  }
  if (key.shown.key_status != "ENABLED") return Refused(ErrorName::kInvalidState, "", status);
  if (api == "encrypt") {
    auto request = ParseEncryptRequest(parsed);
    if (!request.ok()) return Refused(ErrorName::kValidation, request.error().public_message(), status);
    EncryptAnswer answer;
    answer.iv.resize(12);
    if (!crypto::Random(answer.iv).ok()) throw std::runtime_error("no random bytes");
    answer.metadata = key.metadata;
    const Bytes aad = Must(ExternalKeyAad(request->aad, key.metadata));
    Bytes sealed = Must(crypto::AesGcmEncrypt(key.material, {.iv = answer.iv, .aad = aad}, request->plaintext));
    answer.tag.assign(sealed.end() - 16, sealed.end());
    sealed.resize(sealed.size() - 16);
    answer.ciphertext = std::move(sealed);
    return WriteEncryptAnswer(answer, request->wants_integrity, request->aad);
  }
  if (api != "decrypt") return Refused(ErrorName::kInvalidUriPath, "", status);
  auto request = ParseDecryptRequest(parsed);
  if (!request.ok()) return Refused(ErrorName::kValidation, request.error().public_message(), status);
  const Bytes aad = Must(ExternalKeyAad(request->aad, request->ciphertext_metadata));
  Bytes sealed = request->ciphertext;
  Append(sealed, request->tag);
  const auto plaintext = crypto::AesGcmDecrypt(key.material, {.iv = request->iv, .aad = aad}, sealed);
  if (!plaintext.ok()) return Refused(ErrorName::kInvalidCiphertext, "", status);
  return boost::json::serialize(boost::json::object{{"plaintext", Base64(secret::Peek::At(*plaintext))}});
}

}  // namespace strongroom::xks::testing
