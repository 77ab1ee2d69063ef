#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aws_client/object_store.h"
#include "base/bytes.h"
#include "base/result.h"
#include "secret/secret_vector.h"

namespace strongroom::aws_client {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

enum class Proxies : std::uint8_t { kAsEnvironment, kNone };

struct HttpRequest {
  std::string_view method = "GET";
  std::string url{};
  HttpHeaders headers{};
  /// Sent as it is, from where it lies, with its Content-Length; present for POST and PUT also when empty.
  ByteView body{};
  /// Gets the body of a 2xx answer piece by piece instead of HttpResponse::body.
  const ByteSink* sink = nullptr;
  std::size_t largest_answer = std::size_t{1} << 20;  // of what goes into HttpResponse::body
  Proxies proxies = Proxies::kAsEnvironment;
  std::chrono::milliseconds connect_timeout{10'000};
  /// For the whole exchange; zero: as long as bytes flow.
  std::chrono::milliseconds timeout{0};
};

struct HttpResponse {
  int status = 0;
  HttpHeaders headers{};  // names in lower case
  SecretBytes body{};
  std::uint64_t handed_on = 0;  // bytes that the sink got

  /// Empty when it is not there.
  std::string_view Header(std::string_view lower_case_name) const;
  std::string_view Text() const { return AsText(body); }
};

struct HttpOptions {
  std::string ca_bundle{};  // a file in place of the system's certificates
  /// A request during which this is requested ends with kCancelled, within a second.
  std::stop_token stop{};
  /// A transfer that stands still for so long is given up.
  std::chrono::seconds stall{30};
};

/// HTTP/1.1 over libcurl. TLS certificates are always verified, redirects never followed; connections are kept.
///
/// Errors    kUnavailable (not reachable, cut) and kTimeout: the same request may succeed later; kUntrusted for a
///           certificate; kCancelled; kCorrupted for an answer over its limit or that is no HTTP; kInvalidArgument for
///           a request that cannot be sent; the sink's own. An answer of any status is a success here.
/// Threads   any number of calls at once, each with a connection of its own.
class HttpClient {
 public:
  /// Errors: kNotFound or kPermission for the CA bundle; kResourceExhausted.
  static Result<std::unique_ptr<HttpClient>> Create(HttpOptions options);
  ~HttpClient();
  /// `partial`, where given, gets what had come of the answer when the call fails.
  Result<HttpResponse> Send(const HttpRequest& request, HttpResponse* partial = nullptr);
  const std::stop_token& stop() const noexcept;

 private:
  struct Impl;
  explicit HttpClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace strongroom::aws_client
