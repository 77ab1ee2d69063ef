#pragma once

#include <string>
#include <vector>

#include "cli/data/data_directory.h"
#include "crypto/key_pair.h"

namespace CLI {
class App;
}

namespace strongroom::cli {

/// Where a new recovery key goes, as the operator says it. `development` is offered where a new data directory is made.
struct NewRecoveryKey {
  std::string file, shares, share_directory;
  bool passphrase = false, development = false;

  void Declare(CLI::App& app, bool with_development);
  /// Errors: kInvalidArgument unless exactly one place is named, outside the data directory.
  Status Check(const DataDirectory& data) const;
  /// Asks for the passphrase if one is wanted, and makes the key. `data` as for Check.
  Result<crypto::PublicKey> Make(const DataDirectory& data) const;
  /// One sentence on where it is and what to do with it.
  std::string Where() const;
};

/// An existing recovery key: a file, or shares.
struct GivenRecoveryKey {
  std::string file;
  std::vector<std::string> shares;

  void Declare(CLI::App& app);
  /// Asks for a passphrase when the file needs one. Errors: kInvalidArgument unless exactly one of both is named; those
  /// of recovery::LoadRecoveryKey.
  Result<crypto::PrivateKey> Load() const;
};

/// For commands that hold the recovery key for a moment: no core dump, memory locked as far as that is allowed.
Status HardenForSecrets();

}  // namespace strongroom::cli
