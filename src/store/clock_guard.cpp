#include "store/clock_guard.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <time.h>

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
/// Written down this much later than seen: far less than kJump, and seldom enough to cost an idle service nothing.
constexpr std::int64_t kWriteEvery = std::chrono::milliseconds(std::chrono::minutes(5)).count();

std::int64_t Distance(std::int64_t a, std::int64_t b) { return std::llabs(a - b); }

std::string Shown(std::int64_t millis) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(static_cast<std::time_t>(millis / 1000)));
}

std::string Long(std::int64_t millis) {
  const std::int64_t minutes = std::llabs(millis) / 60'000;
  if (minutes < 120) return fmt::format("{} minutes", minutes);
  if (minutes < 48 * 60) return fmt::format("{} hours", minutes / 60);
  return fmt::format("{} days", minutes / (24 * 60));
}

struct Mark {
  std::int64_t seen_millis = 0;
  std::string doubt;
};

Result<std::optional<Mark>> LoadMark(Transaction& t, std::string_view front_end) {
  SR_TRY(const auto row, t.QueryOne("SELECT seen_at, doubt FROM clock_marks WHERE front_end = $1", {Text(front_end)}));
  if (!row) return std::optional<Mark>();
  return std::optional<Mark>(Mark{row->Int(0), row->Text(1)});
}

Status SaveMark(Transaction& t, std::string_view front_end, const Mark& mark) {
  SR_CHECK(
      t.Execute("INSERT INTO clock_marks (front_end, seen_at, doubt) VALUES ($1, $2, $3) "
                "ON CONFLICT (front_end) DO UPDATE SET seen_at = $2, doubt = $3",
                {Text(front_end), mark.seen_millis, Text(mark.doubt)}));
  return {};
}

std::string GapDoubt(std::int64_t now, std::int64_t seen) {
  if (now < seen)
    return fmt::format("The database's clock says {}, {} before what was seen already.", Shown(now), Long(now - seen));
  return fmt::format("The database's clock says {}; the last time seen before was {}, {} earlier.", Shown(now),
                     Shown(seen), Long(now - seen));
}

}  // namespace

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

Status AcceptClock(Transaction& t) {
  SR_TRY(const std::int64_t now, t.NowMillis());
  // Front ends whose own clocks differ say so again.
  SR_CHECK(t.Execute("DELETE FROM clock_marks WHERE front_end <> $1", {Text(kAll)}));
  return SaveMark(t, kAll, {now, ""});
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

  Database& database;
  const Options options;
  // Of Look alone.
  std::optional<Moment> believed;  // the last that was
  std::optional<Moment> settling;  // when the clock that nobody knows has begun to go on steadily

  std::mutex mutex;  // the rest
  std::condition_variable wake;
  std::string doubt;
  bool stopping = false;
  std::thread thread;

  struct Outcome {
    std::optional<Moment> believed, settling;
    std::string doubt;
  };
  Result<Outcome> Judge(Transaction& t) const;
  Status NoteSkew(Transaction& t, std::int64_t now) const;
  void Say(std::string text);
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
  return SaveMark(t, options.front_end,
                  {now, fmt::format("The clock of machine {} is {} {} the database's.", options.front_end, Long(skew),
                                    skew > 0 ? "ahead of" : "behind")});
}

Result<ClockGuard::State::Outcome> ClockGuard::State::Judge(Transaction& t) const {
  SR_TRY(const std::int64_t now, t.NowMillis());
  const Moment moment{now, options.steady_millis()};
  SR_CHECK(NoteSkew(t, now));
  SR_TRY(const auto mark, LoadMark(t, kAll));
  Outcome outcome{.believed = believed, .settling = {}, .doubt = {}};
  const bool jumped = believed && std::llabs(moment.DriftSince(*believed)) > kJump;
  const bool near = mark && Distance(now, mark->seen_millis) <= kJump;
  bool believe = !mark || near || (believed && !jumped);
  if (mark && !mark->doubt.empty()) {
    believe = (near || believed) && !jumped;  // the clock is back
  } else if (!believe && jumped) {
    SR_CHECK(SaveMark(t, kAll,
                      {mark->seen_millis, fmt::format("The database's clock jumped from about {} to {}.",
                                                      Shown(now - moment.DriftSince(*believed)), Shown(now))}));
  } else if (!believe && now > mark->seen_millis) {
    outcome.settling = settling && std::llabs(moment.DriftSince(*settling)) <= kJump ? *settling : moment;
    believe = moment.steady - outcome.settling->steady >= options.settling.count();
  }
  if (believe) {
    outcome.believed = moment;
    outcome.settling.reset();
    const bool worth = !mark || !mark->doubt.empty() || Distance(now, mark->seen_millis) >= kWriteEvery;
    if (worth) SR_CHECK(SaveMark(t, kAll, {now, ""}));
  }
  SR_TRY(ClockView view, ViewClock(t));
  outcome.doubt = std::move(view.doubt);
  if (outcome.settling)
    outcome.doubt +=
        fmt::format(" It is believed when it has gone on steadily for {}.", Long(options.settling.count()));
  return outcome;
}

void ClockGuard::State::Say(std::string text) {
  std::unique_lock lock(mutex);
  const bool changed = doubt.empty() != text.empty();
  doubt = std::move(text);
  const std::string told = doubt;
  lock.unlock();
  if (changed && options.on_change) options.on_change(told);
}

Status ClockGuard::Look() {
  SR_TRY(State::Outcome outcome, state_->database.Transact([this](Transaction& t) { return state_->Judge(t); }));
  state_->believed = outcome.believed;
  state_->settling = outcome.settling;
  state_->Say(std::move(outcome.doubt));
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

std::string ClockGuard::doubt() const {
  const std::lock_guard lock(state_->mutex);
  return state_->doubt;
}

ClockGuard::ClockGuard(Database& database, Options options)
    : state_(std::make_unique<State>(database, std::move(options))) {}
ClockGuard::~ClockGuard() { Stop(); }

}  // namespace strongroom::store
