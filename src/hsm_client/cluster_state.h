#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <vector>

#include "channel/waiter.h"
#include "hsm_client/cluster_client.h"

namespace strongroom::hsm_client {

/// One loop's connection to one member: a coroutine (Run) opens it, waits for its end and opens it again.
struct Link {
  Link(Endpoint e, Loop& loop) : endpoint(std::move(e)), pause(loop.get_executor()) {}
  Endpoint endpoint;
  std::shared_ptr<HsmConnection> connection;  // null while it is down
  channel::LoopTimer pause;                   // the back-off; cancelling it tries again at once
  std::shared_ptr<channel::ConnectAttempt> attempt = std::make_shared<channel::ConnectAttempt>();
  channel::Waiter<bool> ended;  // set when the connection is lost or the link dropped
  bool dropped = false;
  /// No more attempts; the one under way ends.
  void Drop() {
    dropped = true;
    pause.cancel();
    attempt->Cancel();
  }
  Clock::time_point down_since = Clock::now();
  bool pausing = false;             // between two attempts
  Clock::time_point tried_at{};     // when the last attempt, or the connection, ended
  Clock::time_point hoped_until{};  // a call has asked for an attempt, and waits for it so long
  std::optional<Error> last_error;  // of the last attempt, until one succeeds
};

/// Login attempts of a whole client go through here: one at a time until the password is known to be right, and after a
/// refusal none for a while, because an HSM locks a user after a few failures.
class LoginGate {
 public:
  enum class Verdict { kGo, kWait, kRefused };
  struct Admission {
    Verdict verdict;
    std::uint64_t version = 0;   // of the credentials, for Report
    std::optional<Error> error;  // with kRefused: what the HSM said
    std::optional<Credentials> credentials;
  };
  explicit LoginGate(std::optional<Credentials> credentials) : credentials_(std::move(credentials)) {}

  bool needed() const;
  std::uint64_t version() const noexcept { return version_; }  // of the password
  Result<Admission> Enter();
  /// The outcome of a login that Enter let go: an Error that is no refusal of the credentials leaves the question open.
  void Report(std::uint64_t version, const Status& outcome);
  Status SetPassword(const SecretBuffer& password);
  /// Lets one attempt through in spite of an earlier refusal.
  void Reopen();
  static bool IsRefusal(Errc code) noexcept;

 private:
  enum class State { kUnknown, kTrying, kGood, kBad };
  mutable std::mutex mutex_;
  std::optional<Credentials> credentials_;
  std::atomic<std::uint64_t> version_{1};
  State state_ = State::kUnknown;
  std::optional<Error> refusal_;
  Clock::time_point bad_until_;
  std::chrono::milliseconds bad_for_{1000};
};

struct AtomicCounters {
  std::atomic<std::uint64_t> calls{0}, failures{0}, retries{0};
  std::atomic<std::uint64_t> connects{0}, connect_failures{0}, connections_lost{0};
  std::atomic<std::uint64_t> logins{0}, login_failures{0};
};

/// A client's state on one loop, touched there only.
struct LoopState {
  explicit LoopState(Loop& l) : loop(l), tick(l.get_executor()) {}
  Loop& loop;
  std::map<Endpoint, std::shared_ptr<Link>> links;
  std::uint64_t members_version = 0;            // of Shared::members that links reflect
  std::vector<channel::Waiter<bool>*> waiting;  // calls without a member
  channel::LoopTimer tick;
  bool ticking = false;
  bool active = false;  // has been used: from now on it keeps connections open
  std::size_t turn = 0;
  std::uint64_t gate_version = 1;  // of the password that the links' errors are about
};

struct ClusterClient::Shared : std::enable_shared_from_this<ClusterClient::Shared> {
  Shared(std::vector<Loop*> loops, ClientTrust t, ClusterOptions o);

  /// The state of the calling coroutine's loop; null for a loop that the client was not made with.
  LoopState* At(const LoopExecutor& executor) noexcept;

  // cluster_link.cpp: keeping connections
  Task<void> Run(LoopState& at, std::shared_ptr<Link> link);
  Task<Result<std::shared_ptr<HsmConnection>>> Connect(LoopState& at, std::shared_ptr<Link> link);
  Task<Status> LogIn(std::shared_ptr<HsmConnection> connection, Clock::time_point deadline);
  void Refresh(LoopState& at);  // makes links of what members and seeds say
  void Add(LoopState& at, const Endpoint& endpoint);
  void Learn(const proto::MembershipEvent& event);
  void Nudge(LoopState& at);  // tries again at once whatever is down
  void Restart(LoopState& at, const std::shared_ptr<HsmConnection>& connection);  // ends it, so that it is opened anew
  void Notify(LoopState& at);
  void StartTick(LoopState& at);
  void Shut(LoopState& at);

  // cluster_state.cpp: choosing one
  /// A connection that is up, rather not silent and not in `avoid`; waits until `deadline`, and no longer than
  /// `patience` once every member has been tried in vain.
  Task<Result<std::shared_ptr<HsmConnection>>> Acquire(LoopState& at, Clock::time_point deadline,
                                                       std::chrono::milliseconds patience,
                                                       const std::vector<Endpoint>& avoid);
  /// The same if there is one without waiting, else null.
  std::shared_ptr<HsmConnection> PickNow(LoopState& at, const std::vector<Endpoint>& avoid);
  std::shared_ptr<HsmConnection> Pick(LoopState& at, const std::vector<Endpoint>& avoid);
  std::size_t Up(const LoopState& at) const noexcept;
  bool OthersAnswer(const LoopState& at, const HsmConnection& silent) const noexcept;
  std::size_t UpBeside(const LoopState& at, const std::vector<Endpoint>& tried) const noexcept;
  std::optional<Error> WhyNone(const LoopState& at, std::chrono::milliseconds patience) const;
  /// Has members tried now whose last attempt is a while ago, rather than when their back-off ends.
  void TryAgain(LoopState& at);
  /// Waits for a member beside `tried` as long as one is being connected for the first time.
  Task<void> AwaitOther(LoopState& at, Clock::time_point until, const std::vector<Endpoint>& tried);

  const ClientTrust trust;
  const ClusterOptions options;  // without the credentials, which the gate has
  LoginGate gate;
  std::shared_ptr<PositionKeeper> position = MakeSharedPositionKeeper();
  AtomicCounters counters;
  std::atomic<bool> closed{false};
  std::vector<std::unique_ptr<LoopState>> loops;

  mutable std::mutex mutex;                 // of what follows
  std::map<Endpoint, std::string> members;  // to HSM ids; empty until the cluster has said
  std::atomic<std::uint64_t> members_version{0};
  struct Seen {
    std::size_t connections = 0;
    std::string last_error;
  };
  std::map<Endpoint, Seen> seen;
};

}  // namespace strongroom::hsm_client
