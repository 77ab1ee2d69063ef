#pragma once

#include <filesystem>

#include "base/result.h"
#include "cli/data/data_directory.h"

namespace strongroom::cli {

/// Makes or refreshes DIR/client, the CloudHSM client package of this deployment: etc/ (client.crt and client.key, the
/// hosts' certificates in certs/<subject hash>.0, configuration files, never overwritten once `configure` has been
/// at them) and bin/ (links to the programs). customerCA.crt is the user's to add.
Status RefreshClientPackage(const DataDirectory& data);

/// Copies the package, programs included, to `target`, a directory that does not exist yet.
Status ExportClientPackage(const DataDirectory& data, const std::filesystem::path& target);

/// The directory of the running program, where its siblings are.
std::filesystem::path ProgramDirectory();

}  // namespace strongroom::cli
