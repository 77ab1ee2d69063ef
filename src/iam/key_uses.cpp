#include "iam/key_uses.h"

#include <array>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <map>
#include <mutex>
#include <string>

#include "base/log.h"

namespace strongroom::iam {
namespace asio = boost::asio;
namespace {
constexpr std::int64_t kMinuteMillis = 60'000;

struct Use {
  std::int64_t minute = 0;
  std::string region, service;
  bool operator==(const Use&) const = default;
};
using Uses = std::map<std::string, Use, std::less<>>;

/// Of a role's session the role's unique id, else the access key's.
std::string_view UsedBy(const ports::Caller& caller) {
  const std::string_view id = caller.principal_id;
  if (caller.kind == ports::PrincipalKind::kAssumedRole) return id.substr(0, id.find(':'));
  return caller.access_key_id.starts_with("AKIA") ? std::string_view(caller.access_key_id) : std::string_view();
}

Status WriteUse(store::Transaction& t, const std::string& id, const Use& use) {
  const std::int64_t at = use.minute * kMinuteMillis;
  if (id.starts_with("AROA")) {
    SR_CHECK(
        t.Execute("UPDATE iam_entities SET last_used_at = $1, last_used_region = $2 WHERE entity_id = $3 AND "
                  "(last_used_at IS NULL OR last_used_at < $1)",
                  {at, store::Text(use.region), store::Text(id)}));
    return {};
  }
  SR_CHECK(
      t.Execute("UPDATE access_keys SET last_used_at = $1, last_used_region = $2, last_used_service = $3 WHERE "
                "access_key_id = $4 AND (last_used_at IS NULL OR last_used_at < $1)",
                {at, store::Text(use.region), store::Text(use.service), store::Text(id)}));
  return {};
}
}  // namespace

struct KeyUses::State : std::enable_shared_from_this<State> {
  State(Loop& l, store::Database& d, Options o) : loop(l), database(d), options(o), timer(l) {}

  Loop& loop;
  store::Database& database;
  const Options options;
  asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, LoopExecutor>
      timer;
  std::mutex mutex;  // guards uses, stopped
  Uses uses;         // not written yet
  bool stopped = false;

  Uses Unwritten() {
    const std::lock_guard lock(mutex);
    return uses;
  }
  void Written(const Uses& written) {
    const std::lock_guard lock(mutex);
    for (const auto& [id, use] : written) {
      const auto found = uses.find(id);
      if (found != uses.end() && found->second == use) uses.erase(found);
    }
  }
  static Status WriteAll(store::Transaction& t, const Uses& all) {
    for (const auto& [id, use] : all) SR_CHECK(WriteUse(t, id, use));
    return {};
  }

  static Task<void> WriteOnce(std::shared_ptr<State> self) {
    const Uses all = self->Unwritten();
    if (!all.empty()) {
      auto job = [all](store::Transaction& t) { return WriteAll(t, all); };
      const Status written = co_await self->database.Run(std::move(job));
      if (written.ok()) self->Written(all);
      if (!written.ok() && written.error().code() != Errc::kUnavailable)
        LogError("iam: writing when access keys were used", written.error());
    }
    self->Arm();
  }
  void Arm() {
    const std::lock_guard lock(mutex);
    if (stopped) return;
    timer.expires_after(options.interval);
    timer.async_wait([self = shared_from_this()](const boost::system::error_code& cancelled) {
      if (!cancelled) asio::co_spawn(self->loop, WriteOnce(self), asio::detached);
    });
  }
};

KeyUses::KeyUses(Loop& loop, store::Database& database, Options options)
    : state_(std::make_shared<State>(loop, database, options)) {}
KeyUses::~KeyUses() { Stop(); }

void KeyUses::Note(const aws::Call& call, std::string_view service) {
  const std::string_view id = UsedBy(call.caller);
  if (id.empty()) return;
  const std::int64_t minute = std::chrono::floor<std::chrono::minutes>(call.time.time_since_epoch()).count();
  struct Last {
    const State* state = nullptr;
    std::int64_t minute = 0;
    std::string id, region, service;
  };
  thread_local Last last;
  if (last.state == state_.get() && last.minute == minute && last.id == id && last.service == service &&
      last.region == call.region) {
    return;
  }
  last = {state_.get(), minute, std::string(id), std::string(call.region), std::string(service)};
  const std::lock_guard lock(state_->mutex);
  Use& use = state_->uses[last.id];
  if (use.minute <= minute) use = {minute, last.region, last.service};
}

Status KeyUses::Write() {
  const Uses all = state_->Unwritten();
  if (all.empty()) return {};
  SR_CHECK(state_->database.Transact([&](store::Transaction& t) { return State::WriteAll(t, all); }));
  state_->Written(all);
  return {};
}

void KeyUses::Start() {
  asio::post(state_->loop, [state = state_] { state->Arm(); });
}

void KeyUses::Stop() {
  {
    const std::lock_guard lock(state_->mutex);
    if (std::exchange(state_->stopped, true)) return;
  }
  asio::post(state_->loop, [state = state_] { state->timer.cancel(); });
  const Status written = Write();
  if (!written.ok()) LogError("iam: writing when access keys were used", written.error());
}

}  // namespace strongroom::iam
