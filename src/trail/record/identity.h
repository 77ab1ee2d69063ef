#pragma once

#include <string_view>

#include "aws/http/wiped_buffer.h"
#include "ports/credentials.h"

namespace strongroom::trail {

/// The record's `userIdentity` for its own account's trail.
/// Source   CloudTrail User Guide, "CloudTrail userIdentity element".
void WriteIdentity(const ports::Caller& caller, aws::WipedBuffer& out);
/// What another account's trail may know of the caller: its account and principal id.
void WriteForeignIdentity(const ports::Caller& caller, aws::WipedBuffer& out);
/// What LookupEvents calls Username: "root", the user's name, the name of the role's or the federated user's session.
std::string_view UserName(const ports::Caller& caller) noexcept;

}  // namespace strongroom::trail
