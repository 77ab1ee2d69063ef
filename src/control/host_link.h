#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/task.h"
#include "channel/tls_context.h"
#include "control.pb.h"
#include "control/link.h"

namespace strongroom::control {

inline constexpr std::uint16_t kControlPort = 2224;

struct HostLinkOptions {
  std::string address;  // of the host, in numbers
  /// Shows the front end's certificate and accepts the host's pinned one alone: channel::ControlClient.
  channel::TlsContext tls;
  std::uint16_t port = kControlPort;
  std::chrono::milliseconds connect_deadline{5000};  // TCP and TLS together
  std::chrono::milliseconds first_pause{100};        // between attempts; doubles up to longest_pause, with jitter
  std::chrono::milliseconds longest_pause{5000};
  LinkOptions link;
};

/// What a front end hears from a host. All are called on the HostLink's loop; each may be empty.
struct HostLinkEvents {
  Link::Handler on_question;      // an HSM's question (LogAppend, LogRead, SnapshotPut, SnapshotGet); hsm_id is set
  Link::NoticeHandler on_notice;  // StatusChanged
  std::function<void()> on_connected;
  std::function<void(const Error& why)> on_disconnected;
};

/// The front end's side of the control link to one host: connects, keeps connected, asks.
///
/// Threads   lives on one loop, where its callbacks run. Ask, Notify and connected may be called from any loop of the
///           process; Ask resumes on the caller's.
/// Lifetime  the loop outlives it. After Stop (or the destructor) no callback runs.
class HostLink {
 public:
  HostLink(Loop& loop, HostLinkOptions options, HostLinkEvents events);
  ~HostLink();
  HostLink(const HostLink&) = delete;
  HostLink& operator=(const HostLink&) = delete;

  /// Begins to connect, and goes on until Stop. Any thread.
  void Start();
  /// Ends the link; waiting questions fail with kUnavailable. Any thread; takes effect on the loop.
  void Stop();

  /// Asks the host (hsm_id empty) or, through it, one of its HSMs.
  /// Errors: the answer's; kUnavailable not connected (nothing was sent) or lost meanwhile (outcome unknown: Error's
  /// detail says which); kTimeout; kThrottled.
  Task<Result<proto::Control>> Ask(std::string hsm_id, proto::Control question,
                                   std::chrono::milliseconds deadline = std::chrono::seconds(30));
  /// Sends a notice (LogNotice) to an HSM, if the host is connected; otherwise it is dropped, as notices are hints.
  void Notify(std::string hsm_id, proto::Control notice);
  bool connected() const noexcept;
  const std::string& address() const noexcept;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace strongroom::control
