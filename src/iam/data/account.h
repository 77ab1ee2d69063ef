#pragma once

#include <optional>
#include <string>

#include "iam/work.h"

namespace strongroom::iam {

/// The account's alias, if it has one.
Result<std::optional<std::string>> ReadAlias(store::Transaction& t, std::string_view account);
/// Authorises an operation that is about no single thing.
inline Status AuthorizeAccount(const Work& work) { return work.Authorize("*"); }

}  // namespace strongroom::iam
