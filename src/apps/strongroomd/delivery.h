#pragma once

#include <memory>

#include "apps/strongroomd/config.h"
#include "store/database.h"
#include "trail/delivery/delivery.h"
#include "trail/keeping/keeper.h"

namespace strongroom::service {

/// Delivers the audit trail to the bucket that the configuration names; null when it names none. `keeper` says how
/// digests are signed, and which front ends are gone. The bucket is asked for the first time by Start.
std::unique_ptr<trail::Delivery> MakeDelivery(const Config& config, store::Database& database,
                                              const trail::KeeperOptions& keeper);

}  // namespace strongroom::service
