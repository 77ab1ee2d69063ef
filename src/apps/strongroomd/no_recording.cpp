// What recording costs is measured against a strongroomd that records no calls. It is not shipped.
#include "apps/strongroomd/recording.h"
#include "base/log.h"

namespace strongroom::service {

aws::CallTrail* RecorderOfCalls(trail::Trail&) {
  log::Warn("this strongroomd is for measurements: it records no calls");
  return nullptr;
}

}  // namespace strongroom::service
