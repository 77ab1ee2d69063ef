#pragma once

#include <memory>
#include <string>

#include "channel/tls_context.h"
#include "cloudhsm/log/log_server.h"
#include "cloudhsm/nodes/hosts.h"
#include "cloudhsm/nodes/lifecycle.h"

namespace strongroom::cloudhsm {

struct ControlHostOptions {
  std::string host_id;
  std::string address;
  std::uint16_t port = 2224;
};

/// A configured host over its control link (control::HostLink): serves its HSMs' log requests, reports their lifecycle,
/// and carries the jobs' questions.
/// Lifetime  `loop`, `log` and `lifecycle` outlive it; no callback runs after Stop has taken effect on the loop.
class ControlHost final : public Host {
 public:
  ControlHost(Loop& loop, ControlHostOptions options, const channel::TlsContext& tls, LogServer& log);
  ~ControlHost() override;

  /// Connects and stays connected until Stop. `lifecycle` hears of its HSMs.
  void Start(Lifecycle& lifecycle);
  void Stop();

  Task<Result<proto::Control>> Ask(std::string hsm_id, proto::Control question,
                                   std::chrono::milliseconds deadline) override;
  void Notify(std::string hsm_id, proto::Control notice) override;
  bool connected() const override;
  void SetSilent(bool silent) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace strongroom::cloudhsm
