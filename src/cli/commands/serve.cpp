#include <poll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <thread>

#include "base/exit_code.h"
#include "base/file.h"
#include "base/log.h"
#include "cli/client_package.h"
#include "cli/commands/all.h"
#include "cli/data/data_directory.h"
#include "cli/data/own_store.h"
#include "cli/data/service_config.h"
#include "cli/data/tls_material.h"
#include "cli/process/child.h"
#include "cli/process/signals.h"

namespace strongroom::cli {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kStopPatience{15};

struct ServeOptions {
  std::string data, listen, config;
};

Error Removed() {
  return Error(Errc::kPermission,
               "This machine was removed from the deployment (strongroom machine remove). It can join again with a new "
               "data directory.");
}

/// A child that is started again when it dies, later each time it does so soon.
struct Kept {
  ChildSpec spec;
  std::optional<Child> child;
  Clock::time_point started{}, start_at{};
  std::chrono::milliseconds pause{250};

  Status Start() {
    SR_TRY(Child fresh, Child::Start(spec));
    child = std::move(fresh);
    started = Clock::now();
    return {};
  }
  /// Notices its death and restarts it in time. Errors: kPermission when it said that the machine was removed.
  Status Tend() {
    if (child) {
      const auto ended = child->Ended();
      if (!ended) return {};
      if (child->exit_status() == kExitRemoved) return Removed();
      pause = Clock::now() - started > std::chrono::seconds(30) ? std::chrono::milliseconds(250)
                                                                : std::min(pause * 2, std::chrono::milliseconds(10000));
      log::Warn("{} ended ({}); starting it again in {} ms", spec.name, *ended, pause.count());
      child.reset();
      start_at = Clock::now() + pause;
    }
    if (Clock::now() < start_at) return {};
    return Start();
  }
};

/// What the service wrote for us becomes ours: root's alone, where `strongroom env` finds it.
Status TakeRootKey(const DataDirectory& data) {
  const auto from = data.service() / "root-access-key.json";
  if (!std::filesystem::exists(from)) return {};
  std::error_code failed;
  // After `account reset-root` the one that is there opens nothing more. If something else was wrong, such as the
  // database's name, it may be the only copy of a secret.
  if (std::filesystem::exists(data.root_access_key())) {
    const auto aside = data.next_replaced_root_access_key();
    std::filesystem::rename(data.root_access_key(), aside, failed);
    if (failed) return FileError("move", data.root_access_key(), failed.value());
    log::Warn("the root access key from before is in {}", aside.string());
  }
  std::filesystem::rename(from, data.root_access_key(), failed);
  if (failed) return FileError("move", from, failed.value());
  SR_CHECK(GiveTo(data.root_access_key(), ::geteuid()));
  log::Info("the account's root access key is in {}", data.root_access_key().string());
  return {};
}

Status Prepare(DataDirectory& data, const ServeOptions& options, Settings& settings) {
  std::optional<Listen> listen;
  if (!options.listen.empty()) {
    SR_TRY(listen, ParseListen(options.listen));
  }
  SR_CHECK(data.RequireWhole());
  // With settings from elsewhere, a deployment's directory need not have any.
  const bool settings_elsewhere = !options.config.empty() && !data.RequireNothingElse().ok();
  if (!data.initialised() && !settings_elsewhere) {
    SR_CHECK(data.RequireNothingElse());
    if (std::filesystem::exists(data.unfinished_settings()))
      return Error(Errc::kInvalidState,
                   fmt::format("An `init` or `join` into {} was interrupted. Say it again, or remove the directory.",
                               data.root().string()));
    log::Info("making a new data directory in {}", data.root().string());
    InitOptions init;
    init.first_start = true;
    init.listen = listen;
    SR_CHECK(data.Init(init));
    log::Warn(
        "the recovery key is {}/recovery-key.pem, for development; for real use, `strongroom init --recovery-key` "
        "puts it elsewhere",
        data.root().string());
  }
  if (options.config.empty()) {
    SR_TRY(settings, data.Load());
  } else {
    SR_TRY(settings, LoadSettings(options.config));
  }
  if (listen && (listen->address != settings.https_address || listen->port != settings.https_port)) {
    settings.https_address = listen->address;
    settings.https_port = listen->port;
    if (options.config.empty()) SR_CHECK(SaveListen(data.settings(), settings));
  }
  return {};
}

std::vector<Kept> Children(const DataDirectory& data, const Settings& settings, const std::filesystem::path& config,
                           int lock) {
  const auto programs = ProgramDirectory();
  std::vector<Kept> children(2);
  children[0].spec = {
      "strongroom-hsm-host",
      programs / "strongroom-hsm-host",
      {"--data", data.host().string(), "--hsm-state", data.hsm().string(), "--address", settings.network_prefix + ".1",
       "--die-with-parent", "--max-keys", std::to_string(settings.max_keys), "--log-level", settings.log_level},
      std::nullopt,
      lock};
  children[1].spec = {"strongroomd",
                      programs / "strongroomd",
                      {"--data", data.root().string(), "--config", config.string()},
                      kServiceUser,
                      lock,
                      true};
  if (const auto passwords = ServicePasswordFile(data); std::filesystem::exists(passwords))
    children[1].spec.environment = {"PGPASSFILE=" + passwords.string()};
  return children;
}

Status RunServe(const ServeOptions& options) {
  SignalDescriptor signals;
  DataDirectory data{options.data};
  std::error_code failed;
  std::filesystem::create_directories(data.root(), failed);
  if (failed) return FileError("make", data.root(), failed.value());
  // Before anything is made or changed: a second `serve` must not touch what the first one works with.
  SR_TRY(const int lock, data.Lock());
  Settings settings;
  SR_CHECK(Prepare(data, options, settings));
  SR_CHECK(data.ApplyOwnership());
  SR_CHECK(RenewHttpsCertificate(data.tls(), {settings.https_address, settings.network_prefix + ".1"}));
  SR_CHECK(data.ApplyOwnership());
  SR_CHECK(RefreshClientPackage(data));
  SR_TRY(const auto config, WriteServiceConfig(data, settings));
  // strongroomd, whose way to the database may be another, says what else there is to say.
  if (const Status own = RequireOwnStore(data, settings); !own.ok() && own.error().code() == Errc::kInvalidArgument)
    return own;
  if (::geteuid() != 0)
    log::Warn("not started as root: all processes run as one user, so they are not isolated from each other");

  auto children = Children(data, settings, config, lock);
  SR_CHECK(WriteFileAtomically(data.pid_file(), std::to_string(::getpid()) + "\n", 0644));
  for (Kept& kept : children) SR_CHECK(kept.Start());

  bool ready = false, stop = false;
  Status result;
  const auto on_line = [&](std::string_view line) {
    constexpr std::string_view kReady = "strongroomd: ready on ";
    if (!line.starts_with(kReady)) return;
    const Status moved = TakeRootKey(data);
    if (!moved.ok()) LogError("root access key", moved.error());
    if (!ready) {
      std::printf("strongroom: ready on %s; in another shell: eval \"$(strongroom env --data %s)\"\n",
                  std::string(line.substr(kReady.size())).c_str(), data.root().c_str());
      std::fflush(stdout);
    }
    ready = true;
  };
  while (!stop && result.ok()) {
    std::vector<pollfd> watched{{signals.fd(), POLLIN, 0}};
    for (Kept& kept : children)
      if (kept.child) watched.push_back({kept.child->output(), POLLIN, 0});
    ::poll(watched.data(), watched.size(), 200);
    stop = signals.TakeStop();
    for (Kept& kept : children) {
      if (kept.child) kept.child->Drain(on_line);
      if (stop) continue;
      // A first start that fails has a reason to be read, not to be repeated.
      if (!ready && kept.child && kept.child->Ended()) {
        result = kept.child->exit_status() == kExitRemoved
                     ? Removed()
                     : Error(Errc::kUnavailable, kept.spec.name + " did not start; its message is above.");
        break;
      }
      if (ready) result = kept.Tend();
      if (!result.ok()) break;
    }
  }
  // The service first, so that no request meets a host that is going away.
  for (auto kept = children.rbegin(); kept != children.rend(); ++kept)
    if (kept->child) kept->child->Stop(kStopPatience);
  std::filesystem::remove(data.pid_file(), failed);
  std::filesystem::remove(ServicePasswordFile(data), failed);
  return result;
}

std::function<Status()> DeclareServe(CLI::App& app) {
  auto options = std::make_shared<ServeOptions>();
  app.add_option("--data", options->data, "The data directory; made when it is not there")->required();
  app.add_option("--listen", options->listen, "HTTPS address, ADDR:PORT; kept for later starts");
  app.add_option("--config", options->config, "Settings to use in place of DIR/strongroom.toml")
      ->check(CLI::ExistingFile);
  app.footer("Runs in the foreground until SIGTERM or Ctrl-C.");
  return [options] { return RunServe(*options); };
}

}  // namespace

const Command op::serve = {"serve", "Start Strongroom on this machine, in the foreground", &DeclareServe};

}  // namespace strongroom::cli
