#pragma once

#include <boost/json/object.hpp>
#include <string_view>

#include "aws/dispatch/service.h"
#include "aws/http/handler.h"
#include "base/result.h"
#include "base/task.h"
#include "ports/clock.h"
#include "ports/credentials.h"

namespace strongroom::aws {

/// One call that has ended, allowed or not, as the dispatcher saw it. Everything is a view that lives until the record
/// is made. The trail decides what of it may be shown.
struct EndedCall {
  const Service& service;
  const Operation& operation;
  const HttpRequest& request;
  std::string_view request_id, region;    // region: empty when none was named that there is
  const ports::Caller* caller = nullptr;  // null: the caller could not be established
  /// What `caller` is of, when it is exactly as verified: the same one has the same caller. Null otherwise.
  const std::shared_ptr<const ports::Credential>* credential = nullptr;
  std::string_view claimed_key, claimed_account;    // then: the access key that was named, and whose it would be
  const Call* call = nullptr;                       // null: refused before it was a call
  const boost::json::object* parameters = nullptr;  // null: the body was not understood
  const Reply* reply = nullptr;                     // null: refused
  std::string_view error_code, error_message;       // empty: answered
  ports::WallTime time;                             // when it ended
};

/// Where the dispatcher tells of every call.
/// Threads   Record and Admit on every loop at once; neither blocks.
class CallTrail {
 public:
  virtual ~CallTrail() = default;
  /// Asked before a call is carried out. Errors: kUnavailable while what happens could not be recorded.
  virtual Status Admit() const = 0;
  virtual void Record(const EndedCall& ended) = 0;
  /// True when no answer may leave before Durable() has ended.
  virtual bool holds_answers() const noexcept = 0;
  /// Ends when everything that this thread has recorded is durable. Errors: kUnavailable when it cannot be made so.
  virtual Task<Status> Durable() = 0;
};

}  // namespace strongroom::aws
