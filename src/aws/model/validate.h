#pragma once

#include <boost/json/object.hpp>
#include <span>
#include <string_view>

#include "aws/dispatch/service.h"
#include "aws/model/service_model.h"
#include "base/result.h"

namespace strongroom::aws::model {

/// Are all members of the JSON types that the model says? Unknown members are ignored, null counts as absent.
/// Errors: kSerialization, naming the first wrong member's JSON path and the expected type, never the value.
/// Source: spec/kms.md 1.2.
Status CheckTypes(const boost::json::object& body, const Shape& input);

/// Are all constraints of the model kept, with a service's own limits on top-level members applied? To be called after
/// CheckTypes. Errors: kInvalidArgument with AWS's text for all violations at once. Source: spec/kms.md 1.6.
Status CheckConstraints(const boost::json::object& body, const Shape& input,
                        std::span<const ConstraintOverride> overrides = {});

/// How many bytes strict base64 (RFC 4648, section 4) decodes to; -1 when it is not that. The time depends on the
/// length only, since the text may carry plaintext.
std::int64_t Base64Size(std::string_view text) noexcept;

}  // namespace strongroom::aws::model
