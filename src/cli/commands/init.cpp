#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "aws_client/config.h"
#include "cli/commands/all.h"
#include "cli/data/data_directory.h"
#include "cli/data/network.h"
#include "cli/data/own_store.h"
#include "cli/recovery_options.h"
#include "store/connection_string.h"

namespace strongroom::cli {
namespace {

struct InitCommandOptions {
  std::string data, listen;
  InitOptions init;
  NewRecoveryKey recovery_key;
};

Status RunInit(InitCommandOptions options) {
  DataDirectory data{options.data};
  if (!options.listen.empty()) {
    SR_TRY(auto listen, ParseListen(options.listen));
    options.init.listen = listen;
  }
  if (!options.init.network_prefix.empty()) SR_CHECK(RequireUsableNetwork(options.init.network_prefix));
  SR_CHECK(data.RequireWhole());
  if (Settings wanted; !options.init.postgresql.empty() && !data.initialised()) {
    wanted.store = options.init.postgresql;
    SR_CHECK(RequireNoDeployment(data.StoreOf(wanted)));
  }
  SR_CHECK(options.recovery_key.Check(data));
  SR_CHECK(HardenForSecrets());
  // A `serve` that comes while a passphrase is typed must not begin here, too.
  SR_TRY(const int lock, data.LockNew());
  options.init.recovery_key = [&] { return options.recovery_key.Make(data); };
  SR_CHECK(data.Init(options.init));
  std::printf("Initialised %s. Start it with `strongroom serve --data %s`.\n%s\n", data.root().c_str(),
              data.root().c_str(), options.recovery_key.Where().c_str());
  ::close(lock);
  return {};
}

std::function<Status()> DeclareInit(CLI::App& app) {
  auto options = std::make_shared<InitCommandOptions>();
  app.add_option("--data", options->data, "The data directory to make")->required();
  app.add_option("--listen", options->listen, "HTTPS address, ADDR:PORT; default: an address of the deployment's own");
  app.add_option("--account", options->init.account_id, "Account id, 12 digits; default: drawn at random")
      ->check([](const std::string& text) {
        return text.size() == 12 && text.find_first_not_of("0123456789") == std::string::npos
                   ? std::string()
                   : std::string("an account id has 12 digits");
      });
  app.add_option("--region", options->init.region, "Region that `strongroom env` exports")
      ->capture_default_str()
      ->check([](const std::string& text) {
        const Status good = aws_client::CheckRegion(text);
        return good.ok() ? std::string() : good.error().public_message();
      });
  app.add_option("--network", options->init.network_prefix,
                 "Network of this machine's HSMs, like 10.20.30; default: a loopback network of the deployment's own");
  app.add_option("--postgresql", options->init.postgresql,
                 "libpq connection string, without password, for several machines; default: SQLite in the directory")
      ->check([](const std::string& text) {
        const Status checked = store::CheckForCommandLine(text);
        return checked.ok() ? std::string() : checked.error().public_message();
      });
  options->recovery_key.Declare(app, true);
  return [options] { return RunInit(*options); };
}

}  // namespace

const Command op::init = {"init", "Make a data directory: certificates, recovery key, settings", &DeclareInit};

}  // namespace strongroom::cli
