#pragma once

#include <boost/json/object.hpp>
#include <filesystem>

#include "base/result.h"

namespace strongroom::cmu {

/// A client tool's configuration file. Errors: kNotFound; kInvalidArgument with file and position when it is no JSON
/// object or larger than 1 MiB.
Result<boost::json::object> ReadJsonFile(const std::filesystem::path& file);
/// Indented, written to a temporary file and renamed over, so that a reader sees the old or the new one.
Status WriteJsonFile(const std::filesystem::path& file, const boost::json::object& content);

}  // namespace strongroom::cmu
