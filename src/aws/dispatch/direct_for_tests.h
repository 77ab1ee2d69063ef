#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "aws/dispatch/fake_service_for_tests.h"

namespace strongroom::aws::testing_kit {

struct Answered {
  unsigned status = 0;
  std::string content_type, request_id, body;
};

/// The dispatcher with no server around it.
class Direct : public FakeEndpoint {
 public:
  using FakeEndpoint::FakeEndpoint;
  /// Hands one HTTP request, given as its bytes, to the dispatcher.
  Answered Send(const std::string& http) {
    std::vector<HttpHeader> headers;
    const std::size_t head_end = http.find("\r\n\r\n");
    std::string_view head = std::string_view(http).substr(0, head_end);
    const std::string_view line = head.substr(0, head.find("\r\n"));
    const std::size_t first = line.find(' '), last = line.rfind(' ');
    while (head.find("\r\n") != std::string_view::npos) {
      head = head.substr(head.find("\r\n") + 2);
      const std::string_view one = head.substr(0, head.find("\r\n"));
      headers.push_back({one.substr(0, one.find(": ")), one.substr(one.find(": ") + 2)});
    }
    const HttpRequest request{.method = line.substr(0, first),
                              .target = line.substr(first + 1, last - first - 1),
                              .headers = headers,
                              .body = std::string_view(http).substr(head_end + 4),
                              .remote_address = "192.0.2.7"};
    WipedBuffer out;
    HttpResponse response{.body = out};
    Loop loop;
    auto handling = dispatcher->Handle(request, response);
    boost::asio::co_spawn(loop, std::move(handling), boost::asio::detached);
    loop.run();
    return {response.status, std::string(response.content_type), response.request_id, std::string(out.view())};
  }
  Answered Kms(std::string_view operation, std::string_view body) {
    return Send(Signed("kms", "TrentService." + std::string(operation), body));
  }
  Answered Sts(std::string_view form) { return Send(Signed("sts", "", form)); }
};

}  // namespace strongroom::aws::testing_kit
