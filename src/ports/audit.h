#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ports/clock.h"

namespace strongroom::ports {

/// Something for the audit trail that no call to an AWS API tells: what a service did by itself, or what a program that
/// speaks another protocol asked for. Texts are shown as they are; never payload, passwords or keys.
struct AuditEvent {
  enum class Kind : std::uint8_t {
    kServiceEvent,  // AwsServiceEvent, by "AWS Internal"
    kForeignCall,   // AwsApiCall of a program with a credential of its own (an external key store proxy's client)
  };
  /// lowerCamelCase name and text.
  using Texts = std::vector<std::pair<std::string, std::string>>;

  Kind kind = Kind::kServiceEvent;
  std::string account, region;  // whose trail it belongs to
  std::string event_source = "kms.amazonaws.com";
  std::string event_name;              // "RotateKey"
  std::vector<std::string> resources;  // ARNs
  Texts details;                       // serviceEventDetails of a service event, requestParameters of a call
  Texts additional;                    // additionalEventData
  std::string error_code, error_message;
  bool read_only = false;

  // Of a foreign call only.
  std::string request_id, source_ip, user_agent, access_key_id;
};

/// Where such events go.
/// Threads   any number of calls at once; does not block.
class AuditSink {
 public:
  virtual ~AuditSink() = default;
  virtual void Record(const AuditEvent& event) = 0;
};

}  // namespace strongroom::ports
