#pragma once

#include <atomic>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "base/bytes.h"
#include "base/task.h"
#include "channel/tls_context.h"
#include "control/stream.h"

namespace strongroom::hsm_host {

inline constexpr int kMaxTunnels = 900;     // per HSM, handshake done
inline constexpr int kMaxHandshakes = 256;  // per HSM, client not yet accepted
inline constexpr std::chrono::seconds kHandshakeDeadline{10};
inline constexpr std::chrono::seconds kHalfClosedDeadline{60};

/// How many connections an HSM has; shared by its listeners and by tunnels on all loops.
struct TunnelCounts {
  std::atomic<int> handshaking{0}, established{0};
};

class Tunnel;

/// One thread's loop with what its tunnels share: buffers, and one coarse timer for all deadlines.
class TunnelLoop {
 public:
  TunnelLoop();
  ~TunnelLoop();  // stops and joins
  TunnelLoop(const TunnelLoop&) = delete;
  TunnelLoop& operator=(const TunnelLoop&) = delete;
  Loop& loop() noexcept { return loop_; }
  void StartThread();

 private:
  friend class Tunnel;
  void Sweep();

  std::unordered_set<Tunnel*> tunnels_;  // before the loop, whose end destroys the tunnels that are left
  // Used between two suspensions of one coroutine, never across one.
  Bytes cipher_, plain_, from_hsm_;
  Loop loop_{1};
  boost::asio::executor_work_guard<LoopExecutor> work_;
  boost::asio::basic_waitable_timer<std::chrono::steady_clock, boost::asio::wait_traits<std::chrono::steady_clock>,
                                    LoopExecutor>
      timer_;
  std::thread thread_;
};

/// What a tunnel needs to know.
struct TunnelOptions {
  channel::TlsContext tls;
  std::string hsm_socket;  // path of the HSM's listening socket
  std::string name;        // for the log: HSM and client address
  std::shared_ptr<TunnelCounts> counts;
};

/// Ends a client's outer TLS and carries the bytes inside to and from the HSM, both ways until both have ended. It has
/// no key of the inner TLS. Counts itself in counts->handshaking until the client is accepted; the caller has added
/// one. Must be called on `worker`'s loop.
void StartTunnel(TunnelLoop& worker, control::TcpSocket client, TunnelOptions options);

}  // namespace strongroom::hsm_host
