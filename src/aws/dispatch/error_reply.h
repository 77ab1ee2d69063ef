#pragma once

#include <string_view>

#include "aws/dispatch/service.h"
#include "aws/http/handler.h"
#include "base/error.h"

namespace strongroom::aws {

/// Errors of requests that belong to no service yet (unknown target, unknown path).
const WireErrors& CommonErrors() noexcept;

/// Fills in status, content type and body for `error` in the service's own words; `service` null means none is known.
/// A failure of our own (5xx) is logged here, and its text is replaced by one that only names the request.
/// Source: spec/kms.md 1.3 and 1.4; AWS query protocol, errors.
void WriteError(const Service* service, const Error& error, HttpResponse& response);

/// The same where neither service nor Errc fits: type, status and text as they are.
void WriteJsonError(std::string_view type, unsigned status, std::string_view message, MessageMember spelling,
                    HttpResponse& response);

inline constexpr std::string_view kJsonType = "application/x-amz-json-1.1";
inline constexpr std::string_view kXmlType = "text/xml";

}  // namespace strongroom::aws
