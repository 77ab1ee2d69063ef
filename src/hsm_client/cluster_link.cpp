#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>

#include "hsm_client/cluster_state.h"

namespace strongroom::hsm_client {
namespace asio = boost::asio;
namespace {

constexpr std::chrono::milliseconds kGateWait(20);

std::chrono::milliseconds Jittered(std::chrono::milliseconds backoff) {
  thread_local std::minstd_rand random(std::random_device{}());
  const auto most = std::max<std::int64_t>(backoff.count(), 2);
  return std::chrono::milliseconds(std::uniform_int_distribution<std::int64_t>(most / 2, most)(random));
}

}  // namespace

Task<void> ClusterClient::Shared::Run(LoopState& at, std::shared_ptr<Link> link) {
  const auto self = shared_from_this();
  auto backoff = options.min_backoff;
  while (!closed && !link->dropped) {
    auto opened = co_await Connect(at, link);
    if (closed || link->dropped) {
      if (opened.ok()) (*opened)->Close();
      break;
    }
    if (opened.ok()) {
      link->last_error.reset();
      link->connection = std::move(opened).value();
      backoff = options.min_backoff;
      {
        const std::lock_guard lock(mutex);
        ++seen[link->endpoint].connections;
        seen[link->endpoint].last_error.clear();
      }
      Notify(at);
      link->ended.Clear();
      // Weakly: what waits for a lost connection must not keep it.
      link->connection->OnClosed([raw = link.get(), weak = std::weak_ptr<Link>(link)](const Error&) {
        if (!weak.expired()) raw->ended.Set(true);
      });
      link->connection->OnMembership([this](const proto::MembershipEvent& event) { Learn(event); });
      link->connection->OnSilence([this, &at, raw = link->connection.get()] { return OthersAnswer(at, *raw); });
      Refresh(at);
      if (link->connection->open() && !link->dropped) co_await link->ended.Wait();
      link->connection->OnMembership(nullptr);
      link->connection->OnClosed(nullptr);
      link->connection->OnSilence(nullptr);
      link->connection.reset();
      link->down_since = Clock::now();
      {
        const std::lock_guard lock(mutex);
        --seen[link->endpoint].connections;
      }
      if (!closed && !link->dropped) counters.connections_lost.fetch_add(1, std::memory_order_relaxed);
    } else {
      link->last_error = std::move(opened).error();
      const std::lock_guard lock(mutex);
      seen[link->endpoint].last_error = link->last_error->public_message();
    }
    link->tried_at = Clock::now();
    link->hoped_until = {};
    Notify(at);
    if (closed || link->dropped) break;
    link->pausing = true;
    link->pause.expires_after(Jittered(backoff));
    boost::system::error_code ec;
    asio::use_awaitable_t<LoopExecutor> token;
    auto redirected = asio::redirect_error(token, ec);
    co_await link->pause.async_wait(redirected);
    link->pausing = false;
    backoff = std::min(backoff * 2, options.max_backoff);
  }
}

Task<Result<std::shared_ptr<HsmConnection>>> ClusterClient::Shared::Connect(LoopState&, std::shared_ptr<Link> link) {
  const auto self = shared_from_this();
  const auto deadline = Clock::now() + options.connect_timeout;
  auto opened = co_await HsmConnection::Open(link->endpoint, trust, deadline, position, link->attempt);
  if (!opened.ok()) {
    counters.connect_failures.fetch_add(1, std::memory_order_relaxed);
    co_return std::move(opened).error();
  }
  counters.connects.fetch_add(1, std::memory_order_relaxed);
  if (gate.needed()) {
    std::function<void()> close = [connection = *opened] { connection->Close(); };
    link->attempt->Step(std::move(close));
    Status in = co_await LogIn(*opened, deadline);
    link->attempt->Step(nullptr);
    if (!in.ok()) {
      (*opened)->Close();
      co_return std::move(in).error();
    }
  }
  co_return opened;
}

Task<Status> ClusterClient::Shared::LogIn(std::shared_ptr<HsmConnection> connection, Clock::time_point deadline) {
  const auto self = shared_from_this();
  for (;;) {
    auto admitted = gate.Enter();
    if (!admitted.ok()) co_return std::move(admitted).error();
    if (admitted->verdict == LoginGate::Verdict::kRefused) co_return std::move(*admitted->error);
    if (admitted->verdict == LoginGate::Verdict::kGo) {
      Credentials& mine = *admitted->credentials;
      CallOptions call;
      call.deadline = deadline;
      auto user = co_await connection->Login(mine.type, mine.name, std::move(mine.password), call);
      Status outcome;
      if (!user.ok()) outcome = std::move(user).error();
      gate.Report(admitted->version, outcome);
      (outcome.ok() ? counters.logins : counters.login_failures).fetch_add(1, std::memory_order_relaxed);
      co_return outcome;
    }
    if (closed) co_return Error(Errc::kCancelled, "The cluster's client is closed.");
    if (Clock::now() >= deadline) co_return Error(Errc::kTimeout, "No login within the time.");
    const LoopExecutor executor = co_await asio::this_coro::executor;
    channel::LoopTimer pause(executor, kGateWait);
    boost::system::error_code ec;
    asio::use_awaitable_t<LoopExecutor> token;
    auto redirected = asio::redirect_error(token, ec);
    co_await pause.async_wait(redirected);
  }
}

void ClusterClient::Shared::Add(LoopState& at, const Endpoint& endpoint) {
  auto& link = at.links[endpoint];
  if (link) return;
  link = std::make_shared<Link>(endpoint, at.loop);
  asio::co_spawn(at.loop, Run(at, link), asio::detached);
}

void ClusterClient::Shared::Refresh(LoopState& at) {
  if (closed) return;
  std::set<Endpoint> wanted;
  {
    const std::lock_guard lock(mutex);
    at.members_version = members_version;
    for (const auto& [endpoint, id] : members) wanted.insert(endpoint);
  }
  // Seeds count until one of the members that the cluster named is up, and again when none is.
  const bool member_up = std::ranges::any_of(at.links, [&](const auto& entry) {
    return entry.second->connection && entry.second->connection->open() && wanted.contains(entry.first);
  });
  if (!member_up) wanted.insert(options.seeds.begin(), options.seeds.end());
  for (auto it = at.links.begin(); it != at.links.end();) {
    if (wanted.contains(it->first)) {
      ++it;
      continue;
    }
    const std::shared_ptr<Link> gone = std::move(it->second);
    it = at.links.erase(it);
    gone->Drop();
    gone->ended.Set(true);  // calls under way hold the connection until they are answered
  }
  at.active = true;
  for (const Endpoint& endpoint : wanted) Add(at, endpoint);
}

void ClusterClient::Shared::Learn(const proto::MembershipEvent& event) {
  std::map<Endpoint, std::string> told;
  for (const proto::Member& member : event.members()) told[Endpoint{member.address(), options.port}] = member.hsm_id();
  if (told.empty()) return;
  {
    const std::lock_guard lock(mutex);
    if (told == members) return;
    members = std::move(told);
    members_version.fetch_add(1);
  }
  for (const auto& at : loops)
    asio::post(at->loop, [self = shared_from_this(), raw = at.get()] {
      if (raw->active) self->Refresh(*raw);
    });
}

void ClusterClient::Shared::Nudge(LoopState& at) {
  at.gate_version = gate.version();
  for (auto& [endpoint, link] : at.links) {
    if (link->connection) continue;
    link->last_error.reset();
    link->pause.cancel();
  }
}

void ClusterClient::Shared::Restart(LoopState& at, const std::shared_ptr<HsmConnection>& connection) {
  for (auto& [endpoint, link] : at.links) {
    if (link->connection != connection) continue;
    const std::shared_ptr<Link> keep = link;
    connection->Close();
    keep->ended.Set(true);
    return;
  }
}

void ClusterClient::Shared::Notify(LoopState& at) {
  std::vector<channel::Waiter<bool>*> woken;
  woken.swap(at.waiting);
  for (channel::Waiter<bool>* waiter : woken) waiter->Set(true);
}

void ClusterClient::Shared::StartTick(LoopState& at) {
  if (at.ticking) return;
  at.ticking = true;
  at.tick.expires_after(std::chrono::milliseconds(25));
  at.tick.async_wait([self = shared_from_this(), &at](boost::system::error_code) {
    at.ticking = false;
    self->Notify(at);
  });
}

void ClusterClient::Shared::Shut(LoopState& at) {
  at.tick.cancel();
  const auto links = std::exchange(at.links, {});  // what ends here may look at them
  for (const auto& [endpoint, link] : links) {
    link->Drop();
    if (const auto connection = link->connection) {
      connection->Close();
      link->ended.Set(true);
    }
  }
  Notify(at);
}

}  // namespace strongroom::hsm_client
