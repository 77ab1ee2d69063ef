#pragma once

#include "aws/dispatch/operation.h"
#include "ports/authorizer.h"

namespace strongroom::aws {

/// The question whether the caller may do this call's action, with everything in it that the request answers: what
/// remains to be said is the resource, its owner and its policy. Views of the call, which must outlive it.
inline ports::Question QuestionOf(const Call& call) {
  return {
      .caller = call.caller,
      .action = call.iam_action,
      .resource_account = call.account(),
      .context = call.conditions.empty() ? nullptr : &call.conditions,
      .request = {.source_ip = call.source_ip, .user_agent = call.user_agent, .region = call.region, .now = call.time}};
}

}  // namespace strongroom::aws
