#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "aws/http/handler.h"
#include "ports/clock.h"

namespace strongroom::aws {

/// Whether a path's "." and ".." segments and repeated slashes are resolved before signing (all services but S3).
enum class PathForm { kNormalized, kAsSent };

// Pieces of the canonical request, appended to `out`.
// Source: AWS General Reference, "Create a signed AWS API request", step 1.
void AppendCanonicalPath(std::string_view path, PathForm form, std::string& out);
/// Sorted by name, then value; `leave_out` (X-Amz-Signature of a presigned request) is dropped.
void AppendCanonicalQuery(std::string_view query, std::string_view leave_out, std::string& out);
/// One line per name: values trimmed, inner runs of spaces collapsed, repeated headers joined by commas.
void AppendCanonicalHeaders(const HttpRequest& request, std::span<const std::string_view> signed_names,
                            std::string& out);

/// Percent-decodes; '+' stays as it is. Malformed escapes are taken literally.
std::string PercentDecode(std::string_view text);
/// RFC 3986 unreserved characters stay, all else becomes %XX.
void AppendPercentEncoded(std::string_view text, std::string& out);
/// The decoded value of the first parameter of that name.
std::optional<std::string> QueryParameter(std::string_view query, std::string_view name);

/// "20150830T123600Z"; nothing when malformed or not a date of the calendar.
std::optional<ports::WallTime> ParseBasicTime(std::string_view text);
std::string FormatBasicTime(ports::WallTime time);

}  // namespace strongroom::aws
