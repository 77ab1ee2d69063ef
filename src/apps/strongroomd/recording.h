#pragma once

#include "trail/trail.h"

namespace strongroom::service {

/// Who is told of calls: the trail. The program that bench/ measures against links a definition that tells nobody.
aws::CallTrail* RecorderOfCalls(trail::Trail& trail);

}  // namespace strongroom::service
