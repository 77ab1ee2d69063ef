#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// Pieces of SigV4's canonical request, which who signs and who verifies have in common.
// Source: AWS General Reference, "Create a signed AWS API request", step 1.

namespace strongroom::sigv4 {

using WallTime = std::chrono::system_clock::time_point;

/// What becomes of the path before it is signed.
enum class PathForm : std::uint8_t {
  kNormalized,   // "." and ".." and repeated slashes are resolved, then it is encoded again
  kAsSent,       // it is encoded again
  kEncodedOnce,  // S3: nothing; it stands as it is sent
};

void AppendCanonicalPath(std::string_view path, PathForm form, std::string& out);
/// Sorted by name, then value; `leave_out` (X-Amz-Signature of a presigned request) is dropped.
void AppendCanonicalQuery(std::string_view query, std::string_view leave_out, std::string& out);
/// A header's value: trimmed, inner runs of spaces and tabs collapsed.
void AppendCanonicalValue(std::string_view value, std::string& out);

/// Percent-decodes; '+' stays as it is. Malformed escapes are taken literally.
std::string PercentDecode(std::string_view text);
/// RFC 3986 unreserved characters stay, all else becomes %XX.
void AppendPercentEncoded(std::string_view text, std::string& out);
/// The decoded value of the first parameter of that name.
std::optional<std::string> QueryParameter(std::string_view query, std::string_view name);

/// "20150830T123600Z"; nothing when malformed or not a date of the calendar.
std::optional<WallTime> ParseBasicTime(std::string_view text);
std::string FormatBasicTime(WallTime time);

}  // namespace strongroom::sigv4
