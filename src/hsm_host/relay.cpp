#include "hsm_host/relay.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/log.h"
#include "base/processors.h"
#include "hsm_host/host_directory.h"
#include "hsm_host/hsm_list.h"
#include "hsm_host/relay_impl.h"
#include "secret/hardening.h"

namespace strongroom::hsm_host {
namespace net = boost::asio;
namespace {

constexpr auto kToken = net::as_tuple(net::use_awaitable_t<LoopExecutor>{});
// Bounds only: whoever asks has a deadline of its own. Joining a large cluster takes minutes.
constexpr std::chrono::minutes kHsmDeadline{15};
constexpr std::chrono::minutes kFrontEndDeadline{2};
constexpr std::chrono::minutes kSupervisorDeadline{1};
constexpr std::chrono::seconds kPortRetry{2};

}  // namespace

struct Relay::Waiting {
  explicit Waiting(Loop& loop) : timer(loop, kSupervisorDeadline) {}
  Timer timer;
  std::optional<Result<proto::Control>> outcome;
};

Relay::Relay(Loop& loop, RelayIdentity identity, unsigned threads)
    : loop_(loop), identity_(std::move(identity)), retry_(loop) {
  for (unsigned i = 0; i < threads; ++i) workers_.push_back(std::make_unique<TunnelLoop>());
}

Relay::~Relay() = default;

Status Relay::Start(UniqueFd supervisor, const std::string& address, std::uint16_t control_port) {
  SR_TRY(supervisor_, PacketLink::Make(loop_, std::move(supervisor)));
  front_ends_ = std::make_unique<FrontEnds>(
      loop_, identity_.control, [this](proto::Control question) { return OnFrontEndQuestion(std::move(question)); },
      [this](proto::Control notice) { OnFrontEndNotice(std::move(notice)); });
  SR_CHECK(front_ends_->Listen(address, control_port));
  for (const auto& worker : workers_) worker->StartThread();
  supervisor_->Start([this](proto::HostMessage message,
                            UniqueFd descriptor) { OnSupervisorMessage(std::move(message), std::move(descriptor)); },
                     [this] { loop_.stop(); });
  proto::HostMessage ready;
  ready.mutable_ready();
  SR_CHECK(supervisor_->Send(ready));
  RetryPorts();
  return {};
}

Task<Result<proto::Control>> Relay::OnFrontEndQuestion(proto::Control question) {
  if (question.hsm_id().empty()) co_return co_await AskHost(std::move(question));
  const auto found = houses_.find(question.hsm_id());
  if (found == houses_.end()) co_return Error(Errc::kNotFound, "This host has no such HSM.");
  const auto link = found->second.link;
  if (!link || !link->open()) co_return Error(Errc::kUnavailable, "The HSM is not running.");
  co_return co_await link->Ask(std::move(question), kHsmDeadline);
}

void Relay::OnFrontEndNotice(proto::Control notice) {
  const auto found = houses_.find(notice.hsm_id());
  if (found == houses_.end() || !found->second.link || !notice.has_log_notice()) return;
  const Status sent = found->second.link->Notify(std::move(notice));
  if (!sent.ok()) LogError("passing on a notice", sent.error());
}

Task<Result<proto::Control>> Relay::OnHsmQuestion(std::string hsm_id, proto::Control question) {
  question.set_hsm_id(hsm_id);
  co_return co_await front_ends_->AskAny(std::move(question), kFrontEndDeadline);
}

Task<Result<proto::Control>> Relay::AskHost(proto::Control question) {
  switch (question.body_case()) {
    case proto::Control::kStartHsm: co_return co_await StartHsm(std::move(question));
    case proto::Control::kHostHello:
    case proto::Control::kListHsms:
    case proto::Control::kStopHsm:
    case proto::Control::kDestroyHsm:
    case proto::Control::kSetClientTrust:
    case proto::Control::kAllowFrontEnd:
    case proto::Control::kRemoveFrontEnd: break;
    default: co_return Error(Errc::kUnsupported, "A host does not answer that; name the HSM it is for.");
  }
  auto answer = co_await AskSupervisor(std::move(question));
  if (!answer.ok()) co_return std::move(answer).error();
  if (answer->has_host_hello())
    for (auto& hsm : *answer->mutable_host_hello()->mutable_hsms()) MarkServing(&hsm);
  if (answer->has_list_hsms())
    for (auto& hsm : *answer->mutable_list_hsms()->mutable_hsms()) MarkServing(&hsm);
  co_return std::move(*answer);
}

void Relay::MarkServing(proto::RunningHsm* hsm) const {
  const auto found = houses_.find(hsm->hsm_id());
  hsm->set_serving(found != houses_.end() && found->second.link && found->second.link->open() && found->second.port &&
                   found->second.port->listening());
}

// The ports come first: an address that is taken, or not ours, shall start nothing.
Task<Result<proto::Control>> Relay::StartHsm(proto::Control question) {
  const std::string hsm_id = question.start_hsm().hsm_id();
  HsmEntry entry;
  entry.hsm_id = hsm_id;
  entry.address = question.start_hsm().address();
  SR_CO_CHECK(Check(entry));
  const auto known = houses_.find(hsm_id);
  const bool was_open = known != houses_.end() && known->second.port && known->second.port->listening();
  Result<proto::Control> answer = Error(Errc::kInternal, "not asked");
  const Status opened = was_open ? Status() : OpenPorts(hsm_id, entry.address);
  if (opened.ok())
    answer = co_await AskSupervisor(std::move(question));
  else
    answer = opened.error();
  const auto found = houses_.find(hsm_id);
  if (!answer.ok() && !was_open && found != houses_.end() && !found->second.link) houses_.erase(found);
  co_return answer;
}

Task<Result<proto::Control>> Relay::AskSupervisor(proto::Control question) {
  const std::uint64_t id = next_id_++;
  proto::HostMessage message;
  message.set_id(id);
  message.set_control(question.SerializeAsString());
  SR_CO_CHECK(supervisor_->Send(message));
  auto waiting = std::make_shared<Waiting>(loop_);
  asked_.emplace(id, waiting);
  co_await waiting->timer.async_wait(kToken);
  asked_.erase(id);
  if (!waiting->outcome) co_return Error(Errc::kTimeout, "The host's supervisor did not answer in time.");
  co_return std::move(*waiting->outcome);
}

void Relay::OnSupervisorMessage(proto::HostMessage message, UniqueFd descriptor) {
  switch (message.body_case()) {
    case proto::HostMessage::kControl: {
      const auto found = asked_.find(message.id());
      if (found == asked_.end()) return;
      proto::Control answer;
      if (answer.ParseFromString(message.control())) found->second->outcome = control::ToResult(std::move(answer));
      found->second->timer.cancel();
      return;
    }
    case proto::HostMessage::kHsmUp: return OnHsmUp(message.hsm_up(), std::move(descriptor));
    case proto::HostMessage::kHsmDown: return OnHsmDown(message.hsm_down());
    case proto::HostMessage::kHsmTrust: return OnHsmTrust(message.hsm_trust());
    case proto::HostMessage::kFrontEnds: {
      std::vector<crypto::Certificate> certificates;
      for (const std::string& der : message.front_ends().certificates())
        if (auto one = crypto::Certificate::FromDer(AsBytes(der)); one.ok()) certificates.push_back(std::move(*one));
      log::Info("{} front ends may connect.", certificates.size());
      return front_ends_->Allow(std::move(certificates));
    }
    default: return;
  }
}

void Relay::OnHsmUp(const proto::HsmUp& up, UniqueFd control) {
  const std::string& hsm_id = up.hsm_id();
  House& house = houses_[hsm_id];
  house.trust_anchor = ToBytes(AsBytes(up.trust_anchor()));
  if (!house.port || house.port->address() != up.address()) {
    const Status opened = OpenPorts(hsm_id, up.address());
    if (!opened.ok()) LogError("listening for " + hsm_id, opened.error());  // RetryPorts goes on trying
  }
  ApplyTrust(hsm_id, house);
  house.port->SetHsmSocket(up.socket());
  if (house.link) house.link->Close(Error(Errc::kUnavailable, "The HSM has started anew."));
  auto link = control::Link::OverDescriptor(loop_, control.Release());
  if (!link.ok()) return LogError("taking the control link of " + hsm_id, link.error());
  house.link = std::move(*link);
  house.link->Start(
      [this, hsm_id](proto::Control question) { return OnHsmQuestion(hsm_id, std::move(question)); },
      [this, hsm_id](proto::Control notice) {
        notice.set_hsm_id(hsm_id);
        if (notice.has_status_changed()) front_ends_->NotifyAll(notice);
      },
      [hsm_id](const Error& why) { log::Info("The control link of {} has ended: {}", hsm_id, why.ForLog()); });
}

void Relay::OnHsmDown(const proto::HsmDown& down) {
  const auto found = houses_.find(down.hsm_id());
  if (found == houses_.end()) return;
  if (found->second.port) found->second.port->SetHsmSocket("");
  const auto link = std::exchange(found->second.link, nullptr);
  if (link) link->Close(Error(Errc::kUnavailable, "The HSM has ended."));
  if (down.for_good()) houses_.erase(found);
}

void Relay::OnHsmTrust(const proto::HsmTrust& trust) {
  const auto found = houses_.find(trust.hsm_id());
  if (found == houses_.end()) return;
  found->second.trust_anchor = ToBytes(AsBytes(trust.trust_anchor()));
  ApplyTrust(trust.hsm_id(), found->second);
}

Status Relay::OpenPorts(const std::string& hsm_id, const std::string& address) {
  House& house = houses_[hsm_id];
  HsmPort::Options options;
  options.hsm_id = hsm_id;
  options.address = address;
  house.port.reset();
  house.port = std::make_unique<HsmPort>(loop_, workers_, pacer_, std::move(options));
  ApplyTrust(hsm_id, house);
  return house.port->Open();
}

void Relay::ApplyTrust(const std::string& hsm_id, House& house) {
  if (!house.port) return;
  channel::OuterServerOptions options{identity_.outer, {identity_.default_client}, {}};
  if (!house.trust_anchor.empty()) {
    auto anchor = crypto::Certificate::FromDer(house.trust_anchor);
    if (anchor.ok())
      options.client_anchors.push_back(std::move(*anchor));
    else
      LogError("reading the trust anchor of " + hsm_id, anchor.error());
  }
  auto tls = channel::OuterServer(options);
  if (!tls.ok()) {
    LogError("setting up TLS for " + hsm_id, tls.error());
    return house.port->SetTls(std::nullopt);
  }
  house.port->SetTls(std::move(*tls));
}

void Relay::RetryPorts() {
  for (auto& [id, house] : houses_)
    if (house.port && !house.port->listening() && house.link && house.port->Open().ok())
      log::Info("{} can be reached at {} now.", id, house.port->address());
  retry_.expires_after(kPortRetry);
  retry_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled) RetryPorts();
  });
}

namespace {

Result<RelayIdentity> LoadRelayIdentity(const HostDirectory& files) {
  SR_TRY(channel::Identity outer, channel::LoadIdentity(files.outer_certificate(), files.outer_key()));
  SR_TRY(crypto::Certificate client, channel::LoadCertificate(files.client_certificate()));
  SR_TRY(channel::Identity control, channel::LoadIdentity(files.control_certificate(), files.control_key()));
  return RelayIdentity{std::move(outer), std::move(client), std::move(control)};
}

// After this the process can do what sockets need, in one empty directory.
Status GiveUpRights(const HostOptions& options) {
  SR_CHECK(secret::DisableCoreDumps());
  if (::fchdir(4) != 0) return Error(Errc::kInternal, "The relay cannot enter the run directory.");
  ::close(4);
  if (::geteuid() == 0) SR_CHECK(secret::DropTo(options.relay_uid, options.relay_gid));
  SR_CHECK(secret::NoNewPrivileges());
  // The change of user has cleared this.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  secret::SandboxOptions sandbox;
  sandbox.directory = ".";
  sandbox.filter_system_calls = false;  // it listens and connects
  auto confined = secret::EnterSandbox(sandbox);
  if (confined.ok()) return {};
  if (confined.error().code() != Errc::kUnsupported) return std::move(confined).error();
  log::Warn("The relay's files are not confined: {}", confined.error().public_message());
  return {};
}

}  // namespace

int RunRelay(const HostOptions& options) {
  ::signal(SIGPIPE, SIG_IGN);
  UniqueFd supervisor(3);
  auto identity = LoadRelayIdentity(HostDirectory{options.data});
  Status ready = identity.ok() ? GiveUpRights(options) : Status(identity.error());
  if (ready.ok()) {
    const unsigned processors = UsableProcessors();
    Loop loop(1);
    Relay relay(loop, std::move(*identity), options.relay_threads != 0 ? options.relay_threads : processors);
    ready = relay.Start(std::move(supervisor), options.address, options.control_port);
    if (ready.ok()) {
      loop.run();
      // Tunnels and links end with the process; taking them apart one by one would serve nobody.
      ::_exit(0);
    }
  }
  log::Critical("The relay cannot start: {}", ready.error().ForLog());
  ::_exit(1);
}

}  // namespace strongroom::hsm_host
