#include "apps/strongroom_hsm/crash_points.h"

namespace strongroom {

void AddCrashPoints(hsm::replica::ReplicaOptions&) {}
void AddCrashPoints(hsm::EngineOptions&) {}

}  // namespace strongroom
