#include "xks_client/proxy_client.h"

#include "aws/sigv4/canonical.h"
#include "aws/sigv4/signer.h"
#include "xks_protocol/limits.h"

namespace strongroom::xks {
namespace {

/// A parsed answer, or that it could not be understood.
template <typename T>
Outcome<T> Understood(Result<T> parsed) {
  if (parsed.ok()) return std::move(parsed).value();
  return Failed{Failure::kInvalidResponse, parsed.error().ForLog()};
}

}  // namespace

Failure FailureOf(ErrorName error) noexcept {
  switch (error) {
    case ErrorName::kInvalidState: return Failure::kInvalidState;
    case ErrorName::kInvalidKeyUsage: return Failure::kInvalidKeyUsage;
    case ErrorName::kInvalidCiphertext: return Failure::kInvalidCiphertext;
    case ErrorName::kAuthenticationFailed: return Failure::kBadCredential;
    case ErrorName::kAccessDenied: return Failure::kAccessDenied;
    case ErrorName::kKeyNotFound: return Failure::kKeyNotFound;
    case ErrorName::kInvalidUriPath: return Failure::kInvalidUriPath;
    case ErrorName::kThrottling: return Failure::kThrottled;
    case ErrorName::kInternal: return Failure::kInternal;
    case ErrorName::kUnsupportedOperation: return Failure::kUnsupported;
    case ErrorName::kDependencyTimeout: return Failure::kTimedOut;
    case ErrorName::kValidation:
    case ErrorName::kCount_: break;
  }
  return Failure::kInvalidResponse;
}

Result<std::string> HostOf(std::string_view endpoint) {
  constexpr std::string_view kScheme = "https://";
  if (!endpoint.starts_with(kScheme) || endpoint.size() == kScheme.size() ||
      endpoint.find_first_of("/:?#@[] ", kScheme.size()) != std::string_view::npos)
    return Error(Errc::kInvalidArgument, "XksProxyUriEndpoint must be https:// and a host name.");
  return std::string(endpoint.substr(kScheme.size()));
}

Result<std::shared_ptr<ProxyClient>> ProxyClient::Make(std::shared_ptr<const Network> network, ProxySettings settings) {
  SR_TRY(std::string host, HostOf(settings.endpoint));
  auto pool = std::make_shared<HttpsPool>(std::move(network), host, settings.place);
  return std::shared_ptr<ProxyClient>(new ProxyClient(std::move(settings), std::move(host), std::move(pool)));
}

Task<Outcome<std::string>> ProxyClient::Call(std::string api_path, std::string body) {
  const std::string target = settings_.path + api_path;
  aws::SignRequest sign{
      .method = "POST", .target = target, .body = body, .region = settings_.region, .service = kSigningService};
  sign.headers = {{"Host", host_},
                  {"X-Amz-Date", aws::FormatBasicTime(std::chrono::system_clock::now())},
                  {"Content-Type", "application/json"}};
  auto request = aws::SignedHttp(sign, settings_.access_key_id, settings_.secret);
  if (!request.ok()) co_return Failed{Failure::kOwnTrouble, request.error().ForLog()};
  auto answer = co_await pool_->Send(std::move(*request));
  if (!answer.ok()) co_return answer.failed();
  if (answer->status == 200) co_return std::move(answer->body);
  const auto error = ParseError(answer->status, answer->body);
  if (!error) co_return Failed{Failure::kInvalidResponse, fmt::format("HTTP status {}", answer->status)};
  co_return Failed{FailureOf(error->error), fmt::format("{}: {}", FormOf(error->error).name, error->message)};
}

Task<Outcome<HealthAnswer>> ProxyClient::GetHealthStatus(RequestMetadata metadata) {
  const auto self = shared_from_this();
  const auto body = co_await Call(ApiPath(Api::kHealth, ""), WriteHealthRequest(metadata));
  if (!body.ok()) co_return body.failed();
  auto health = Understood(ParseHealthAnswer(body.value()));
  if (health.ok() && health->all_unavailable())
    co_return Failed{Failure::kUnhealthy, "every external key manager is UNAVAILABLE"};
  co_return health;
}

Task<Outcome<KeyMetadataAnswer>> ProxyClient::GetKeyMetadata(std::string key_id, RequestMetadata metadata) {
  const auto self = shared_from_this();
  const auto body = co_await Call(ApiPath(Api::kKeyMetadata, key_id), WriteKeyMetadataRequest(metadata));
  if (!body.ok()) co_return body.failed();
  co_return Understood(ParseKeyMetadataAnswer(body.value()));
}

Task<Outcome<EncryptAnswer>> ProxyClient::Encrypt(std::string key_id, RequestMetadata metadata, Bytes plaintext,
                                                  Bytes aad) {
  const auto self = shared_from_this();
  const auto body = co_await Call(ApiPath(Api::kEncrypt, key_id), WriteEncryptRequest(metadata, plaintext, aad));
  if (!body.ok()) co_return body.failed();
  co_return Understood(ParseEncryptAnswer(body.value(), plaintext.size(), aad));
}

Task<Outcome<Bytes>> ProxyClient::Decrypt(std::string key_id, RequestMetadata metadata, EncryptAnswer sealed,
                                          Bytes aad) {
  const auto self = shared_from_this();
  const auto body = co_await Call(ApiPath(Api::kDecrypt, key_id), WriteDecryptRequest(metadata, sealed.parts(), aad));
  if (!body.ok()) co_return body.failed();
  co_return Understood(ParseDecryptAnswer(body.value(), sealed.ciphertext.size()));
}

}  // namespace strongroom::xks
