#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "ports/clock.h"
#include "ports/credentials.h"

namespace strongroom::ports {

/// One API call as the audit trail keeps it. Never holds payload: only names, ids and what the service chose to show.
struct AuditEvent {
  WallTime time;
  std::string request_id;
  std::string event_source;  // "kms.amazonaws.com"
  std::string event_name;    // "Encrypt"
  std::string region;
  std::string source_ip;
  std::string user_agent;
  Caller caller;           // empty account when the caller could not be established
  std::string error_code;  // empty on success
  std::string error_message;
  /// Request parameters fit for the trail, in lowerCamelCase, each value already JSON.
  std::vector<std::pair<std::string, std::string>> request_parameters;
  /// ARNs of the resources that the call touched.
  std::vector<std::string> resources;
};

/// Where audit events go.
/// Threads   any number of calls at once; must not block (writers group events).
class AuditSink {
 public:
  virtual ~AuditSink() = default;
  virtual void Record(AuditEvent event) = 0;
  /// False when Record would do nothing with an event just now: the caller then need not make one.
  virtual bool listens() const noexcept { return true; }
};

/// Writes each event to the log at debug level.
class LogAuditSink final : public AuditSink {
 public:
  void Record(AuditEvent event) override;
  bool listens() const noexcept override;
};

}  // namespace strongroom::ports
