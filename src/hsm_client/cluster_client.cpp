#include "hsm_client/cluster_client.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include "crypto/random.h"
#include "hsm_client/cluster_state.h"

namespace strongroom::hsm_client {
namespace asio = boost::asio;
namespace {

/// How long a call waits for members that were lost, before it says that there is none.
constexpr std::chrono::milliseconds kPatience(2000);

/// What is to be done about a failed call.
enum class Next { kReturn, kAnotherMember, kAnyMember, kLogInAgain };

Next Decide(wire::Repeat repeat, Errc code, Executed executed, bool connection_open, bool has_login) {
  if (repeat == wire::Repeat::kNever) return Next::kReturn;
  switch (code) {
    case Errc::kUnavailable:
      // Lost on the way, or an HSM that says it cannot now; another may.
      return executed == Executed::kPerhaps || !connection_open ? Next::kAnyMember : Next::kAnotherMember;
    case Errc::kTimeout: return executed == Executed::kPerhaps ? Next::kAnotherMember : Next::kReturn;
    case Errc::kThrottled:
    case Errc::kResourceExhausted:
    // Where the log is forked, one member knows the history that this client has seen and the other does not.
    case Errc::kStale: return Next::kAnotherMember;
    case Errc::kNotLoggedIn: return has_login ? Next::kLogInAgain : Next::kReturn;
    default: return Next::kReturn;
  }
}

}  // namespace

std::shared_ptr<ClusterClient> ClusterClient::Create(std::vector<Loop*> loops, ClientTrust trust,
                                                     ClusterOptions options) {
  return std::make_shared<ClusterClient>(
      std::make_shared<Shared>(std::move(loops), std::move(trust), std::move(options)));
}

ClusterClient::~ClusterClient() { Close(); }

// One coroutine from here to the connection: each more on this way costs as much as some of the work.
Task<Result<wire::Frame>> ClusterClient::Call(wire::Command command, const google::protobuf::MessageLite& request,
                                              std::vector<SecretBuffer> segments,
                                              std::optional<Clock::time_point> wanted_deadline) {
  const std::shared_ptr<Shared> shared = shared_;
  const auto deadline = wanted_deadline.value_or(Clock::now() + shared->options.call_timeout);
  const LoopExecutor executor = co_await asio::this_coro::executor;
  LoopState* at = shared->At(executor);
  if (at == nullptr) co_return Error(Errc::kInternal, "The call runs on a loop that the client does not know.");
  shared->counters.calls.fetch_add(1, std::memory_order_relaxed);
  const auto failed = [&](Error why) {
    shared->counters.failures.fetch_add(1, std::memory_order_relaxed);
    return Result<wire::Frame>(std::move(why));
  };
  const wire::CommandRow* row = wire::FindCommand(static_cast<std::uint16_t>(command));
  if (row == nullptr) co_return failed(Error(Errc::kUnknownOperation, "There is no such HSM command."));
  CallOptions call;
  if (row->repeat == wire::Repeat::kDeduplicated) {
    if (auto drawn = crypto::Random(call.client_id.emplace()); !drawn.ok()) co_return failed(std::move(drawn).error());
  }
  Executed executed = Executed::kNo;
  call.executed = &executed;
  call.leaves_when_silent = row->repeat != wire::Repeat::kNever;

  std::vector<Endpoint> tried;
  bool logged_in_again = false;
  std::optional<Error> last;
  for (;;) {
    std::shared_ptr<HsmConnection> connection = shared->PickNow(*at, tried);
    if (!connection) {
      auto acquired = co_await shared->Acquire(*at, deadline, kPatience, tried);
      if (!acquired.ok()) {
        // Why the command failed says more than that nobody is left to repeat it.
        if (last && acquired.error().code() == Errc::kUnavailable) co_return failed(std::move(*last));
        co_return failed(std::move(acquired).error());
      }
      connection = std::move(acquired).value();
    }
    HsmConnection& on = *connection;
    const bool others = shared->Up(*at) > 1;
    // A member that is silent is left at once. One that answers, but not this, costs half of the time, not all of it,
    // as long as there is another to ask.
    call.deadline = deadline;
    if (others && row->repeat != wire::Repeat::kNever && tried.empty()) {
      const auto now = Clock::now();
      call.deadline = now + (deadline - now) / 2;
    }
    auto result = co_await on.CallKeeping(command, request, segments, call);
    if (result.ok()) co_return result;

    const Errc code = result.error().code();
    const Next next = Decide(row->repeat, code, executed, on.open(), shared->gate.needed());
    if (shared->closed) co_return failed(Error(Errc::kCancelled, "The cluster's client is closed."));
    if (next == Next::kReturn || Clock::now() >= deadline) co_return failed(std::move(result).error());
    if (next == Next::kLogInAgain) {
      if (std::exchange(logged_in_again, true)) co_return failed(std::move(result).error());
      shared->Restart(*at, connection);
    } else {
      const bool again = std::ranges::find(tried, on.endpoint()) != tried.end();
      if (!again) tried.push_back(on.endpoint());
      // After a start the member that is connected first gets the first calls, and the others are on their way.
      if (next == Next::kAnotherMember && !again && shared->UpBeside(*at, tried) == 0)
        co_await shared->AwaitOther(*at, std::min(deadline, Clock::now() + kPatience), tried);
      // An HSM that answered is not asked the same twice.
      if (next == Next::kAnotherMember && (again || shared->UpBeside(*at, tried) == 0))
        co_return failed(std::move(result).error());
    }
    last = std::move(result).error();
    shared->counters.retries.fetch_add(1, std::memory_order_relaxed);
  }
}

Task<Status> ClusterClient::Probe(Clock::time_point deadline) {
  const std::shared_ptr<Shared> shared = shared_;
  const LoopExecutor executor = co_await asio::this_coro::executor;
  LoopState* at = shared->At(executor);
  if (at == nullptr) co_return Error(Errc::kInternal, "The call runs on a loop that the client does not know.");
  shared->gate.Reopen();
  shared->Nudge(*at);
  const std::vector<Endpoint> none;
  auto connection = co_await shared->Acquire(*at, deadline, std::chrono::milliseconds(0), none);
  if (!connection.ok()) co_return std::move(connection).error();
  co_return Status();
}

Status ClusterClient::SetPassword(const SecretBuffer& password) {
  SR_CHECK(shared_->gate.SetPassword(password));
  for (const auto& at : shared_->loops)
    asio::post(at->loop, [shared = shared_, raw = at.get()] {
      if (raw->gate_version != shared->gate.version()) shared->Nudge(*raw);
    });
  return {};
}

std::vector<MemberState> ClusterClient::Members() const {
  const std::lock_guard lock(shared_->mutex);
  std::vector<MemberState> out;
  const auto add = [&](const Endpoint& endpoint, const std::string& id) {
    MemberState state{endpoint, id, 0, ""};
    if (const auto it = shared_->seen.find(endpoint); it != shared_->seen.end()) {
      state.connections = it->second.connections;
      state.last_error = it->second.last_error;
    }
    out.push_back(std::move(state));
  };
  for (const auto& [endpoint, id] : shared_->members) add(endpoint, id);
  if (shared_->members.empty())
    for (const Endpoint& seed : shared_->options.seeds) add(seed, "");
  return out;
}

ClusterCounters ClusterClient::Counters() const {
  const AtomicCounters& c = shared_->counters;
  return {c.calls,  c.failures,      c.retries, c.connects, c.connect_failures, c.connections_lost,
          c.logins, c.login_failures};
}

void ClusterClient::Close() {
  if (shared_->closed.exchange(true)) return;
  for (const auto& at : shared_->loops)
    asio::post(at->loop, [shared = shared_, raw = at.get()] { shared->Shut(*raw); });
}

}  // namespace strongroom::hsm_client
