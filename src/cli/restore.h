#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "cli/data/data_directory.h"
#include "crypto/key_pair.h"

namespace strongroom::cli {

struct RestorePlan {
  std::filesystem::path backup;
  std::filesystem::path data;  // not there, or empty
  std::optional<Listen> listen;
  std::string postgresql;     // "" = SQLite in the data directory
  bool replaced_key = false;  // the key is a newer one than the backup names
  bool new_root_key = false;  // the account gets a new root access key at the next start, and loses its old ones
};

struct Restored {
  std::uint64_t rows = 0;
  std::int64_t created_millis = 0;  // of the backup
  std::uint64_t epoch = 0;          // the domain cluster's new one
  std::string cluster_id, account_id;
};

/// Makes a data directory out of a backup: the store as it was, certificates of its own, and a domain cluster whose
/// only HSM is a new one, opened with the recovery key inside it. Customers' clusters follow when the service has
/// started. What an interrupted restoration has left in the directory is cleared.
/// Errors    kAlreadyExists the directory is not empty; kUntrusted another recovery key than the backup's;
/// those of
///           BackupReader and of the HSM. A failure leaves no data directory behind.
Result<Restored> RestoreDeployment(const RestorePlan& plan, const crypto::PrivateKey& recovery_key);

}  // namespace strongroom::cli
