#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "xks_protocol/requests.h"

namespace strongroom::xks_proxy {

/// One request as the operator's log keeps it. Views live until the call has ended.
struct AuditLine {
  std::string_view proxy_id, key_id, remote_address;
  std::string_view result = "ok";                  // else the error's name
  std::string_view why;                            // what the log alone may say of a failure
  const xks::RequestMetadata* metadata = nullptr;  // null while the request was not understood
  xks::Api api = xks::Api::kHealth;
  std::chrono::microseconds took{0};
};

/// One line of JSON: members in a fixed order, empty ones left out, every text cut after 256 characters and with
/// nothing but printable ASCII in it, so that no caller writes lines of its own into the log.
std::string Format(const AuditLine& line);

/// Writes it to the log.
void Write(const AuditLine& line);

/// Says whether a refused signature is worth a line: one per second, since anybody can send them. `suppressed` is how
/// many were not.
bool WorthALine(std::uint64_t& suppressed);

}  // namespace strongroom::xks_proxy
