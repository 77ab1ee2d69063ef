#pragma once

#include "aws/dispatch/service.h"

namespace strongroom::iam {

/// STS has no state: who calls is in the call. The object is what its operations are bound to.
class Sts {
 public:
  /// The row for the dispatcher. Lifetime: `this` outlives the dispatcher.
  aws::Service Service() noexcept;
};

}  // namespace strongroom::iam
