#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "base/task.h"

namespace strongroom::cloudhsm {

/// Who may append to a cluster's log next. The HSM that appended last is the first to know what it has to continue, so
/// it would win every race; one that has lost therefore goes before all others, for as long as it takes to come back.
///
/// Threads   one loop.
class AppendTurns {
 public:
  /// How long the others wait for one that has lost. It has to write what it lost to and its own record anew.
  static constexpr std::chrono::milliseconds kHold{100};

  explicit AppendTurns(std::chrono::milliseconds hold = kHold) : hold_(hold) {}

  /// Ends when no other HSM goes before this one any more.
  Task<void> Wait(std::string cluster_id, std::string hsm_id);
  void Lost(const std::string& cluster_id, const std::string& hsm_id);
  void Won(const std::string& cluster_id, const std::string& hsm_id);

 private:
  struct Loser {
    std::string hsm_id;
    std::chrono::steady_clock::time_point until;
  };
  struct Timer;
  struct Line {
    std::deque<Loser> losers;  // who has lost first goes first
    std::vector<Timer*> waiting;
  };
  void Wake(Line& line);

  std::chrono::milliseconds hold_;
  std::map<std::string, Line> lines_;
};

}  // namespace strongroom::cloudhsm
