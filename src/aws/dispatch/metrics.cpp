#include "aws/dispatch/metrics.h"

#include <prometheus/metric_family.h>

#include "aws/http/loop_slot.h"

namespace strongroom::aws {

DispatchMetrics::DispatchMetrics(std::vector<Name> names, std::size_t loops) : names_(std::move(names)) {
  names_.push_back({"none", "none"});
  for (std::size_t i = 0; i <= loops; ++i) loops_.push_back(std::make_unique<Row[]>(names_.size()));
}

void DispatchMetrics::Count(std::size_t operation, Errc error, std::chrono::nanoseconds took) noexcept {
  const std::size_t slot = std::min(CurrentLoopSlot(), loops_.size() - 1);
  Row& row = loops_[slot][operation];
  const auto micros = static_cast<std::uint64_t>(took.count() / 1000);
  std::size_t bucket = 0;
  while (bucket < kBounds.size() && micros > kBounds[bucket]) ++bucket;
  constexpr auto kRelaxed = std::memory_order_relaxed;
  row.outcomes[static_cast<std::size_t>(error)].fetch_add(1, kRelaxed);
  row.buckets[bucket].fetch_add(1, kRelaxed);
  row.nanoseconds.fetch_add(static_cast<std::uint64_t>(took.count()), kRelaxed);
}

std::vector<prometheus::MetricFamily> DispatchMetrics::Collect() const {
  using prometheus::ClientMetric;
  prometheus::MetricFamily calls{
      "strongroom_aws_requests_total", "Requests by operation and outcome.", prometheus::MetricType::Counter, {}};
  prometheus::MetricFamily latency{"strongroom_aws_request_seconds",
                                   "Time from header to answer, by service.",
                                   prometheus::MetricType::Histogram,
                                   {}};
  struct Sum {
    std::array<std::uint64_t, kBounds.size() + 1> buckets{};
    std::uint64_t nanoseconds = 0, count = 0;
  };
  std::map<std::string, Sum> sums;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    Sum& sum = sums[names_[i].service];
    for (std::size_t outcome = 0; outcome <= kErrcCount; ++outcome) {
      std::uint64_t count = 0;
      for (const auto& loop : loops_) count += loop[i].outcomes[outcome].load(std::memory_order_relaxed);
      if (count == 0) continue;
      sum.count += count;
      ClientMetric metric;
      metric.counter.value = static_cast<double>(count);
      const std::string_view name = outcome == kErrcCount ? "ok" : strongroom::Name(static_cast<Errc>(outcome));
      metric.label = {
          {"service", names_[i].service}, {"operation", names_[i].operation}, {"outcome", std::string(name)}};
      calls.metric.push_back(std::move(metric));
    }
    for (const auto& loop : loops_) {
      for (std::size_t b = 0; b < sum.buckets.size(); ++b) {
        sum.buckets[b] += loop[i].buckets[b].load(std::memory_order_relaxed);
      }
      sum.nanoseconds += loop[i].nanoseconds.load(std::memory_order_relaxed);
    }
  }
  for (const auto& [service, sum] : sums) {
    if (sum.count == 0) continue;
    ClientMetric metric;
    metric.label = {{"service", service}};
    metric.histogram.sample_count = sum.count;
    metric.histogram.sample_sum = static_cast<double>(sum.nanoseconds) * 1e-9;
    std::uint64_t cumulative = 0;
    for (std::size_t b = 0; b < sum.buckets.size(); ++b) {
      cumulative += sum.buckets[b];
      const double bound = b < kBounds.size() ? kBounds[b] * 1e-6 : std::numeric_limits<double>::infinity();
      metric.histogram.bucket.push_back({cumulative, bound});
    }
    latency.metric.push_back(std::move(metric));
  }
  return {std::move(calls), std::move(latency)};
}

}  // namespace strongroom::aws
