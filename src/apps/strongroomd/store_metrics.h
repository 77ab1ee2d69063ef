#pragma once

#include <chrono>
#include <functional>
#include <memory>

namespace prometheus {
class Collectable;
}

namespace strongroom::service {

/// `strongroom_store_silent_seconds`: how long the database has not answered, as `silence` says when it is asked (from
/// any thread).
std::shared_ptr<prometheus::Collectable> StoreMetrics(std::function<std::chrono::seconds()> silence);

}  // namespace strongroom::service
