#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/data/settings.h"
#include "crypto/key_pair.h"
#include "store/database.h"

namespace strongroom::cli {

/// The users that processes become when root starts them; numeric, so that no account need exist.
inline constexpr uid_t kServiceUser = 61740;  // strongroomd
inline constexpr uid_t kRelayUser = 61741;    // the host's relay
inline constexpr uid_t kHsmUser = 61742;      // every strongroom-hsm

class DataDirectory;

struct InitOptions {
  std::optional<Listen> listen;
  std::string account_id;  // "" = drawn at random
  std::string region = "us-east-1";
  std::string postgresql;      // "" = SQLite
  std::string network_prefix;  // wanted; "" or taken: another one is picked
  bool first_start = false;    // nobody has decided anything, so that an interrupted one is simply made anew
  /// Makes the recovery key, or names one; empty: a new one in DIR/recovery-key.pem, for development.
  std::function<Result<crypto::PublicKey>()> recovery_key;
  /// Puts files in place that are not to be made anew, before the others are; empty: none.
  std::function<Status(const DataDirectory&)> shared;
  /// Called when all but the settings is there; if it fails, the directory is not initialised. Empty: nothing to do.
  std::function<Status(const DataDirectory&, const Settings&)> last;
};

/// A deployment's data directory. Layout:
///   strongroom.toml  lock  root-access-key.json  recovery-key.pem (development)  recovery-key.pub.pem last-backup.json
///   tls/       HTTPS certificate and its CA            service/  strongroomd: its files, front-end key, SQLite
///   host/      the HSM host: certificates, HSM list    hsm/      one directory per HSM
///   client/    the client package                      run/      process ids
class DataDirectory {
 public:
  /// The path made absolute; nothing is touched.
  explicit DataDirectory(const std::filesystem::path& root);

  bool initialised() const;
  /// Makes everything. Errors: kAlreadyExists when it is there; kInvalidState where there is something of that which no
  /// Init has left behind, a deployment without its settings above all; kInvalidArgument; file errors. A failure
  /// half-way leaves the settings under another name, by which the next Init knows that it may begin anew.
  Status Init(const InitOptions& options);
  /// Errors: kNotFound with what to do when it is not initialised; kInvalidState after an interrupted restoration, or
  /// when nothing but strongroom.toml is missing.
  Result<Settings> Load() const;
  /// Errors: kInvalidState, naming what there is, where somebody's files stand though there are no settings.
  Status RequireNothingElse() const;
  /// Errors: kInvalidState, saying what to do, where a restoration was interrupted.
  Status RequireWhole() const;
  /// The key that restores backups taken now: as the store has it, or, before the first start, this directory.
  Result<crypto::PublicKey> RecoveryKey(const Settings& settings) const;
  /// Where these settings keep the store.
  store::Config StoreOf(const Settings& settings) const;
  /// The id of this machine as a host of HSMs.
  Result<std::string> HostId() const;
  /// Owners and modes for the users above (when root), so that each process reads its own part only.
  Status ApplyOwnership() const;
  /// Takes the lock for this process's life; waits up to a minute while a previous owner's children end.
  /// Errors: kConflict naming the process that has it.
  Result<int> Lock() const;
  /// The same of a directory that is yet to be made. Errors: also kAlreadyExists for one that is initialised.
  Result<int> LockNew() const;

  const std::filesystem::path& root() const noexcept { return root_; }
  std::filesystem::path settings() const { return root_ / "strongroom.toml"; }
  std::filesystem::path tls() const { return root_ / "tls"; }
  std::filesystem::path service() const { return root_ / "service"; }
  std::filesystem::path host() const { return root_ / "host"; }
  std::filesystem::path hsm() const { return root_ / "hsm"; }
  std::filesystem::path client() const { return root_ / "client"; }
  std::filesystem::path run() const { return root_ / "run"; }
  /// Where the settings are while Init is at work.
  std::filesystem::path unfinished_settings() const { return root_ / "strongroom.toml.unfinished"; }
  /// The same of an Init that the first `serve` makes by itself.
  std::filesystem::path unfinished_first_start() const { return root_ / "strongroom.toml.first-start"; }
  /// Lies there while a restoration is at work, and after one that was interrupted: what is there is not whole.
  std::filesystem::path unfinished_restore() const { return root_ / "restore-unfinished"; }
  std::filesystem::path root_access_key() const { return root_ / "root-access-key.json"; }
  /// Those that others have replaced since, and what the next one is called.
  std::vector<std::filesystem::path> replaced_root_access_keys() const;
  std::filesystem::path next_replaced_root_access_key() const;
  std::filesystem::path recovery_public_key() const { return root_ / "recovery-key.pub.pem"; }
  std::filesystem::path development_recovery_key() const { return root_ / "recovery-key.pem"; }
  std::filesystem::path last_backup() const { return root_ / "last-backup.json"; }
  std::filesystem::path pid_file() const { return run() / "serve.pid"; }

 private:
  std::vector<std::filesystem::path> parts() const;  // the directories that Init makes
  std::filesystem::path root_;
};

}  // namespace strongroom::cli
