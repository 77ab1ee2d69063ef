// The service: one HTTPS port for CloudHSMv2, KMS and STS over one store, and the control plane of the HSM hosts.
#include <pthread.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <thread>

#include "apps/strongroomd/config.h"
#include "apps/strongroomd/daemon.h"
#include "base/exit_code.h"
#include "base/log.h"
#include "secret/hardening.h"

namespace {

using strongroom::Status;

Status Harden(strongroom::service::Config& config) {
  SR_CHECK(strongroom::secret::DisableCoreDumps());
  SR_CHECK(strongroom::secret::NoNewPrivileges());
  // Secrets live in a pool that is locked by itself, or nothing starts. What the rest may hold for a moment, such as a
  // request's plaintext on its way through TLS, can be swapped where it cannot be locked: who minds that says so.
  const Status locked = strongroom::secret::LockAllMemory();
  config.memory_is_locked = locked.ok();
  if (locked.ok() || config.lock_memory == "require") return locked;
  strongroom::log::Warn("{}", locked.error().ForLog());
  return {};
}

sigset_t StopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

/// The exit status.
strongroom::Result<int> Run(const std::filesystem::path& data, const std::filesystem::path& file) {
  SR_TRY(strongroom::service::Config config, strongroom::service::LoadConfig(file, data));
  strongroom::InitLog("strongroomd", config.log_level);
  SR_CHECK(Harden(config));
  SR_TRY(const auto daemon, strongroom::service::Daemon::Make(std::move(config)));
  // Only this thread takes the signals; every other one is started with them blocked.
  const sigset_t signals = StopSignals();
  std::thread waiter([&] {
    int signal = 0;
    sigwait(&signals, &signal);
    daemon->RequestStop();
  });
  const auto address = daemon->Start();
  if (address.ok()) {
    std::printf("strongroomd: ready on %s\n", address->c_str());
    std::fflush(stdout);
  } else {
    pthread_kill(waiter.native_handle(), SIGTERM);
  }
  waiter.join();
  strongroom::log::Info("stopping");
  daemon->Stop();
  if (daemon->removed()) {
    strongroom::log::Error("{}",
                           address.ok() ? "this machine was removed from the deployment" : address.error().ForLog());
    return strongroom::kExitRemoved;
  }
  if (!address.ok() && address.error().code() != strongroom::Errc::kCancelled) return address.error();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const sigset_t signals = StopSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGHUP, SIG_IGN);  // who started it decides what that means
  std::string data, file;
  CLI::App app("Strongroom's service: KMS, CloudHSM and STS for AWS's own clients");
  app.add_option("--data", data, "The data directory; relative paths of the configuration are below it")
      ->required()
      ->check(CLI::ExistingDirectory);
  app.add_option("--config", file, "Configuration; default: DATA/strongroomd.toml");
  CLI11_PARSE(app, argc, argv);
  strongroom::InitLog("strongroomd");
  std::filesystem::path directory = std::filesystem::absolute(data);
  const auto done = Run(directory, file.empty() ? directory / "strongroomd.toml" : std::filesystem::path(file));
  if (done.ok()) return *done;
  std::fprintf(stderr, "strongroomd: %s\n", done.error().ForLog().c_str());
  return strongroom::ExitCode(done.error().code());
}
