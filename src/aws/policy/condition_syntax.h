#pragma once

#include <boost/json/object.hpp>
#include <string_view>

#include "base/result.h"

namespace strongroom::aws {

/// Is this the Condition element of a statement that can be kept? `where` names it in the texts ("Statement 1:
/// Condition"). Errors: kMalformedPolicy for an unknown operator, a key without values, a value of another type, and
/// ForAllValues on a key that has one value at most, which would also match without it. Source: IAM User Guide, "IAM
/// JSON policy elements: Condition operators".
Status CheckConditionSyntax(const boost::json::object& condition, std::string_view where);

}  // namespace strongroom::aws
