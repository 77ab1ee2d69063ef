#pragma once

#include "aws/dispatch/service.h"
#include "ports/authorizer.h"
#include "store/database.h"
#include "trail/lookup_rate.h"

namespace strongroom::trail {

/// CloudTrail's LookupEvents, over what the front ends' trails have brought to the store.
struct CloudTrail {
  store::Database& database;
  const ports::Authorizer& authorizer;
  LookupRate rate{false};
};

/// `service` outlives the dispatcher.
aws::Service Describe(CloudTrail& service);

}  // namespace strongroom::trail
