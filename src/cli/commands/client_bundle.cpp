#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "cli/client_package.h"
#include "cli/commands/all.h"

namespace strongroom::cli {
namespace {

struct ClientBundleOptions {
  std::string data, target;
};

Status RunClientBundle(const ClientBundleOptions& options) {
  const DataDirectory data{options.data};
  SR_TRY(const Settings settings, data.Load());
  SR_CHECK(RefreshClientPackage(data));
  if (options.target.empty()) {
    std::printf("%s\n", data.client().c_str());
    return {};
  }
  SR_CHECK(ExportClientPackage(data, options.target));
  std::printf(
      "The client package is in %s. On the client: put customerCA.crt into its etc/, set CLOUDHSM_HOME to it, and "
      "run bin/configure -a HSM_IP.\n",
      options.target.c_str());
  return {};
}

std::function<Status()> DeclareClientBundle(CLI::App& app) {
  auto options = std::make_shared<ClientBundleOptions>();
  app.add_option("--data", options->data, "The data directory")->required();
  app.add_option("--output", options->target, "Copy the package, programs included, to this new directory");
  return [options] { return RunClientBundle(*options); };
}

}  // namespace

const Command op::client_bundle = {"client-bundle", "The CloudHSM client package of this deployment",
                                   &DeclareClientBundle};

}  // namespace strongroom::cli
