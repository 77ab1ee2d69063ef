#include "apps/strongroom_hsm/crash_points.h"

#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>

namespace strongroom {
namespace {

constexpr const char* kArmed = "crash-at";
constexpr const char* kNext = "crash-at.next";
constexpr const char* kDone = "crashed-at";
constexpr int kCrashed = 70;

void Pass(std::string_view step) {
  std::string wanted;
  int passing = 0;
  if (std::ifstream file(kArmed); !file || !(file >> wanted >> passing) || wanted != step) return;
  if (passing > 1) {
    std::ofstream(kNext) << wanted << ' ' << passing - 1 << '\n';
    std::rename(kNext, kArmed);
    return;
  }
  std::rename(kArmed, kDone);
  ::_exit(kCrashed);
}

std::string_view Name(hsm::replica::Step step) {
  using hsm::replica::Step;
  switch (step) {
    case Step::kDecided: return "decided";
    case Step::kWrittenAhead: return "written-ahead";
    case Step::kOffered: return "offered";
    case Step::kMarked: return "marked";
    case Step::kApplied: return "applied";
  }
  return "";
}
std::string_view Name(hsm::SessionStep step) {
  using hsm::SessionStep;
  switch (step) {
    case SessionStep::kReceived: return "received";
    case SessionStep::kAdmitted: return "admitted";
    case SessionStep::kAnswering: return "answering";
    case SessionStep::kAnswered: return "answered";
  }
  return "";
}

}  // namespace

void AddCrashPoints(hsm::replica::ReplicaOptions& options) {
  options.die_at = [](hsm::replica::Step step) {
    Pass(Name(step));
    return false;
  };
}
void AddCrashPoints(hsm::EngineOptions& options) {
  options.at_step = [](hsm::SessionStep step) { Pass(Name(step)); };
}

}  // namespace strongroom
