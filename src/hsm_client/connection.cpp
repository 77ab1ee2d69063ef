#include "hsm_client/connection.h"

#include <boost/asio/this_coro.hpp>

#include "base/ids.h"
#include "channel/waiter.h"
#include "messages.pb.h"
#include "wire/status.h"

namespace strongroom::hsm_client {
namespace asio = boost::asio;
namespace {

constexpr std::size_t kMostOutstanding = 65'536;
constexpr std::chrono::milliseconds kTick(25);        // how coarse deadlines are
constexpr std::uint64_t kPingId = ~std::uint64_t{0};  // of no slot

using Outcome = Result<wire::Frame>;
using Handler = channel::Resume<Outcome>;

/// One outstanding call. Slots are used again; the generation tells a late reply from one to the next call.
struct Slot {
  std::optional<Handler> handler;
  Clock::time_point deadline;
  Executed* executed = nullptr;
  bool leaves_when_silent = false;
  std::uint32_t generation = 0;
};

Outcome ToOutcome(wire::Frame&& frame) {
  if (frame.code == 0) return std::move(frame);
  proto::Failure failure;
  if (!wire::ParseMessage(frame, failure).ok()) failure.clear_message();
  return Error(wire::ErrcOf(frame.code), std::move(*failure.mutable_message()));
}

}  // namespace

struct HsmConnection::Impl final : channel::PipeEvents, std::enable_shared_from_this<HsmConnection::Impl> {
  Impl(std::shared_ptr<channel::TlsPipe> p, Endpoint e, std::shared_ptr<PositionKeeper> k)
      : pipe(std::move(p)), endpoint(std::move(e)), position(std::move(k)), timer(pipe->get_executor()) {
    outgoing.kind = wire::FrameKind::kRequest;
  }
  ~Impl() { pipe->Close(); }

  void OnFrame(wire::Frame& frame) override {
    unheard = {};
    asked = silent = false;
    switch (frame.kind) {
      case wire::FrameKind::kReply: return OnReply(frame);
      case wire::FrameKind::kEvent: return OnEvent(frame);
      case wire::FrameKind::kRequest:
        pipe->Close();
        return OnClosed(Error(Errc::kSerialization, "The HSM sent a request."));
    }
  }

  void OnReply(wire::Frame& frame) {
    if (!frame.position.empty()) {
      // What this HSM has just told us it need not hear again.
      if (const std::uint64_t taken = position->Offer(frame.position); taken != 0) sent_version = taken;
    }
    const auto index = static_cast<std::uint32_t>(frame.id);
    if (index >= slots.size() || slots[index].generation != frame.id >> 32 || !slots[index].handler) return;
    Complete(index, ToOutcome(std::move(frame)), Executed::kNo);
  }

  void OnEvent(wire::Frame& frame) {
    if (frame.code != static_cast<std::uint16_t>(wire::Event::kMembership)) return;
    proto::MembershipEvent event;
    if (!wire::ParseMessage(frame, event).ok()) return;
    membership = std::move(event);
    if (on_membership) on_membership(*membership);
  }

  void OnClosed(const Error& why) override {
    const auto keep = shared_from_this();
    FailAll(why);
    if (const ClosedHandler told = std::exchange(on_closed, nullptr)) told(why);
  }

  /// The HSM is silent, and there are others: whoever may goes to one of them.
  void Leave() {
    for (std::uint32_t i = 0; i < slots.size(); ++i)
      if (slots[i].handler && slots[i].leaves_when_silent)
        Complete(i, Error(Errc::kUnavailable, "The HSM does not answer."), Executed::kPerhaps);
  }

  void FailAll(const Error& why) {
    timer.cancel();
    for (std::uint32_t i = 0; i < slots.size(); ++i)
      if (slots[i].handler)
        Complete(i, Error(Errc::kUnavailable, "The connection to the HSM was lost.").WithDetail(why.ForLog()),
                 Executed::kPerhaps);
  }

  void Complete(std::uint32_t index, Outcome outcome, Executed executed) {
    Slot& slot = slots[index];
    Handler handler = std::move(*slot.handler);
    slot.handler.reset();
    ++slot.generation;
    --outstanding;
    if (slot.executed != nullptr) *slot.executed = executed;
    free.push_back(index);
    std::move(handler)(std::move(outcome));  // resumes the caller; `slot` may have moved after it
  }

  std::uint32_t TakeSlot() {
    if (free.empty()) {
      slots.emplace_back();
      return static_cast<std::uint32_t>(slots.size() - 1);
    }
    const std::uint32_t index = free.back();
    free.pop_back();
    return index;
  }

  /// Encodes and queues. Errors leave nothing behind.
  Result<std::uint32_t> Send(wire::Command command, const google::protobuf::MessageLite& request,
                             std::vector<SecretBuffer>& segments, const CallOptions& options) {
    if (!pipe->open()) return Error(Errc::kUnavailable, "The connection to the HSM is closed.");
    if (outstanding >= kMostOutstanding) return Error(Errc::kThrottled, "Too many commands wait for this HSM.");
    const std::uint32_t index = TakeSlot();
    outgoing.code = static_cast<std::uint16_t>(command);
    outgoing.id = static_cast<std::uint64_t>(slots[index].generation) << 32 | index;
    outgoing.client_id = options.client_id;
    const std::uint64_t version = position->version();
    if (version != sent_version) outgoing.position = position->newest();
    outgoing.segments.swap(segments);
    Status sent = pipe->Send(outgoing, request);
    outgoing.segments.swap(segments);
    outgoing.position.clear();
    if (!sent.ok()) {
      free.push_back(index);
      if (sent.error().code() == Errc::kResourceExhausted)
        return Error(Errc::kThrottled, "Too many commands wait for this HSM.");
      return std::move(sent).error();
    }
    sent_version = version;
    slots[index].deadline = options.deadline;
    slots[index].executed = options.executed;
    slots[index].leaves_when_silent = options.leaves_when_silent;
    ++outstanding;
    if (!ticking) Tick();
    return index;
  }

  /// Says something that any HSM answers at once. Without a position token, for which it might have to wait.
  void Ask() {
    asked = true;
    outgoing.code = static_cast<std::uint16_t>(wire::Command::kEcho);
    outgoing.id = kPingId;
    outgoing.client_id.reset();
    const proto::EchoRequest nothing;
    (void)pipe->Send(outgoing, nothing);  // too much waits to be sent: it is unheard all the same
  }

  void Listen(Clock::time_point now) {
    // A loop that was held up has not listened meanwhile.
    unheard += std::min<Clock::duration>(now - last_tick, 2 * kTick);
    if (!asked && unheard >= kAskAfter) Ask();
    silent = unheard >= kSilentAfter;
    if (!silent) return;
    if (unheard >= kLostAfter) {
      pipe->Close();
      return OnClosed(Error(Errc::kTimeout, "The HSM has not answered for too long."));
    }
    if (on_silence && on_silence()) Leave();
  }

  /// One timer for all calls: while there are any, it looks every now and then at their deadlines, and whether the HSM
  /// is still there.
  void Tick() {
    ticking = true;
    last_tick = Clock::now();
    timer.expires_after(kTick);
    timer.async_wait([weak = weak_from_this()](boost::system::error_code) {
      const auto self = weak.lock();
      if (!self) return;
      self->ticking = false;
      if (!self->pipe->open()) return;
      self->Expire();
      self->Listen(Clock::now());
      if (self->pipe->open() && (self->outstanding > 0 || self->silent)) self->Tick();
    });
  }
  void Expire() {
    const auto now = Clock::now();
    for (std::uint32_t i = 0; i < slots.size(); ++i)
      if (slots[i].handler && slots[i].deadline <= now)
        Complete(i, Error(Errc::kTimeout, "The HSM did not answer in time."), Executed::kPerhaps);
  }

  std::shared_ptr<channel::TlsPipe> pipe;
  Endpoint endpoint;
  std::shared_ptr<PositionKeeper> position;
  std::uint64_t sent_version = 0;
  channel::LoopTimer timer;
  bool ticking = false;
  Clock::time_point last_tick;
  Clock::duration unheard{};  // how long nothing has come while something was owed
  bool asked = false, silent = false;
  wire::Frame outgoing;  // kept, so that its buffers are
  std::vector<Slot> slots;
  std::vector<std::uint32_t> free;
  std::size_t outstanding = 0;
  std::optional<proto::MembershipEvent> membership;
  MembershipHandler on_membership;
  ClosedHandler on_closed;
  SilenceHandler on_silence;
};

HsmConnection::~HsmConnection() { impl_->pipe->Close(); }

Task<Result<std::shared_ptr<HsmConnection>>> HsmConnection::Open(Endpoint endpoint, ClientTrust trust,
                                                                 Clock::time_point deadline,
                                                                 std::shared_ptr<PositionKeeper> position,
                                                                 std::shared_ptr<channel::ConnectAttempt> attempt) {
  auto pipe = co_await channel::ConnectNested(endpoint.address, endpoint.port, trust.outer, trust.inner, deadline,
                                              channel::PipeOptions(), std::move(attempt));
  if (!pipe.ok()) co_return std::move(pipe).error();
  if (!position) position = MakePositionKeeper();
  auto impl = std::make_shared<Impl>(*pipe, std::move(endpoint), std::move(position));
  (*pipe)->Start(*impl);
  co_return std::make_shared<HsmConnection>(std::move(impl));
}

Task<Result<wire::Frame>> HsmConnection::Call(wire::Command command, const google::protobuf::MessageLite& request,
                                              std::vector<SecretBuffer> segments, CallOptions options) {
  const auto self = shared_from_this();
  auto frame = co_await CallKeeping(command, request, segments, options);
  co_return frame;
}

Task<Result<wire::Frame>> HsmConnection::CallKeeping(wire::Command command,
                                                     const google::protobuf::MessageLite& request,
                                                     std::vector<SecretBuffer>& segments, CallOptions options) {
  const auto self = shared_from_this();  // lives until the answer
  const std::shared_ptr<Impl> impl = impl_;
  if (options.executed != nullptr) *options.executed = Executed::kNo;
  auto slot = impl->Send(command, request, segments, options);
  if (!slot.ok()) co_return std::move(slot).error();
  auto keep = [raw = impl.get(), index = *slot](Handler handler) {
    raw->slots[index].handler.emplace(std::move(handler));
  };
  auto answered = asio::async_initiate<const asio::deferred_t, void(Outcome)>(keep, asio::deferred);
  Outcome outcome = co_await std::move(answered);
  co_return outcome;
}

Task<Result<proto::UserInfo>> HsmConnection::Login(proto::UserType type, std::string name, SecretBuffer password,
                                                   CallOptions options) {
  proto::LoginRequest request;
  request.set_type(type);
  request.set_name(std::move(name));
  // One for all logins of this process: the HSM counts its sessions as one client's when it changes its own password.
  static const std::string instance = NewUuid();
  request.set_client_instance(instance);
  std::vector<SecretBuffer> segments;
  segments.push_back(std::move(password));
  auto frame = co_await CallKeeping(wire::Command::kLogin, request, segments, options);
  if (!frame.ok()) co_return std::move(frame).error();
  proto::LoginReply reply;
  SR_CO_CHECK(wire::ParseMessage(*frame, reply));
  co_return std::move(*reply.mutable_user());
}

Task<Status> HsmConnection::Logout(CallOptions options) {
  const proto::LogoutRequest request;
  std::vector<SecretBuffer> none;
  auto frame = co_await CallKeeping(wire::Command::kLogout, request, none, options);
  if (!frame.ok()) co_return std::move(frame).error();
  co_return Status();
}

void HsmConnection::OnMembership(MembershipHandler handler) {
  impl_->on_membership = std::move(handler);
  if (impl_->membership && impl_->on_membership) impl_->on_membership(*impl_->membership);
}
void HsmConnection::OnClosed(ClosedHandler handler) { impl_->on_closed = std::move(handler); }
void HsmConnection::OnSilence(SilenceHandler handler) { impl_->on_silence = std::move(handler); }

void HsmConnection::Close() {
  const std::shared_ptr<Impl> impl = impl_;
  impl->on_closed = nullptr;
  impl->pipe->Close();
  impl->FailAll(Error(Errc::kCancelled, "The connection was closed here."));
}
bool HsmConnection::open() const noexcept { return impl_->pipe->open(); }
bool HsmConnection::silent() const noexcept { return impl_->silent; }
std::size_t HsmConnection::outstanding() const noexcept { return impl_->outstanding; }
const Endpoint& HsmConnection::endpoint() const noexcept { return impl_->endpoint; }

}  // namespace strongroom::hsm_client
