#pragma once

#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "channel/connect.h"
#include "hsm_host/tunnel.h"

namespace strongroom::hsm_host {

/// Spaces out one source's connections, so that nobody keeps all loops busy with handshakes: kBurst at once, then kRate
/// a second. Bounded memory: when full, all sources start anew.
class AcceptPacer {
 public:
  static constexpr double kRatePerSecond = 300, kBurst = 600;
  static constexpr std::chrono::milliseconds kLongestDelay{2000};
  /// How long this connection has to wait; nothing: refuse it.
  std::optional<std::chrono::milliseconds> Delay(const boost::asio::ip::address& source,
                                                 std::chrono::steady_clock::time_point now);

 private:
  struct Source {
    double tokens = kBurst;
    std::chrono::steady_clock::time_point last;
  };
  std::unordered_map<std::string, Source> sources_;
};

/// One HSM's address as clients see it: listens on ports 2223 and 2225 and starts tunnels on the workers in turn.
class HsmPort {
 public:
  struct Options {
    std::string hsm_id, address;
    std::shared_ptr<TunnelCounts> counts = std::make_shared<TunnelCounts>();
  };
  HsmPort(Loop& loop, std::vector<std::unique_ptr<TunnelLoop>>& workers, AcceptPacer& pacer, Options options);
  ~HsmPort();
  HsmPort(const HsmPort&) = delete;
  HsmPort& operator=(const HsmPort&) = delete;

  /// Errors: kInvalidArgument not an address of this machine; kAlreadyExists a port is taken; kInternal.
  Status Open();
  bool listening() const noexcept;
  const std::string& address() const noexcept;
  /// For connections from now on. Empty: none is accepted (they are closed at once).
  void SetTls(std::optional<channel::TlsContext> tls);
  /// Where tunnels lead; empty while the HSM is down: connections are closed at once.
  void SetHsmSocket(std::string path);
  const std::shared_ptr<TunnelCounts>& counts() const noexcept;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace strongroom::hsm_host
