#pragma once

#include <string>
#include <string_view>

namespace strongroom {

/// A random (version 4) UUID in lower case, as KMS key ids and request ids are.
std::string NewUuid();
/// `prefix` and 11 characters of [2-7a-z], as cluster-, hsm- and backup- ids are (CloudHSMv2 model:
/// [2-7a-zA-Z]{11,16}).
std::string NewBase32Id(std::string_view prefix);
/// `prefix` and 17 lower-case hex digits, as cks- and eni- ids are.
std::string NewHexId(std::string_view prefix);

}  // namespace strongroom
