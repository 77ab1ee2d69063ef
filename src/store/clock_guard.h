#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "store/database.h"

namespace strongroom::store {

/// A jump of the clock beyond this, and a difference between a machine's clock and the database's beyond that, and
/// nothing is destroyed because its time has come (DESIGN section 4).
inline constexpr std::chrono::milliseconds kMostClockJump = std::chrono::hours(1);
inline constexpr std::chrono::milliseconds kMostClockSkew = std::chrono::minutes(5);

/// What there is against the database's clock; `doubt` is empty when there is nothing, else a sentence for people.
struct ClockView {
  std::int64_t now_millis = 0;
  std::int64_t seen_millis = 0;  // 0: no front end has looked yet
  std::string doubt;
  /// It can be accepted; else it is a machine's clock that is to be set.
  bool acceptable = false;
};
Result<ClockView> ViewClock(Transaction& t);

/// "2026-11-23 09:30:00 UTC", as doubts have it.
std::string ShownTime(std::int64_t millis);

/// Whether what the database's clock says is due may be destroyed (keys, materials, backups, generations) or rotated.
/// Asked in the transaction that does it: also a jump that nobody has noticed yet stops it.
Result<bool> ClockIsTrusted(Transaction& t);

/// The time that waiting periods count from: the database's clock, or what was seen before if that is later, so that
/// none that begins while the clock is behind is over as soon as it is put right.
Result<std::int64_t> LatestMillis(Transaction& t);

/// A person has looked: the database's clock is right, whatever was seen before. A machine whose clock differs is
/// doubted all the same.
Status AcceptClock(Transaction& t);

/// Watches the database's clock for one front end.
///
/// While it runs, a time is believed as long as it goes on as this machine's steady clock does, within kMostClockJump a
/// day; a jump is written down, and stays until a front end that saw it sees the clock back, or somebody accepts it.
/// After all front ends were away for longer than kMostClockJump nobody can say whether time has passed or a clock was
/// set: then a time is believed once the clock has gone on steadily for `settling`, in which time servers and people
/// put wrong clocks right.
///
/// Threads   Look from one at a time; view from anywhere. Start makes a thread of its own.
/// Lifetime  the database outlives it; the destructor stops it.
class ClockGuard {
 public:
  struct Options {
    std::string front_end;  // this one's name, not empty
    /// This machine's clock, in milliseconds since 1970, and one that goes on whatever is set, also in its sleep.
    std::function<std::int64_t()> wall_millis = WallMillis;
    std::function<std::int64_t()> steady_millis = SteadyMillis;
    std::chrono::milliseconds settling = std::chrono::hours(1);
    std::chrono::milliseconds look_every = std::chrono::seconds(10);
    /// Told of each change, for the log; empty: all is well again.
    std::function<void(const std::string& doubt)> on_change;
  };
  ClockGuard(Database& database, Options options);
  ~ClockGuard();

  /// Compares the clocks and writes down what that says. Errors: the database's.
  Status Look();
  /// Looks now and then, until Stop.
  void Start();
  void Stop();
  /// What the last look found.
  ClockView view() const;

  static std::int64_t WallMillis();
  static std::int64_t SteadyMillis();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace strongroom::store
