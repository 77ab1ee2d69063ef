// The machine that houses HSMs: supervisor, and, as the child that it starts, relay.
#include <CLI/CLI.hpp>

#include "base/log.h"
#include "hsm_host/host_options.h"
#include "hsm_host/relay.h"
#include "hsm_host/supervisor.h"
#include "secret/hardening.h"

namespace {

using strongroom::hsm_host::HostOptions;

void AddCommon(CLI::App& app, HostOptions& options) {
  app.add_option("--data", options.data, "The host's directory (DIR/host)");
  app.add_option("--address", options.address, "IP address of the control link");
  app.add_option("--control-port", options.control_port, "Port of the control link")->check(CLI::Range(1, 65535));
  app.add_option("--relay-user", options.relay_uid, "Number of the relay's user, when started as root");
  app.add_option("--relay-group", options.relay_gid, "Number of the relay's group");
  app.add_option("--relay-threads", options.relay_threads, "Threads that relay; 0: one per processor")
      ->check(CLI::Range(0, 256));
  app.add_option("--log-level", options.log_level)
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}));
}

}  // namespace

int main(int argc, char** argv) {
  HostOptions options;
  CLI::App app("Houses HSMs: starts and restarts their processes, and carries their clients' connections.");
  AddCommon(app, options);
  // Read first, so that flags come out on top.
  app.add_option_function<std::string>(
         "--config",
         [&options](const std::string& file) {
           const auto read = strongroom::hsm_host::ReadHostOptions(file, options);
           if (!read.ok()) throw CLI::ValidationError("--config", read.error().public_message());
         },
         "TOML file with a [host] table; flags come out on top")
      ->trigger_on_parse();
  app.add_option("--hsm-state", options.hsm_state, "Directory of the HSMs' states; default: hsm beside --data");
  app.add_option("--hsm-program", options.hsm_program, "strongroom-hsm; default: beside this program");
  app.add_option_function<std::string>(
         "--root-key",
         [&options](const std::string& text) {
           options.root_key = strongroom::hsm_host::ParseRootKeySource(text).value();
         },
         "Where the HSMs' root key comes from")
      ->check(CLI::IsMember({"auto", "credential", "file"}));
  app.add_option("--hsm-user", options.hsm_uid, "Number of the HSMs' user, when started as root");
  app.add_option("--hsm-group", options.hsm_gid, "Number of the HSMs' group");
  app.add_option("--max-keys", options.max_keys, "Keys that a cluster holds at most")->check(CLI::Range(1, 100000));
  app.add_option("--parent-fd", options.parent_fd, "Stops when this descriptor (a pipe's reading end) ends");
  app.add_option("--ready-fd", options.ready_fd, "Writes a line there when the control link can be reached");
  app.add_flag("--die-with-parent", options.die_with_parent, "Stops when the parent process ends");
  CLI::App* relay = app.add_subcommand("relay", "The unprivileged half; started by the supervisor only")->group("");
  AddCommon(*relay, options);
  CLI11_PARSE(app, argc, argv);
  if (options.data.empty()) {
    fmt::print(stderr, "strongroom-hsm-host: --data (or data in the configuration) is missing.\n");
    return 2;
  }
  strongroom::InitLog(relay->parsed() ? "hsm-relay" : "hsm-host", options.log_level);
  // The supervisor hands HSMs their root keys.
  if (const auto done = strongroom::secret::DisableCoreDumps(); !done.ok()) {
    strongroom::LogError("core dumps", done.error());
    return 1;
  }
  return relay->parsed() ? strongroom::hsm_host::RunRelay(options) : strongroom::hsm_host::RunSupervisor(options);
}
