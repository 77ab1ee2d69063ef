#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>

#include "base/result.h"

namespace strongroom::aws_client {

/// What a failed attempt says about another one.
enum class Retry : std::uint8_t { kNever, kTransient, kTimeout, kThrottled };

struct RetryOptions {
  int max_attempts = 3;
  std::chrono::milliseconds base{100}, throttled_base{1000}, longest{20'000};
  int tokens = 500;
};

/// The standard retry mode of AWS's SDKs: exponential backoff with full jitter, bounded for each call by the number of
/// attempts and for all calls of a client together by a bucket of tokens, so that a service that is down for everybody
/// is not asked by everybody again and again. A call that succeeds gives back what its last retry took, or one token.
/// Threads   any number at once.
/// Source    AWS SDKs and Tools Reference Guide, "Retry behavior".
class RetryPolicy {
 public:
  /// `random`: from 0 to 1. Both are given by tests only.
  using Random = std::function<double()>;
  explicit RetryPolicy(RetryOptions options, Random random = {});

  /// How long to wait before the next attempt, after `attempts` of them; none: there is no other.
  /// `retry_after`: what the server asked for; never waited for less, and no more than a minute.
  std::optional<std::chrono::milliseconds> Next(int attempts, Retry retry,
                                                std::optional<std::chrono::seconds> retry_after = std::nullopt);
  /// After a call that succeeded with its attempt number `attempts`.
  void Succeeded(int attempts);
  const RetryOptions& options() const noexcept { return options_; }

 private:
  const RetryOptions options_;
  const Random random_;
  std::mutex mutex_;
  int tokens_;
};

/// Errors: kCancelled when `stop` is requested before or meanwhile.
Status Wait(std::chrono::milliseconds time, const std::stop_token& stop);

/// What the error of a transfer means for another attempt.
Retry RetryOf(const Error& error) noexcept;

}  // namespace strongroom::aws_client
