#pragma once

#include <span>
#include <string>
#include <string_view>

#include "aws/http/wiped_buffer.h"
#include "base/task.h"

namespace strongroom::aws {

struct HttpHeader {
  std::string_view name;   // as sent
  std::string_view value;  // surrounding white space removed
};

/// One received request; its views live until the handler's task has ended.
struct HttpRequest {
  std::string_view method;
  std::string_view target;  // path and query as sent
  std::span<const HttpHeader> headers;
  std::string_view body;  // whole, de-chunked
  std::string_view remote_address;
  std::string_view tls_version{}, tls_cipher{};  // "TLSv1.3", "TLS_AES_128_GCM_SHA256"

  std::string_view path() const noexcept { return target.substr(0, target.find('?')); }
  std::string_view query() const noexcept {
    const auto at = target.find('?');
    return at == std::string_view::npos ? std::string_view() : target.substr(at + 1);
  }
  /// The first header of that name (any case), or null.
  const HttpHeader* Find(std::string_view name) const noexcept;
  std::string_view Get(std::string_view name) const noexcept;
};

/// The answer. The body is appended to the connection's own output buffer, which is wiped after sending.
struct HttpResponse {
  unsigned status = 200;
  std::string_view content_type;  // must be a literal
  std::string request_id;         // sent as x-amzn-RequestId unless empty
  bool close = false;             // close the connection afterwards
  WipedBuffer& body;
};

/// What a server does with a request; called on the connection's loop.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  virtual Task<void> Handle(const HttpRequest& request, HttpResponse& response) = 0;
  /// A request that the server refused itself (400, 408, 413, 431, 501, 503): fills in the body for `response.status`,
  /// in the form that whoever sends this Content-Type (empty: not known) reads.
  virtual void Refuse(std::string_view reason, std::string_view content_type, HttpResponse& response) = 0;
};

}  // namespace strongroom::aws
