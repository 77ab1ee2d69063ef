#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/task.h"
#include "xks_client/network.h"
#include "xks_client/outcome.h"

namespace strongroom::xks {

struct HttpAnswer {
  unsigned status = 0;
  std::string body;
};

/// Kept-alive HTTPS connections to one host.
///
/// Promise   the certificate is verified for the host's name; the address is one that the network's rules allow, unless
///           the configuration names it; no redirect is followed. A whole answer comes within answer_timeout after
///           sending, or kTimedOut. A request is repeated once only, on a new connection, when a kept one turns out to
///           be broken. New connections take the host's addresses in turn.
/// Limits    answers: kMostBodyBytes of body and 16 KiB of header; 8 idle connections per loop, each for 30 seconds;
///           kMostCalls requests at once, beyond which kThrottled.
/// Threads   any loop; a connection stays on its loop.
class HttpsPool : public std::enable_shared_from_this<HttpsPool> {
 public:
  static constexpr int kMostCalls = 1000;

  /// `place`: where the host is, instead of what DNS says.
  HttpsPool(std::shared_ptr<const Network> network, std::string host, std::optional<HostPort> place);
  ~HttpsPool();
  HttpsPool(const HttpsPool&) = delete;
  HttpsPool& operator=(const HttpsPool&) = delete;

  /// `request` is the whole HTTP/1.1 request.
  Task<Outcome<HttpAnswer>> Send(std::string request);
  /// Drops idle connections and keeps none from now on.
  void Close();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace strongroom::xks
