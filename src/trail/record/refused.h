#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace strongroom::trail {

/// Decides which calls of callers who could not be established (no signature, a wrong one, an unknown or expired key)
/// get a record of their own, so that who sends nothing else cannot fill the disk; the others are counted.
///
/// Promise   an address (IPv6: a /64) has kPerSecond records each second; all together have kBurst, and kSustained more
///           each second. At most kMostSources addresses are told apart.
/// Threads   any.
class RefusedCalls {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr double kPerSecond = 5, kBurst = 300, kSustained = 2;
  static constexpr std::size_t kMostSources = 1024, kMostNamed = 20;
  /// How often what was left out is told.
  static constexpr std::chrono::seconds kTold{10};

  /// Whether this one is to be recorded; one that is not is counted.
  bool Admit(std::string_view address, Time now);

  struct LeftOut {
    std::uint64_t count = 0;
    std::vector<std::pair<std::string, std::uint64_t>> sources;  // those with the most, at most kMostNamed
  };
  /// What was left out since the last time that it was told; none when there is nothing, or it is too early and not
  /// `last`.
  std::optional<LeftOut> Take(Time now, bool last);

 private:
  struct Source {
    double room = kPerSecond;
    Time at{};
    std::uint64_t left_out = 0;
  };
  std::mutex mutex_;
  std::map<std::string, Source, std::less<>> sources_;
  double room_ = kBurst;
  Time at_{}, told_{};
  std::uint64_t left_out_ = 0;
};

}  // namespace strongroom::trail
