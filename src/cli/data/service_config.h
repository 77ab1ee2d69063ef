#pragma once

#include <filesystem>

#include "cli/data/data_directory.h"

namespace strongroom::cli {

/// Writes run/strongroomd.toml for this deployment and lets the service's user read what it names. Returns the file.
Result<std::filesystem::path> WriteServiceConfig(const DataDirectory& data, const Settings& settings);

/// Where WriteServiceConfig puts the service's own copy of the operator's password file for PostgreSQL, if it needs
/// one.
std::filesystem::path ServicePasswordFile(const DataDirectory& data);

}  // namespace strongroom::cli
