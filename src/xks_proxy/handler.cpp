#include "xks_proxy/handler.h"

#include <boost/json.hpp>

#include "aws/dispatch/arena.h"
#include "aws/dispatch/body.h"
#include "aws/dispatch/reply_writer.h"
#include "aws/dispatch/request_id.h"
#include "aws/sigv4/claim.h"
#include "base/log.h"
#include "xks_protocol/answers.h"
#include "xks_protocol/errors.h"
#include "xks_protocol/limits.h"
#include "xks_proxy/audit_line.h"
#include "xks_proxy/path.h"
#include "xks_proxy/wire_error.h"

namespace strongroom::xks_proxy {

/// One request on its way; lives in the coroutine that handles it.
struct Handler::Exchange {
  const aws::HttpRequest& request;
  aws::HttpResponse& response;
  ProxyPtr proxy{};  // set once the signature is known to be one of its credentials'
  ProxyPath path{};
  aws::ArenaLease arena{};
  std::optional<boost::json::value> body{};
  std::optional<xks::RequestMetadata> metadata{};

  const boost::json::object& members() const { return body->get_object(); }
  Result<ClusterKeys*> Keys() const {
    if (proxy->keys) return proxy->keys.get();
    return *proxy->failure;
  }
};

namespace {

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kVendor = "Strongroom";
constexpr std::string_view kProxyModel = "Strongroom XKS proxy";
constexpr std::string_view kManagerModel = "Strongroom HSM";

Error WrongPath() { return Error(Errc::kUnknownOperation, "The path is not one of this external key store proxy."); }

}  // namespace

Result<std::unique_ptr<Handler>> Handler::Create(Proxies& proxies, aws::HttpHandler& rest, std::size_t loops,
                                                 const ports::Clock* clock) {
  SR_TRY(auto verifier, aws::SigV4Verifier::Create(proxies, loops));
  return std::unique_ptr<Handler>(
      new Handler(proxies, rest, clock == nullptr ? ports::SystemClock() : *clock, std::move(verifier)));
}

Status Handler::Authenticate(Exchange& exchange) {
  aws::SignatureClaim claim;
  SR_CHECK(aws::ReadClaim(exchange.request, aws::Presigned::kRefused, claim));
  // Whose credential it claims to be says which region it has to be signed for.
  const auto claimed = proxies_.Find(claim.key_id);
  ProxyPtr proxy = claimed ? proxies_.WithId(claimed->caller.principal_id) : nullptr;
  const std::string region = proxy ? proxy->row.signing_region : std::string(claim.region);
  const aws::VerifyOptions options{.regions = {&region, 1}, .service = xks::kSigningService};
  SR_TRY(const aws::Verified verified, verifier_->Verify(exchange.request, options, clock_.Now()));
  if (!proxy || verified.credential->caller.principal_id != proxy->row.proxy_id ||
      exchange.request.Find("x-amz-date") == nullptr)
    return Error(Errc::kInvalidSignature, "The request is not signed as this API wants it.");
  exchange.proxy = std::move(proxy);
  return {};
}

Status Handler::Route(Exchange& exchange) const {
  const aws::HttpRequest& request = exchange.request;
  const auto path = ParsePath(request.target);
  if (!path || path->prefix != exchange.proxy->row.path_prefix) return WrongPath();
  exchange.path = *path;
  if (request.method != "POST") return Error(Errc::kUnknownOperation, "Requests to this API are POST requests.");
  return {};
}

Task<Status> Handler::Health(Exchange& exchange) {
  SR_CO_TRY(exchange.metadata, xks::ParseHealthRequest(exchange.members()));
  xks::HealthAnswer answer;
  if (exchange.proxy->keys) answer = co_await exchange.proxy->keys->Health();
  if (answer.managers.empty()) {
    xks::HealthAnswer::Manager cluster;
    cluster.id = exchange.proxy->row.cluster_id;
    cluster.health = xks::Health::kUnavailable;
    answer.managers.push_back(std::move(cluster));
  }
  for (auto& manager : answer.managers) manager.model = kManagerModel;
  answer.proxy_vendor = kVendor;
  answer.proxy_model = kProxyModel;
  answer.ekm_vendor = kVendor;
  exchange.response.body.Append(xks::WriteHealthAnswer(answer));
  co_return Status();
}

Task<Status> Handler::KeyMetadata(Exchange& exchange) {
  SR_CO_TRY(exchange.metadata, xks::ParseKeyMetadataRequest(exchange.members()));
  SR_CO_TRY(ClusterKeys * keys, exchange.Keys());
  std::string label(exchange.path.key_id);
  SR_CO_TRY(const KeyFacts facts, co_await keys->Find(std::move(label)));
  if (!facts.aes) co_return Error(Errc::kWrongKeyUsage, "The external key is not an AES key.");
  xks::KeyMetadataAnswer answer;
  answer.key_spec = "AES_" + std::to_string(facts.size_bits);
  if (facts.encrypts) answer.key_usage.emplace_back("ENCRYPT");
  if (facts.decrypts) answer.key_usage.emplace_back("DECRYPT");
  answer.key_status = "ENABLED";
  exchange.response.body.Append(xks::WriteKeyMetadataAnswer(answer));
  co_return Status();
}

Task<Status> Handler::Encrypt(Exchange& exchange) {
  SR_CO_TRY(xks::EncryptRequest request, xks::ParseEncryptRequest(exchange.members()));
  exchange.metadata = std::move(request.metadata);
  SR_CO_TRY(ClusterKeys * keys, exchange.Keys());
  std::string label(exchange.path.key_id);
  SR_CO_TRY(const xks::EncryptAnswer answer,
            co_await keys->Encrypt(std::move(label), request.aad, std::move(request.plaintext)));
  exchange.response.body.Append(xks::WriteEncryptAnswer(answer, request.wants_integrity, request.aad));
  co_return Status();
}

Task<Status> Handler::Decrypt(Exchange& exchange) {
  SR_CO_TRY(xks::DecryptRequest request, xks::ParseDecryptRequest(exchange.members()));
  exchange.metadata = std::move(request.metadata);
  SR_CO_TRY(ClusterKeys * keys, exchange.Keys());
  SR_CO_TRY(const Bytes aad, xks::ExternalKeyAad(request.aad, request.ciphertext_metadata));
  std::string label(exchange.path.key_id);
  SR_CO_TRY(SecretBuffer plaintext, co_await keys->Decrypt(std::move(label), aad, request));
  aws::Reply reply;
  reply.Secret("plaintext", std::move(plaintext));
  aws::ReplyWriter::Json(reply, exchange.response.body);
  co_return Status();
}

Task<Status> Handler::Answer(Exchange& exchange) {
  SR_CO_CHECK(Authenticate(exchange));
  SR_CO_CHECK(Route(exchange));
  if (trail_ != nullptr) SR_CO_CHECK(trail_->Admit());
  if (exchange.request.body.size() > xks::kMostBodyBytes)
    co_return Error(Errc::kInvalidArgument, "The request's body is too long.");
  SR_CO_TRY(auto&& parsed, aws::ParseJsonBody(exchange.request.body, *exchange.arena));
  exchange.body.emplace(std::move(parsed));
  switch (exchange.path.api) {
    case xks::Api::kHealth: co_return co_await Health(exchange);
    case xks::Api::kKeyMetadata: co_return co_await KeyMetadata(exchange);
    case xks::Api::kEncrypt: co_return co_await Encrypt(exchange);
    case xks::Api::kDecrypt: co_return co_await Decrypt(exchange);
  }
  co_return WrongPath();
}

void Handler::Fail(Exchange& exchange, const Error& error, std::size_t empty_body, AuditLine& line) const {
  const xks::ErrorForm& form = FormFor(error.code());
  aws::HttpResponse& response = exchange.response;
  response.body.Truncate(empty_body);
  response.status = form.http_status;
  response.body.Append(xks::WriteError(form.error, MessageFor(error)));
  line.result = form.name;
  line.why = error.public_message();
  if (form.error == xks::ErrorName::kInternal) LogError("external key store proxy", error);
}

/// The trail has the request in the account whose proxy it is.
void Handler::Record(const Exchange& exchange, const AuditLine& line) const {
  constexpr std::array<std::string_view, 4> kNames{"GetHealthStatus", "GetKeyMetadata", "Encrypt", "Decrypt"};
  ports::AuditEvent event;
  event.kind = ports::AuditEvent::Kind::kForeignCall;
  event.account = exchange.proxy->row.account;
  event.region = exchange.proxy->row.region;
  event.event_source = "strongroom";
  event.event_name = "Xks" + std::string(kNames[static_cast<std::size_t>(exchange.path.api)]);
  event.read_only = true;
  event.request_id = exchange.response.request_id;
  event.source_ip = exchange.request.remote_address;
  event.user_agent = exchange.request.Get("user-agent");
  event.details = {{"proxyId", exchange.proxy->row.proxy_id}};
  const auto put = [&event](std::string_view name, std::string_view value) {
    constexpr std::size_t kMostChars = 2048;
    if (!value.empty()) event.details.emplace_back(name, value.substr(0, kMostChars));
  };
  put("externalKeyId", exchange.path.key_id);
  if (const auto& m = exchange.metadata) {
    put("awsPrincipalArn", m->aws_principal_arn);
    put("kmsKeyArn", m->kms_key_arn);
    put("kmsOperation", m->kms_operation);
    put("kmsRequestId", m->kms_request_id);
    put("kmsViaService", m->kms_via_service);
  }
  if (line.result != "ok") {
    event.error_code = line.result;
    event.error_message = line.why;
  }
  audit_->Record(event);
}

// No coroutine of its own: every request to every service comes this way.
Task<void> Handler::Handle(const aws::HttpRequest& request, aws::HttpResponse& response) {
  return IsForProxies(request.path()) ? HandleOurs(request, response) : rest_.Handle(request, response);
}

Task<void> Handler::HandleOurs(const aws::HttpRequest& request, aws::HttpResponse& response) {
  const auto start = std::chrono::steady_clock::now();
  const std::size_t empty_body = response.body.size();
  response.request_id = aws::NewRequestId();
  response.content_type = kJson;
  Exchange exchange{.request = request, .response = response};
  Status done;
  try {
    done = co_await Answer(exchange);
  } catch (const std::exception& unexpected) {
    done = Error(Errc::kInternal, "Unexpected exception.").WithDetail(unexpected.what());
  }
  Status durable;  // the line below may have its text
  AuditLine line;
  if (!done.ok()) Fail(exchange, done.error(), empty_body, line);
  if (exchange.proxy && audit_ != nullptr) {
    Record(exchange, line);
    if (trail_->holds_answers()) {
      durable = co_await trail_->Durable();
      if (!durable.ok()) Fail(exchange, durable.error(), empty_body, line);
    }
  }
  line.remote_address = request.remote_address;
  if (!exchange.proxy) {
    std::uint64_t suppressed = 0;
    if (WorthALine(suppressed))
      log::Warn("xks: a request from {} was not signed by a proxy's credential ({} more unsaid)",
                request.remote_address, suppressed);
    co_return;
  }
  line.proxy_id = exchange.proxy->row.proxy_id;
  line.key_id = exchange.path.key_id;
  line.api = exchange.path.api;
  line.metadata = exchange.metadata ? &*exchange.metadata : nullptr;
  line.took = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start);
  Write(line);
}

}  // namespace strongroom::xks_proxy
