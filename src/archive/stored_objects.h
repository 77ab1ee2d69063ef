#pragma once

#include <functional>
#include <span>
#include <string>

#include "archive/manifest.h"
#include "aws_client/object_store.h"

namespace strongroom::archive {

/// Calls `lost` for each of `expected` that is not in the store under `prefix` and its name, or has another size;
/// `what` says which ("is missing"). One listing; memory: a pointer for each object.
Status ForEachLost(aws_client::ObjectStore& store, const std::string& prefix,
                   std::span<const ObjectFacts* const> expected,
                   const std::function<Status(const ObjectFacts& facts, std::string_view what)>& lost);

}  // namespace strongroom::archive
