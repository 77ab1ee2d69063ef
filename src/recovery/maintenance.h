#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "control.pb.h"
#include "crypto/key_pair.h"
#include "store/database.h"

namespace strongroom::recovery {

/// One HSM of this machine, while neither host nor service runs.
struct MaintainedHsm {
  std::filesystem::path host_directory;  // DIR/host
  std::filesystem::path hsm_directory;   // DIR/hsm
  std::filesystem::path program;         // strongroom-hsm
  std::string host_id;
  std::string hsm_id, cluster_id, address, zone;
};

/// Starts the HSM, serves it its cluster's log from the store, asks it one thing and stops it again. The recovery key's
/// private half, when given, goes through a pipe to the HSM and nowhere else.
/// Errors    the HSM's own; kTimeout; kUnavailable when it does not start (its messages are on standard error).
/// Threads   blocks; runs a loop of its own.
Result<proto::Control> AskInMaintenance(const MaintainedHsm& hsm, store::Database& database, proto::Control question,
                                        const std::optional<crypto::PrivateKey>& recovery_key);

}  // namespace strongroom::recovery
