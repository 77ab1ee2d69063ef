#include "store/clock_guard.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <thread>

namespace strongroom::store {
namespace {

constexpr std::string_view kAll;
constexpr std::int64_t kJump = kMostClockJump.count();
constexpr std::int64_t kSkew = kMostClockSkew.count();
constexpr std::int64_t kDay = std::chrono::milliseconds(std::chrono::hours(24)).count();
/// Written down this much later than seen: far less than kJump, and seldom enough to cost an idle service nothing.
constexpr std::int64_t kWriteEvery = std::chrono::milliseconds(std::chrono::minutes(5)).count();

std::int64_t Distance(std::int64_t a, std::int64_t b) { return std::llabs(a - b); }

std::string Long(std::int64_t millis) {
  const std::int64_t minutes = std::llabs(millis) / 60'000;
  if (minutes < 120) return fmt::format("{} minutes", minutes);
  if (minutes < 48 * 60) return fmt::format("{} hours", minutes / 60);
  return fmt::format("{} days", minutes / (24 * 60));
}

struct Mark {
  std::int64_t seen_millis = 0;
  std::string doubt;
  std::int64_t accepted = 0;
};

Result<std::optional<Mark>> LoadMark(Transaction& t, std::string_view front_end) {
  SR_TRY(const auto row,
         t.QueryOne("SELECT seen_at, doubt, accepted FROM clock_marks WHERE front_end = $1", {Text(front_end)}));
  if (!row) return std::optional<Mark>();
  return std::optional<Mark>(Mark{row->Int(0), row->Text(1), row->Int(2)});
}

Status SaveMark(Transaction& t, std::string_view front_end, std::int64_t seen_millis, std::string_view doubt) {
  SR_CHECK(
      t.Execute("INSERT INTO clock_marks (front_end, seen_at, doubt) VALUES ($1, $2, $3) "
                "ON CONFLICT (front_end) DO UPDATE SET seen_at = $2, doubt = $3",
                {Text(front_end), seen_millis, Text(doubt)}));
  return {};
}

std::string GapDoubt(std::int64_t now, std::int64_t seen) {
  if (now < seen)
    return fmt::format("The database's clock says {}, {} before what was seen already.", ShownTime(now),
                       Long(now - seen));
  return fmt::format("The database's clock says {}; the last time seen before was {}, {} earlier.", ShownTime(now),
                     ShownTime(seen), Long(now - seen));
}

}  // namespace

std::string ShownTime(std::int64_t millis) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(static_cast<std::time_t>(millis / 1000)));
}

Result<ClockView> ViewClock(Transaction& t) {
  ClockView view;
  SR_TRY(view.now_millis, t.NowMillis());
  SR_TRY(const Rows rows, t.Query("SELECT front_end, seen_at, doubt FROM clock_marks ORDER BY front_end"));
  for (const Row& row : rows) {
    const Mark mark{row.Int(1), row.Text(2)};
    const bool near = Distance(view.now_millis, mark.seen_millis) <= kJump;
    if (row.Text(0) == kAll) {
      view.seen_millis = mark.seen_millis;
      view.doubt = !mark.doubt.empty() ? mark.doubt : near ? "" : GapDoubt(view.now_millis, mark.seen_millis);
      view.acceptable = !view.doubt.empty();
    } else if (view.doubt.empty() && near) {
      view.doubt = mark.doubt;  // an old one is of a front end that is gone
    }
  }
  return view;
}

Result<bool> ClockIsTrusted(Transaction& t) {
  SR_TRY(const ClockView view, ViewClock(t));
  return view.doubt.empty();
}

Result<std::int64_t> LatestMillis(Transaction& t) {
  SR_TRY(const std::int64_t now, t.NowMillis());
  SR_TRY(const auto mark, LoadMark(t, kAll));
  return mark ? std::max(now, mark->seen_millis) : now;
}

Status AcceptClock(Transaction& t) {
  SR_TRY(const std::int64_t now, t.NowMillis());
  SR_CHECK(
      t.Execute("INSERT INTO clock_marks (front_end, seen_at, doubt, accepted) VALUES ($1, $2, '', 1) ON CONFLICT "
                "(front_end) DO UPDATE SET seen_at = $2, doubt = '', accepted = clock_marks.accepted + 1",
                {Text(kAll), now}));
  return {};
}

std::int64_t ClockGuard::WallMillis() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::int64_t ClockGuard::SteadyMillis() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

/// One moment by both clocks.
struct Moment {
  std::int64_t now = 0, steady = 0;
  /// By how much the database's clock has gone on further than the steady one since `then`.
  std::int64_t DriftSince(const Moment& then) const { return (now - then.now) - (steady - then.steady); }
};

struct ClockGuard::State {
  State(Database& d, Options o) : database(d), options(std::move(o)) {}

  /// What a look leaves for the next one.
  struct Memory {
    std::optional<Moment> believed;              // the last that was
    std::optional<Moment> day;                   // one that was, at most a day ago: small steps add up
    std::optional<Moment> settling;              // when a clock that nobody knows has begun to go on steadily
    std::int64_t mark_millis = 0, accepted = 0;  // as they were
  };
  struct Outcome {
    Memory memory;
    ClockView view;
  };
  Result<Outcome> Judge(Transaction& t) const;
  Status NoteSkew(Transaction& t, std::int64_t now) const;
  void Say(ClockView found);

  Database& database;
  const Options options;
  Memory memory;  // of Look alone

  std::mutex mutex;  // the rest
  std::condition_variable wake;
  ClockView view;
  bool stopping = false;
  std::thread thread;
};

/// This machine's clock or the database's is wrong; nobody can say which.
Status ClockGuard::State::NoteSkew(Transaction& t, std::int64_t now) const {
  const std::int64_t skew = options.wall_millis() - now;
  SR_TRY(const auto known, LoadMark(t, options.front_end));
  if (std::llabs(skew) <= kSkew) {
    if (known) SR_CHECK(t.Execute("DELETE FROM clock_marks WHERE front_end = $1", {Text(options.front_end)}));
    return {};
  }
  if (known && Distance(now, known->seen_millis) < kWriteEvery) return {};
  return SaveMark(t, options.front_end, now,
                  fmt::format("The clock of machine {} is {} {} the database's.", options.front_end, Long(skew),
                              skew > 0 ? "ahead of" : "behind"));
}

Result<ClockGuard::State::Outcome> ClockGuard::State::Judge(Transaction& t) const {
  SR_TRY(const std::int64_t now, t.NowMillis());
  const Moment moment{now, options.steady_millis()};
  SR_CHECK(NoteSkew(t, now));
  SR_TRY(const auto mark, LoadMark(t, kAll));
  Outcome outcome{.memory = memory, .view = {}};
  Memory& next = outcome.memory;
  next.settling.reset();
  const auto jumped = [&](const std::optional<Moment>& since) {
    return since && std::llabs(moment.DriftSince(*since)) > kJump;
  };
  const bool near = mark && Distance(now, mark->seen_millis) <= kJump;
  // Somebody accepted it, or others have seen the time pass while this machine stood still.
  const bool accepted = mark && mark->accepted != memory.accepted;
  const bool vouched =
      near && mark->doubt.empty() && mark->seen_millis != memory.mark_millis && jumped(memory.believed);
  if (accepted || vouched) next.believed = next.day = std::nullopt;
  const bool steady = !jumped(next.believed) && !jumped(next.day);
  bool believe = !mark || (steady && (near || next.believed));
  if (!believe && mark->doubt.empty()) {
    if (!steady) {
      const Moment& since = jumped(next.believed) ? *next.believed : *next.day;
      SR_CHECK(SaveMark(t, kAll, mark->seen_millis,
                        fmt::format("The database's clock jumped from about {} to {}.",
                                    ShownTime(now - moment.DriftSince(since)), ShownTime(now))));
    } else if (now > mark->seen_millis) {
      next.settling = memory.settling && !jumped(memory.settling) ? *memory.settling : moment;
      believe = moment.steady - next.settling->steady >= options.settling.count();
    }
  }
  next.mark_millis = mark ? mark->seen_millis : now;
  next.accepted = mark ? mark->accepted : 0;
  if (believe) {
    next.believed = moment;
    if (!next.day || moment.steady - next.day->steady >= kDay) next.day = moment;
    next.settling.reset();
    const bool worth = !mark || !mark->doubt.empty() || Distance(now, mark->seen_millis) >= kWriteEvery;
    if (worth) {
      SR_CHECK(SaveMark(t, kAll, now, ""));
      next.mark_millis = now;
    }
  }
  SR_TRY(outcome.view, ViewClock(t));
  if (next.settling)
    outcome.view.doubt +=
        fmt::format(" It is believed when it has gone on steadily for {}.", Long(options.settling.count()));
  return outcome;
}

void ClockGuard::State::Say(ClockView found) {
  std::unique_lock lock(mutex);
  const bool changed = view.doubt.empty() != found.doubt.empty();
  view = std::move(found);
  const std::string told = view.doubt;
  lock.unlock();
  if (changed && options.on_change) options.on_change(told);
}

Status ClockGuard::Look() {
  SR_TRY(State::Outcome outcome, state_->database.Transact([this](Transaction& t) { return state_->Judge(t); }));
  state_->memory = std::move(outcome.memory);
  state_->Say(std::move(outcome.view));
  return {};
}

void ClockGuard::Start() {
  state_->thread = std::thread([this] {
    std::unique_lock lock(state_->mutex);
    while (!state_->wake.wait_for(lock, state_->options.look_every, [this] { return state_->stopping; })) {
      lock.unlock();
      // With the store away nothing can be destroyed either.
      static_cast<void>(Look());
      lock.lock();
    }
  });
}

void ClockGuard::Stop() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->wake.notify_all();
  if (state_->thread.joinable()) state_->thread.join();
}

ClockView ClockGuard::view() const {
  const std::lock_guard lock(state_->mutex);
  return state_->view;
}

ClockGuard::ClockGuard(Database& database, Options options)
    : state_(std::make_unique<State>(database, std::move(options))) {}
ClockGuard::~ClockGuard() { Stop(); }

}  // namespace strongroom::store
