#pragma once

#include <span>
#include <string>
#include <string_view>

#include "aws/http/handler.h"
#include "ports/clock.h"
#include "sigv4/canonical.h"

namespace strongroom::aws {

using sigv4::AppendCanonicalPath;
using sigv4::AppendCanonicalQuery;
using sigv4::AppendPercentEncoded;
using sigv4::FormatBasicTime;
using sigv4::ParseBasicTime;
using sigv4::PathForm;
using sigv4::PercentDecode;
using sigv4::QueryParameter;

/// The canonical request's headers, one line per name: values trimmed, inner runs of spaces collapsed, repeated headers
/// joined by commas.
void AppendCanonicalHeaders(const HttpRequest& request, std::span<const std::string_view> signed_names,
                            std::string& out);

}  // namespace strongroom::aws
