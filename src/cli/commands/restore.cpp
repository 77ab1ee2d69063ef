#include "cli/restore.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "cli/commands/all.h"
#include "cli/recovery_options.h"
#include "store/connection_string.h"

namespace strongroom::cli {
namespace {

struct RestoreOptions {
  std::string listen;
  RestorePlan plan;
  std::string backup, data;
  GivenRecoveryKey recovery_key;
};

Status RunRestore(RestoreOptions options) {
  options.plan.backup = options.backup;
  options.plan.data = options.data;
  if (!options.listen.empty()) {
    SR_TRY(options.plan.listen, ParseListen(options.listen));
  }
  SR_CHECK(store::CheckForCommandLine(options.plan.postgresql));
  SR_CHECK(HardenForSecrets());
  SR_TRY(const crypto::PrivateKey recovery_key, options.recovery_key.Load());
  SR_TRY(const Restored restored, RestoreDeployment(options.plan, recovery_key));
  std::printf(
      "Restored %llu rows into %s; the domain cluster %s is open in epoch %llu. Start it with `strongroom serve --data "
      "%s`; "
      "customers' clusters follow from their backups. Clients need the new `strongroom client-bundle` and CA "
      "certificate.\n",
      static_cast<unsigned long long>(restored.rows), options.data.c_str(), restored.cluster_id.c_str(),
      static_cast<unsigned long long>(restored.epoch), options.data.c_str());
  return {};
}

std::function<Status()> DeclareRestore(CLI::App& app) {
  auto options = std::make_shared<RestoreOptions>();
  app.add_option("FILE", options->backup, "The backup")->required();
  app.add_option("--data", options->data, "The data directory to make; must not be there, or be empty")->required();
  options->recovery_key.Declare(app);
  app.add_option("--listen", options->listen, "HTTPS address, ADDR:PORT; default: an address of the deployment's own");
  app.add_option("--postgresql", options->plan.postgresql,
                 "libpq connection string of an empty database, without password; default: SQLite in the directory");
  app.add_flag("--replaced-key", options->plan.replaced_key,
               "The recovery key is newer than the one that the backup names: it was replaced on another machine");
  app.add_flag("--new-root-key", options->plan.new_root_key,
               "Give the account a new root access key at the next start; the old ones stop working");
  return [options] { return RunRestore(*options); };
}

}  // namespace

const Command op::restore = {"restore", "Bring a deployment back from a backup, on an empty machine", &DeclareRestore};

}  // namespace strongroom::cli
