#include "aws_client/retry.h"

#include <algorithm>
#include <condition_variable>
#include <random>

namespace strongroom::aws_client {
namespace {

constexpr int kRetryCost = 5, kTimeoutCost = 10;
constexpr std::chrono::seconds kLongestRetryAfter{60};

double AnyFraction() {
  thread_local std::minstd_rand generator{std::random_device()()};
  return std::uniform_real_distribution<double>(0, 1)(generator);
}

}  // namespace

RetryPolicy::RetryPolicy(RetryOptions options, Random random)
    : options_(options), random_(random ? std::move(random) : AnyFraction), tokens_(options.tokens) {}

std::optional<std::chrono::milliseconds> RetryPolicy::Next(int attempts, Retry retry,
                                                           std::optional<std::chrono::seconds> retry_after) {
  if (retry == Retry::kNever || attempts >= options_.max_attempts) return std::nullopt;
  {
    const std::lock_guard lock(mutex_);
    const int cost = retry == Retry::kTimeout ? kTimeoutCost : kRetryCost;
    if (tokens_ < cost) return std::nullopt;
    tokens_ -= cost;
  }
  const auto base = retry == Retry::kThrottled ? options_.throttled_base : options_.base;
  const auto most = std::min(options_.longest, base * (std::int64_t{1} << std::min(attempts - 1, 20)));
  std::chrono::milliseconds wait(static_cast<std::int64_t>(static_cast<double>(most.count()) * random_()));
  if (retry_after) {
    wait = std::max<std::chrono::milliseconds>(wait,
                                               std::clamp(*retry_after, std::chrono::seconds(0), kLongestRetryAfter));
  }
  return wait;
}

void RetryPolicy::Succeeded(int attempts) {
  const std::lock_guard lock(mutex_);
  tokens_ = std::min(options_.tokens, tokens_ + (attempts > 1 ? kRetryCost : 1));
}

Status Wait(std::chrono::milliseconds time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);  // cppcheck-suppress localMutex; nobody else is to be kept out
  wake.wait_for(lock, stop, time, [&] { return stop.stop_requested(); });
  if (stop.stop_requested()) return Error(Errc::kCancelled, "The request was cancelled.");
  return {};
}

Retry RetryOf(const Error& error) noexcept {
  switch (error.code()) {
    case Errc::kUnavailable: return Retry::kTransient;
    case Errc::kTimeout: return Retry::kTimeout;
    case Errc::kThrottled: return Retry::kThrottled;
    default: return Retry::kNever;
  }
}

}  // namespace strongroom::aws_client
