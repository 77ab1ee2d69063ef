#include "hsm_client/cluster_state.h"

#include <algorithm>

namespace strongroom::hsm_client {
namespace {
/// How old an attempt may be that a call takes for an answer, and how long it waits for the one that it asks for.
constexpr std::chrono::milliseconds kFresh(250), kHope(1000);
}  // namespace

// ---- LoginGate

bool LoginGate::IsRefusal(Errc code) noexcept {
  return code == Errc::kLoginFailed || code == Errc::kUserNotFound || code == Errc::kUserLocked;
}

bool LoginGate::needed() const {
  const std::lock_guard lock(mutex_);
  return credentials_.has_value();
}

Result<LoginGate::Admission> LoginGate::Enter() {
  const std::lock_guard lock(mutex_);
  if (state_ == State::kTrying) return Admission{Verdict::kWait};
  if (state_ == State::kBad && Clock::now() < bad_until_) return Admission{Verdict::kRefused, version_, refusal_};
  SR_TRY(SecretBuffer password, credentials_->password.Clone());
  if (state_ != State::kGood) state_ = State::kTrying;
  Admission admitted{Verdict::kGo, version_};
  admitted.credentials.emplace(Credentials{credentials_->type, credentials_->name, std::move(password)});
  return admitted;
}

void LoginGate::Report(std::uint64_t version, const Status& outcome) {
  const std::lock_guard lock(mutex_);
  if (version != version_) return;
  if (outcome.ok()) {
    state_ = State::kGood;
    refusal_.reset();
    bad_for_ = std::chrono::milliseconds(1000);
  } else if (IsRefusal(outcome.error().code())) {
    state_ = State::kBad;
    refusal_ = outcome.error();
    bad_until_ = Clock::now() + bad_for_;
    bad_for_ = std::min(bad_for_ * 2, std::chrono::milliseconds(5 * 60 * 1000));
  } else if (state_ == State::kTrying) {
    state_ = State::kUnknown;
  }
}

Status LoginGate::SetPassword(const SecretBuffer& password) {
  SR_TRY(SecretBuffer copy, password.Clone());
  const std::lock_guard lock(mutex_);
  if (!credentials_) return Error(Errc::kInvalidState, "This client logs in as nobody.");
  credentials_->password = std::move(copy);
  ++version_;
  state_ = State::kUnknown;
  refusal_.reset();
  bad_for_ = std::chrono::milliseconds(1000);
  return {};
}

void LoginGate::Reopen() {
  const std::lock_guard lock(mutex_);
  bad_until_ = {};
}

// ---- Shared

ClusterClient::Shared::Shared(std::vector<Loop*> on, ClientTrust t, ClusterOptions o)
    : trust(std::move(t)),
      options([&o] {
        ClusterOptions kept;
        kept.seeds = std::move(o.seeds);
        kept.port = o.port;
        kept.connect_timeout = o.connect_timeout;
        kept.call_timeout = o.call_timeout;
        kept.min_backoff = o.min_backoff;
        kept.max_backoff = o.max_backoff;
        return kept;
      }()),
      gate(std::move(o.credentials)) {
  for (Loop* loop : on) loops.push_back(std::make_unique<LoopState>(*loop));
}

LoopState* ClusterClient::Shared::At(const LoopExecutor& executor) noexcept {
  for (const auto& at : loops)
    if (&at->loop == &executor.context()) return at.get();
  return nullptr;
}

std::size_t ClusterClient::Shared::Up(const LoopState& at) const noexcept {
  std::size_t up = 0;
  for (const auto& [endpoint, link] : at.links)
    if (link->connection && link->connection->open()) ++up;
  return up;
}

bool ClusterClient::Shared::OthersAnswer(const LoopState& at, const HsmConnection& silent) const noexcept {
  return std::ranges::any_of(at.links, [&](const auto& entry) {
    const auto& connection = entry.second->connection;
    return connection && connection.get() != &silent && connection->open() && !connection->silent();
  });
}

std::size_t ClusterClient::Shared::UpBeside(const LoopState& at, const std::vector<Endpoint>& tried) const noexcept {
  std::size_t up = 0;
  for (const auto& [endpoint, link] : at.links)
    if (link->connection && link->connection->open() && std::ranges::find(tried, endpoint) == tried.end()) ++up;
  return up;
}

std::shared_ptr<HsmConnection> ClusterClient::Shared::Pick(LoopState& at, const std::vector<Endpoint>& avoid) {
  Link* best = nullptr;
  std::size_t fewest = 0;
  int worst = 0;
  // Starting elsewhere each time spreads the calls of an idle client.
  const std::size_t count = at.links.size();
  const std::size_t start = count == 0 ? 0 : at.turn++ % count;
  std::size_t position_in_map = 0;
  const auto look = [&](bool before_start) {
    position_in_map = 0;
    for (auto& [endpoint, link] : at.links) {
      if ((position_in_map++ < start) != before_start) continue;
      if (!link->connection || !link->connection->open()) continue;
      const bool avoided = !avoid.empty() && std::ranges::find(avoid, endpoint) != avoid.end();
      const int against = (link->connection->silent() ? 2 : 0) + (avoided ? 1 : 0);
      const std::size_t outstanding = link->connection->outstanding();
      if (best != nullptr && (against > worst || (against == worst && outstanding >= fewest))) continue;
      best = link.get();
      fewest = outstanding;
      worst = against;
    }
  };
  look(false);
  look(true);
  return best == nullptr ? nullptr : best->connection;
}

std::optional<Error> ClusterClient::Shared::WhyNone(const LoopState& at, std::chrono::milliseconds patience) const {
  const auto now = Clock::now();
  const Error* telling = nullptr;
  const auto weight = [](const Error& error) {
    return LoginGate::IsRefusal(error.code()) || error.code() == Errc::kUserBusy ? 2
           : error.code() == Errc::kUntrusted                                    ? 1
                                                                                 : 0;
  };
  bool patient = false;
  for (const auto& [endpoint, link] : at.links) {
    if (!link->last_error) return std::nullopt;  // not tried yet, or just lost
    if (now - link->down_since < patience || now < link->hoped_until) patient = true;
    if (telling == nullptr || weight(*link->last_error) > weight(*telling)) telling = &*link->last_error;
  }
  if (telling == nullptr) return Error(Errc::kUnavailable, "No address of an HSM is known.");
  if (weight(*telling) > 0) return *telling;
  if (patient) return std::nullopt;
  return Error(Errc::kUnavailable, "No HSM of the cluster can be reached.").WithDetail(telling->ForLog());
}

std::shared_ptr<HsmConnection> ClusterClient::Shared::PickNow(LoopState& at, const std::vector<Endpoint>& avoid) {
  if (closed) return nullptr;
  if (!at.active) Refresh(at);
  if (at.gate_version != gate.version()) Nudge(at);
  return Pick(at, avoid);
}

void ClusterClient::Shared::TryAgain(LoopState& at) {
  const auto now = Clock::now();
  for (auto& [endpoint, link] : at.links) {
    if (!link->pausing || now - link->tried_at < kFresh) continue;
    // A refusal is another matter: repeating it may lock the user.
    if (link->last_error &&
        (LoginGate::IsRefusal(link->last_error->code()) || link->last_error->code() == Errc::kUserBusy ||
         link->last_error->code() == Errc::kUntrusted))
      continue;
    link->hoped_until = now + kHope;
    link->pausing = false;
    link->pause.cancel();
  }
}

Task<void> ClusterClient::Shared::AwaitOther(LoopState& at, Clock::time_point until,
                                             const std::vector<Endpoint>& tried) {
  const auto self = shared_from_this();
  const auto coming = [&] {
    return std::ranges::any_of(at.links, [&](const auto& entry) {
      return !entry.second->connection && !entry.second->last_error &&
             std::ranges::find(tried, entry.first) == tried.end();
    });
  };
  while (!closed && UpBeside(at, tried) == 0 && coming() && Clock::now() < until) {
    channel::Waiter<bool> waiter;
    at.waiting.push_back(&waiter);
    StartTick(at);
    co_await waiter.Wait();
  }
}

Task<Result<std::shared_ptr<HsmConnection>>> ClusterClient::Shared::Acquire(LoopState& at, Clock::time_point deadline,
                                                                            std::chrono::milliseconds patience,
                                                                            const std::vector<Endpoint>& avoid) {
  const auto self = shared_from_this();
  bool asked = patience.count() == 0;
  for (;;) {
    if (closed) co_return Error(Errc::kCancelled, "The cluster's client is closed.");
    if (auto connection = PickNow(at, avoid)) co_return connection;
    Refresh(at);
    if (!std::exchange(asked, true)) TryAgain(at);
    if (auto why = WhyNone(at, patience)) co_return std::move(*why);
    if (Clock::now() >= deadline) co_return Error(Errc::kUnavailable, "No HSM of the cluster can be reached in time.");
    channel::Waiter<bool> waiter;
    at.waiting.push_back(&waiter);
    StartTick(at);
    co_await waiter.Wait();
  }
}

}  // namespace strongroom::hsm_client
