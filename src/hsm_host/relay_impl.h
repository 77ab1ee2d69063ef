#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "hsm_host/front_ends.h"
#include "hsm_host/hsm_port.h"
#include "hsm_host/packet_link.h"

namespace strongroom::hsm_host {

/// What the relay shows and whom it knows; read before it gives up its rights.
struct RelayIdentity {
  channel::Identity outer;
  crypto::Certificate default_client;
  channel::Identity control;
};

/// The relay's state, on its main loop; tunnels run on the workers.
class Relay {
 public:
  Relay(Loop& loop, RelayIdentity identity, unsigned threads);
  ~Relay();
  Status Start(UniqueFd supervisor, const std::string& address, std::uint16_t control_port);

 private:
  using Timer = boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                                  boost::asio::wait_traits<std::chrono::steady_clock>, LoopExecutor>;
  struct House {
    std::unique_ptr<HsmPort> port;
    std::shared_ptr<control::Link> link;  // to the HSM; empty while it is down
    Bytes trust_anchor;
  };
  struct Waiting;

  Task<Result<proto::Control>> OnFrontEndQuestion(proto::Control question);
  void OnFrontEndNotice(proto::Control notice);
  Task<Result<proto::Control>> OnHsmQuestion(std::string hsm_id, proto::Control question);
  Task<Result<proto::Control>> AskHost(proto::Control question);
  Task<Result<proto::Control>> StartHsm(proto::Control question);
  Task<Result<proto::Control>> AskSupervisor(proto::Control question);
  void OnSupervisorMessage(proto::HostMessage message, UniqueFd descriptor);
  void OnHsmUp(const proto::HsmUp& up, UniqueFd control);
  void OnHsmDown(const proto::HsmDown& down);
  void OnHsmTrust(const proto::HsmTrust& trust);
  Status OpenPorts(const std::string& hsm_id, const std::string& address);
  void ApplyTrust(const std::string& hsm_id, House& house);
  void RetryPorts();
  void MarkServing(proto::RunningHsm* hsm) const;

  Loop& loop_;
  const RelayIdentity identity_;
  AcceptPacer pacer_;
  std::vector<std::unique_ptr<TunnelLoop>> workers_;
  std::map<std::string, House> houses_;
  std::unique_ptr<FrontEnds> front_ends_;
  std::shared_ptr<PacketLink> supervisor_;
  std::unordered_map<std::uint64_t, std::shared_ptr<Waiting>> asked_;
  std::uint64_t next_id_ = 1;
  Timer retry_;
};

}  // namespace strongroom::hsm_host
