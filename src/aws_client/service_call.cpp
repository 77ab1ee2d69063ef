#include "aws_client/service_call.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "aws_client/secret_text.h"
#include "crypto/hash.h"
#include "sigv4/sign.h"

namespace strongroom::aws_client {
namespace {

using std::chrono::system_clock;

/// A clock that is off by less does not explain a refusal.
constexpr std::chrono::minutes kSkewThatMatters{4};

struct CommonCode {
  std::string_view code;
  Errc errc;
};
constexpr auto kCommonCodes = std::to_array<CommonCode>({
    {"AccessDenied", Errc::kAccessDenied},
    {"AccessDeniedException", Errc::kAccessDenied},
    {"UnauthorizedOperation", Errc::kAccessDenied},
    {"Forbidden", Errc::kAccessDenied},
    {"OptInRequired", Errc::kAccessDenied},
    {"NotAuthorized", Errc::kNotAuthorized},
    {"Throttling", Errc::kThrottled},
    {"ThrottlingException", Errc::kThrottled},
    {"ThrottledException", Errc::kThrottled},
    {"RequestThrottled", Errc::kThrottled},
    {"RequestThrottledException", Errc::kThrottled},
    {"TooManyRequestsException", Errc::kThrottled},
    {"RequestLimitExceeded", Errc::kThrottled},
    {"BandwidthLimitExceeded", Errc::kThrottled},
    {"PriorRequestNotComplete", Errc::kThrottled},
    {"SlowDown", Errc::kThrottled},
    {"RequestTimeout", Errc::kTimeout},
    {"RequestTimeoutException", Errc::kTimeout},
    {"InternalError", Errc::kUnavailable},
    {"InternalFailure", Errc::kUnavailable},
    {"InternalServerError", Errc::kUnavailable},
    {"ServiceUnavailable", Errc::kUnavailable},
    {"ServiceUnavailableException", Errc::kUnavailable},
    {"IDPCommunicationError", Errc::kUnavailable},
    {"ExpiredToken", Errc::kExpiredToken},
    {"ExpiredTokenException", Errc::kExpiredToken},
    {"RequestExpired", Errc::kInvalidSignature},
    {"RequestTimeTooSkewed", Errc::kInvalidSignature},
    {"RequestInTheFuture", Errc::kInvalidSignature},
    {"SignatureDoesNotMatch", Errc::kInvalidSignature},
    {"InvalidSignatureException", Errc::kInvalidSignature},
    {"AuthFailure", Errc::kInvalidSignature},
    {"IncompleteSignature", Errc::kIncompleteSignature},
    {"InvalidClientTokenId", Errc::kUnrecognizedClient},
    {"UnrecognizedClientException", Errc::kUnrecognizedClient},
    {"InvalidAccessKeyId", Errc::kUnrecognizedClient},
    {"InvalidToken", Errc::kUnrecognizedClient},
    {"MissingAuthenticationToken", Errc::kMissingAuthentication},
    {"MissingAuthenticationTokenException", Errc::kMissingAuthentication},
    {"ValidationException", Errc::kInvalidArgument},
    {"ValidationError", Errc::kInvalidArgument},
    {"UnknownOperationException", Errc::kUnknownOperation},
    {"NotImplemented", Errc::kUnsupported},
});

std::optional<std::chrono::seconds> RetryAfter(const HttpResponse& response) {
  const std::string_view text = response.Header("retry-after");
  unsigned seconds = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (text.empty() || failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return std::chrono::seconds(seconds);
}

Retry RetryOf(const ServiceAnswer& answer) {
  switch (CommonErrc(answer.error.code, answer.response.status)) {
    case Errc::kThrottled: return Retry::kThrottled;
    case Errc::kTimeout: return Retry::kTimeout;
    case Errc::kUnavailable: return Retry::kTransient;
    default: return answer.response.status >= 500 && answer.response.status != 501 ? Retry::kTransient : Retry::kNever;
  }
}

void WipeTokens(HttpHeaders& headers) {
  for (auto& [name, value] : headers) {
    if (name == "X-Amz-Security-Token" || name == kSsoTokenHeader) secret::Wipe(value.data(), value.size());
  }
}

}  // namespace

ServiceRequest::~ServiceRequest() { WipeTokens(headers); }

std::optional<system_clock::time_point> ParseHttpDate(std::string_view text) {
  const time_t time = curl_getdate(std::string(text).c_str(), nullptr);
  if (text.empty() || time == -1) return std::nullopt;
  return system_clock::from_time_t(time);
}

Errc CommonErrc(std::string_view code, int status) {
  const auto found = std::ranges::find(kCommonCodes, code, &CommonCode::code);
  if (found != kCommonCodes.end()) return found->errc;
  if (status == 429) return Errc::kThrottled;
  if (status == 501) return Errc::kUnsupported;
  if (status >= 500) return Errc::kUnavailable;
  return Errc::kInternal;
}

std::string PrintableText(std::string_view text, std::size_t most) {
  std::string out(text.substr(0, most));
  for (char& c : out) {
    if (c < 0x20 || c > 0x7e) c = '?';
  }
  if (text.size() > most) out += "...";
  return out;
}

ServiceError ForPeople(const ServiceError& error) {
  return {.code = PrintableText(error.code, kLongestCode), .message = PrintableText(error.message, kLongestMessage)};
}

Result<HttpResponse> ServiceCaller::Attempt(const ServiceRequest& request, HttpResponse& partial) {
  const Endpoint& endpoint = *request.endpoint;
  HttpRequest http;
  http.method = request.method;
  http.headers = request.headers;
  http.body = request.body;
  http.sink = request.sink;
  http.largest_answer = request.largest_answer;
  http.timeout = request.timeout;
  const std::string path = endpoint.path.empty() ? request.path : endpoint.path + request.path;
  http.url = fmt::format("{}://{}{}{}{}", endpoint.scheme, endpoint.host, path, request.query.empty() ? "" : "?",
                         request.query);
  if (credentials_ != nullptr) {
    SR_TRY(const auto credentials, credentials_->Get());
    const auto now = system_clock::now() + std::chrono::seconds(skew_seconds_.load());
    const std::string payload = request.body_sha256.empty() ? Hex(crypto::Sha256(request.body)) : request.body_sha256;
    http.headers.emplace_back("Host", endpoint.host);
    http.headers.emplace_back("X-Amz-Date", sigv4::FormatBasicTime(now));
    if (request.is_s3) http.headers.emplace_back("X-Amz-Content-Sha256", payload);
    if (!credentials->session_token.empty()) {
      SecretString token;
      SecretText::Append(credentials->session_token, token);
      http.headers.emplace_back("X-Amz-Security-Token", TextOf(token));
    }
    auto parts = sigv4::Sign({.method = request.method,
                              .path = path,
                              .query = request.query,
                              .headers = http.headers,
                              .payload = payload,
                              .path_form = request.is_s3 ? sigv4::PathForm::kEncodedOnce : sigv4::PathForm::kNormalized,
                              .region = request.region,
                              .service = request.service},
                             credentials->access_key_id, credentials->signing_start);
    if (!parts.ok()) return std::move(parts).error();
    secret::Wipe(parts->canonical_request.data(), parts->canonical_request.size());
    http.headers.emplace_back("Authorization", std::move(parts->authorization));
  }
  auto response = http_->Send(http, &partial);
  WipeTokens(http.headers);
  return response;
}

bool ServiceCaller::CorrectClock(const ServiceAnswer& answer) {
  const Errc errc = CommonErrc(answer.error.code, answer.response.status);
  if (errc != Errc::kInvalidSignature && errc != Errc::kAccessDenied) return false;
  const auto theirs = ParseHttpDate(answer.response.Header("date"));
  if (!theirs) return false;
  const auto ours = system_clock::now() + std::chrono::seconds(skew_seconds_.load());
  if (std::chrono::abs(*theirs - ours) < kSkewThatMatters) return false;
  skew_seconds_ = std::chrono::duration_cast<std::chrono::seconds>(*theirs - system_clock::now()).count();
  return true;
}

Result<ServiceAnswer> ServiceCaller::Call(const ServiceRequest& request, HttpResponse* partial) {
  bool clock_corrected = false, session_renewed = false;
  for (int attempts = 1;; ++attempts) {
    HttpResponse unfinished;
    auto sent = Attempt(request, unfinished);
    Retry retry = Retry::kNever;
    std::optional<std::chrono::seconds> retry_after;
    ServiceAnswer answer;
    if (sent.ok()) {
      answer.response = *std::move(sent);
      if (answer.response.status / 100 == 2) {
        policy_.Succeeded(attempts);
        return answer;
      }
      answer.error = ForPeople(request.read_error(answer.response));
      if (answer.error.code.empty()) answer.error.code = fmt::format("HTTP{}", answer.response.status);
      if (!clock_corrected && CorrectClock(answer)) {
        clock_corrected = true;
        --attempts;
        continue;
      }
      if (!session_renewed && credentials_ != nullptr &&
          CommonErrc(answer.error.code, answer.response.status) == Errc::kExpiredToken) {
        session_renewed = true;
        credentials_->Invalidate();
        --attempts;
        continue;
      }
      retry = RetryOf(answer);
      retry_after = RetryAfter(answer.response);
    } else {
      retry = unfinished.handed_on == 0 ? aws_client::RetryOf(sent.error()) : Retry::kNever;
    }
    const auto wait = policy_.Next(attempts, retry, retry_after);
    if (!wait) {
      if (sent.ok()) return answer;
      if (partial != nullptr) *partial = std::move(unfinished);
      return std::move(sent).error();
    }
    SR_CHECK(Wait(*wait, stop()));
  }
}

}  // namespace strongroom::aws_client
