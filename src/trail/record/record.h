#pragma once

#include <string>

#include "aws/dispatch/call_trail.h"
#include "ports/audit.h"
#include "trail/record/shown.h"

namespace strongroom::trail {

/// Longest request that is shown, and longest record. Source: CloudTrail User Guide, "Record contents".
inline constexpr std::size_t kLongestParameters = 100 * 1024;
inline constexpr std::size_t kLongestRecord = 256 * 1024;

/// One record as the writer takes it: `u32 n | u64 milliseconds | u16 n, facts | JSON`, where the first number counts
/// what follows it. Numbers are big-endian.
///
/// Promise   appends to `out` the record of the call, and a second one when the call touched a resource of another
///           account: that account's trail has it, too.
/// Cost      about a microsecond for a Decrypt; allocates nothing once the thread's buffers have grown.
/// Threads   any number of calls at once.
void AppendCall(const Shown& shown, const aws::EndedCall& ended, std::string& out);
/// The same of an event that is no API call, at this time.
void AppendEvent(const ports::AuditEvent& event, ports::WallTime now, std::string& out);

}  // namespace strongroom::trail
