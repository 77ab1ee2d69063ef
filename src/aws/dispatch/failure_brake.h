#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace strongroom::aws {

/// Slows down who guesses: how long the answer to a failed signature is held back, by the address that it came from.
///
/// Promise   answers are held for the first time already, so that the time of an answer does not tell whether an HSM
/// was
///           asked. What the failure was about (an access key that does not exist, a wrong secret) the answer says in
///           words, as AWS's does. Requests that succeed never wait. Addresses are counted by themselves (IPv6: by
///           /64), at most kMostSources; an address forgets one failure each second.
/// Threads   any.
class FailureBrake {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::size_t kMostSources = 65'536;

  struct Options {
    std::chrono::milliseconds hold{20};        // of each failure; zero switches the brake off
    std::chrono::milliseconds longest{1'000};  // the hold doubles with every `step` failures up to this
    std::uint32_t step = 10;
    std::uint32_t most = 300;  // failures of an address from which on it is only told that it asks too much
  };
  explicit FailureBrake(Options options) : options_(options) {}

  struct Verdict {
    std::chrono::milliseconds hold{0};
    bool too_many = false;
  };
  /// Counts one failure. `address` is an IP address's text; any other text is a source of its own.
  Verdict Failed(std::string_view address, Time now);
  /// True when one failure more of this address would be too many.
  bool Exhausted(std::string_view address, Time now) const;
  std::size_t sources() const;

 private:
  struct Source {
    double failures = 0;
    Time at{};
  };
  const Options options_;
  mutable std::mutex mutex_;
  std::map<std::string, Source, std::less<>> sources_;
};

/// An address as failures are counted by: IPv4 as it is, IPv6 without its lower half.
std::string SourceOf(std::string_view address);

}  // namespace strongroom::aws
