#include "cloudhsm/control_host.h"

#include <atomic>

#include "base/log.h"
#include "control/host_link.h"

namespace strongroom::cloudhsm {

struct ControlHost::State {
  std::string host_id;
  LogServer* log = nullptr;
  std::atomic<Lifecycle*> lifecycle{nullptr};
  std::atomic<bool> silent{false};
  std::unique_ptr<control::HostLink> link;
};

ControlHost::ControlHost(Loop& loop, ControlHostOptions options, const channel::TlsContext& tls, LogServer& log)
    : state_(std::make_unique<State>()) {
  state_->host_id = options.host_id;
  state_->log = &log;
  control::HostLinkOptions link{.address = options.address, .tls = tls, .port = options.port};
  State* state = state_.get();
  control::HostLinkEvents events;
  events.on_question = [state](proto::Control question) {
    return state->log->Answer(state->host_id, std::move(question));
  };
  events.on_notice = [state](proto::Control notice) {
    Lifecycle* lifecycle = state->lifecycle;
    if (lifecycle == nullptr || notice.body_case() != proto::Control::kStatusChanged) return;
    lifecycle->StatusChanged(state->host_id, notice.hsm_id(), notice.status_changed());
  };
  events.on_connected = [state] {
    state->silent = false;
    log::Info("host {} is connected", state->host_id);
    if (Lifecycle* lifecycle = state->lifecycle) lifecycle->HostConnected(state->host_id);
  };
  events.on_disconnected = [state](const Error& why) {
    log::Warn("host {} is not connected: {}", state->host_id, why.ForLog());
  };
  state_->link = std::make_unique<control::HostLink>(loop, std::move(link), std::move(events));
}

ControlHost::~ControlHost() = default;

void ControlHost::Start(Lifecycle& lifecycle) {
  state_->lifecycle = &lifecycle;
  state_->link->Start();
}

void ControlHost::Stop() { state_->link->Stop(); }

Task<Result<proto::Control>> ControlHost::Ask(std::string hsm_id, proto::Control question,
                                              std::chrono::milliseconds deadline) {
  return state_->link->Ask(std::move(hsm_id), std::move(question), deadline);
}

void ControlHost::Notify(std::string hsm_id, proto::Control notice) {
  state_->link->Notify(std::move(hsm_id), std::move(notice));
}

bool ControlHost::connected() const { return state_->link->connected() && !state_->silent; }

void ControlHost::SetSilent(bool silent) {
  if (state_->silent.exchange(silent) == silent) return;
  if (silent)
    log::Warn("host {} is connected and does not answer", state_->host_id);
  else
    log::Info("host {} answers again", state_->host_id);
}

}  // namespace strongroom::cloudhsm
