#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "cli/commands/all.h"
#include "cli/data/data_directory.h"

namespace strongroom::cli {
namespace {

struct Options {
  std::string data, listen, recovery_key;
  InitOptions init;
};

Status Run(Options options) {
  DataDirectory data{options.data};
  if (!options.listen.empty()) {
    SR_TRY(auto listen, ParseListen(options.listen));
    options.init.listen = listen;
  }
  options.init.recovery_key = options.recovery_key;
  SR_CHECK(data.Init(options.init));
  std::printf("Initialised %s. Start it with `strongroom serve --data %s`.\n", data.root().c_str(), data.root().c_str());
  if (options.recovery_key.empty())
    std::printf("The recovery key is %s/recovery-key.pem. That is for development: move it off this machine.\n",
                data.root().c_str());
  return {};
}

std::function<Status()> Declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("--data", options->data, "The data directory to make")->required();
  app.add_option("--listen", options->listen, "HTTPS address, ADDR:PORT; default: an address of the deployment's own");
  app.add_option("--account", options->init.account_id, "Account id, 12 digits; default: drawn at random")
      ->check([](const std::string& text) {
        return text.size() == 12 && text.find_first_not_of("0123456789") == std::string::npos
                   ? std::string()
                   : std::string("an account id has 12 digits");
      });
  app.add_option("--region", options->init.region, "Region that `strongroom env` exports")->capture_default_str();
  app.add_option("--recovery-key", options->recovery_key,
                 "Where the recovery key's private half goes; take it off this machine");
  return [options] { return Run(*options); };
}

}  // namespace

const Command op::init = {"init", "Make a data directory: certificates, recovery key, settings", &Declare};

}  // namespace strongroom::cli
