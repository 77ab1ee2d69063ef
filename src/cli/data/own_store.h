#pragma once

#include <memory>

#include "cli/data/data_directory.h"

namespace strongroom::cli {

// A wrong host or dbname leads to a database that is there and works, but is not the one that a data directory belongs
// to. These look before anything is made in it.

/// Errors: kInvalidArgument for the database of a deployment that this machine is not of, and for one without a
/// deployment though this machine has served or joined one; those of store::LookAt.
Status RequireOwnStore(const DataDirectory& data, const Settings& settings);
/// The store, opened after that.
Result<std::unique_ptr<store::Database>> OpenOwnStore(const DataDirectory& data, const Settings& settings);

/// For a deployment that is to be made. Errors: kInvalidArgument when the database has one. One that cannot be reached
/// yet is none of them.
Status RequireNoDeployment(const store::Config& store);
/// For a machine that joins. Errors: kInvalidArgument when the database has no deployment; those of store::LookAt.
Status RequireDeploymentToJoin(const store::Config& store);

}  // namespace strongroom::cli
