#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include "aws_client/config.h"
#include "aws_client/credentials.h"
#include "aws_client/http.h"
#include "aws_client/retry.h"

namespace strongroom::aws_client {

/// What a service says went wrong. Empty code: nothing.
struct ServiceError {
  std::string code{}, message{};
};
inline constexpr std::size_t kLongestCode = 100, kLongestMessage = 300;  // in bytes, as shown
/// A server's words for a terminal: at most `most` bytes of printable ASCII ("..." says that there was more), with '?'
/// for every other byte.
std::string PrintableText(std::string_view text, std::size_t most = kLongestMessage);
/// Both texts so. A server chooses them, and they end in error messages.
ServiceError ForPeople(const ServiceError& error);
using ErrorReader = ServiceError (*)(const HttpResponse& response);

/// Carries the login at IAM Identity Center.
inline constexpr std::string_view kSsoTokenHeader = "x-amz-sso_bearer_token";

/// One request to an AWS service. Views outlive the call; the headers that carry tokens are wiped with it.
struct ServiceRequest {
  std::string_view service{}, region{};  // of the signature
  const Endpoint* endpoint = nullptr;
  std::string_view method = "POST";
  std::string path = "/";  // encoded; comes after the endpoint's own
  std::string query{};     // encoded, without the question mark
  HttpHeaders headers{};
  ByteView body{};
  std::string body_sha256{};  // in hex; empty: it is computed here
  bool is_s3 = false;         // the path is not encoded twice, X-Amz-Content-Sha256 is sent
  const ByteSink* sink = nullptr;
  std::size_t largest_answer = std::size_t{1} << 20;
  std::chrono::milliseconds timeout{0};
  ErrorReader read_error = nullptr;

  ServiceRequest() = default;
  ServiceRequest(ServiceRequest&&) = default;
  ServiceRequest& operator=(ServiceRequest&&) = default;
  ~ServiceRequest();
};

struct ServiceAnswer {
  HttpResponse response{};
  ServiceError error{};  // of an answer that is no 2xx; ForPeople
  bool ok() const noexcept { return error.code.empty(); }
};

/// Signs, sends, and tries again what may pass: connection errors, 5xx, throttling, a clock that is off (the server's
/// Date says by how much), a session that has expired (fetched anew). A transfer of which the sink got bytes is not
/// repeated. Threads   any number of calls at once.
class ServiceCaller {
 public:
  /// `credentials` may be null: requests are not signed then.
  ServiceCaller(std::shared_ptr<HttpClient> http, std::shared_ptr<CredentialsProvider> credentials, RetryOptions retry)
      : http_(std::move(http)), credentials_(std::move(credentials)), policy_(retry) {}

  /// Errors: those of the last attempt's transfer and of the credentials; an answer that refuses is no error here.
  /// `partial`: as of HttpClient::Send, of the last attempt.
  Result<ServiceAnswer> Call(const ServiceRequest& request, HttpResponse* partial = nullptr);
  RetryPolicy& policy() noexcept { return policy_; }
  const std::stop_token& stop() const noexcept { return http_->stop(); }

 private:
  Result<HttpResponse> Attempt(const ServiceRequest& request, HttpResponse& partial);
  bool CorrectClock(const ServiceAnswer& answer);

  const std::shared_ptr<HttpClient> http_;
  const std::shared_ptr<CredentialsProvider> credentials_;
  RetryPolicy policy_;
  std::atomic<std::int64_t> skew_seconds_ = 0;  // the server's clock minus ours
};

/// {"__type": "prefix#Code", "message": ...}, with the code in X-Amzn-ErrorType where the body has none.
ServiceError ReadJsonError(const HttpResponse& response);
/// <Error><Code/><Message/></Error>, also within <ErrorResponse>; by the status where there is no body.
ServiceError ReadXmlError(const HttpResponse& response);

/// Errc of a code such as ThrottlingException, ExpiredToken, AccessDenied, InvalidSignatureException; by `status` else.
Errc CommonErrc(std::string_view code, int status);

/// An HTTP date, "Sun, 06 Nov 1994 08:49:37 GMT".
std::optional<std::chrono::system_clock::time_point> ParseHttpDate(std::string_view text);

}  // namespace strongroom::aws_client
