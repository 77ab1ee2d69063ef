#include "apps/strongroomd/store_metrics.h"

#include <prometheus/client_metric.h>
#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <utility>

namespace strongroom::service {

std::shared_ptr<prometheus::Collectable> StoreMetrics(std::function<std::chrono::seconds()> silence) {
  struct Shown final : prometheus::Collectable {
    std::function<std::chrono::seconds()> silence;
    std::vector<prometheus::MetricFamily> Collect() const override {
      prometheus::ClientMetric metric;
      metric.gauge.value = static_cast<double>(silence().count());
      return {{"strongroom_store_silent_seconds",
               "Seconds since the database has answered last.",
               prometheus::MetricType::Gauge,
               {std::move(metric)}}};
    }
  };
  auto shown = std::make_shared<Shown>();
  shown->silence = std::move(silence);
  return shown;
}

}  // namespace strongroom::service
