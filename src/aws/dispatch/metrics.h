#pragma once

#include <prometheus/collectable.h>

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "aws/dispatch/wire_error.h"

namespace strongroom::aws {

/// Counters of the dispatcher: calls and failures per operation, and how long calls took. Each loop counts for itself;
/// Collect sums them up.
class DispatchMetrics final : public prometheus::Collectable {
 public:
  struct Name {
    std::string service, operation;
  };
  /// `names[i]` belongs to the index given to Count; one more is kept for calls that name no operation.
  DispatchMetrics(std::vector<Name> names, std::size_t loops);

  std::size_t no_operation() const noexcept { return names_.size() - 1; }
  /// `error` is kCount_ for success.
  void Count(std::size_t operation, Errc error, std::chrono::nanoseconds took) noexcept;

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  /// Upper bounds in microseconds.
  static constexpr std::array<std::uint32_t, 15> kBounds{
      25, 50, 100, 250, 500, 1'000, 2'500, 5'000, 10'000, 25'000, 50'000, 100'000, 250'000, 1'000'000, 10'000'000};
  struct Row {
    std::array<std::atomic<std::uint64_t>, kErrcCount + 1> outcomes{};
    std::array<std::atomic<std::uint64_t>, kBounds.size() + 1> buckets{};
    std::atomic<std::uint64_t> nanoseconds{0};
  };
  std::vector<Name> names_;
  std::vector<std::unique_ptr<Row[]>> loops_;  // the last one is for other threads
};

}  // namespace strongroom::aws
