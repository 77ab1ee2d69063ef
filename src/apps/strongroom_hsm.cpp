// strongroom-hsm: one HSM. Descriptors 3 (control link), 4 (listening Unix socket) and 5 (root key) are inherited from
// the host's supervisor, which has already made this process a user of its own (docs/formats.md 8).
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/asio/signal_set.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

#include "apps/strongroom_hsm/crash_points.h"
#include "base/log.h"
#include "crypto/self_test.h"
#include "hsm/control.h"
#include "hsm/replica/replica.h"
#include "hsm/session/engine.h"
#include "hsm/session/server.h"
#include "secret/hardening.h"

namespace strongroom {
namespace {

constexpr int kControlDescriptor = 3;
constexpr int kTunnelDescriptor = 4;
constexpr int kRootKeyDescriptor = 5;
constexpr int kRecoveryKeyDescriptor = 6;
constexpr std::size_t kLargestRecoveryKey = 4096;
constexpr std::size_t kRootKeyBytes = 32;
constexpr std::string_view kVersion = "0.1.0";

struct Arguments {
  std::string hsm_id, state_dir, log_level = "info";
  std::uint32_t max_keys = 3300;
  bool maintenance = false;
};

std::int64_t NowMillis() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// At most `most` bytes and then the end, straight into locked memory.
Result<SecretBuffer> ReadSecret(int descriptor, std::size_t most) {
  auto key = SecretBuffer::Produce(most + 1, [&](std::span<std::uint8_t> room) -> Result<std::size_t> {
    std::size_t used = 0;
    while (used < room.size()) {
      const ssize_t got = ::read(descriptor, room.data() + used, room.size() - used);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0)
        return Error(Errc::kInvalidArgument,
                     "A key cannot be read from descriptor " + std::to_string(descriptor) + ".");
      if (got == 0) break;
      used += static_cast<std::size_t>(got);
    }
    return used;
  });
  ::close(descriptor);
  return key;
}

Result<hsm::SharedSecret> ReadRootKey() {
  SR_TRY(SecretBuffer key, ReadSecret(kRootKeyDescriptor, kRootKeyBytes));
  if (key.size() != kRootKeyBytes) return Error(Errc::kInvalidArgument, "The root key is not 32 bytes.");
  return hsm::Share(std::move(key));
}

/// The recovery key's private half, when the operator has given it.
Result<std::optional<crypto::PrivateKey>> ReadRecoveryKey() {
  SR_TRY(const SecretBuffer pkcs8, ReadSecret(kRecoveryKeyDescriptor, kLargestRecoveryKey));
  if (pkcs8.empty()) return std::optional<crypto::PrivateKey>();
  SR_TRY(crypto::PrivateKey key, crypto::PrivateKey::FromPkcs8(pkcs8));
  return std::optional(std::move(key));
}

Status Harden() {
  SR_CHECK(secret::DisableCoreDumps());
  SR_CHECK(secret::NoNewPrivileges());
  SR_CHECK(secret::LockAllMemory());
  return {};
}

/// From here on files outside the state directory and system calls that it has no use for are out of reach.
Status EnterSandbox(const std::filesystem::path& directory) {
  secret::SandboxOptions options{.directory = directory};
#if defined(STRONGROOM_SANITIZED)
  options.filter_system_calls = false;  // sanitizers need calls of their own
#endif
  auto entered = secret::EnterSandbox(options);
#if defined(STRONGROOM_DEV)
  if (!entered) {
    LogError("DEVELOPMENT BUILD: running without a sandbox", entered.error());
    return {};
  }
#endif
  if (!entered) return std::move(entered).error();
  log::Info("sandboxed with {}", *entered == secret::FileConfinement::kLandlock ? "Landlock" : "chroot");
  return {};
}

struct Parts {
  hsm::Engine* engine = nullptr;
  hsm::Control* control = nullptr;
};

/// The replica tells the sessions and the control plane of what happens. It does so between commands, on the loop.
hsm::replica::ReplicaOptions OptionsOf(const Arguments& arguments, hsm::SharedSecret root_key, Parts& parts) {
  hsm::replica::ReplicaOptions options;
  options.directory = ".";  // the working directory, which the sandbox leaves as it is
  options.hsm_id = arguments.hsm_id;
  options.root_key = std::move(root_key);
  options.now_millis = &NowMillis;
  options.version = kVersion;
  options.on_membership = [&parts] {
    if (parts.engine != nullptr) parts.engine->sessions.PushMembership();
    parts.control->TellStatus();
  };
  options.on_lifecycle = [&parts] {
    if (parts.engine != nullptr && parts.engine->state().identity().domain) parts.engine->pairs.FillAll();
    parts.control->TellStatus();
  };
  options.on_domain_key_dropped = [&parts] {
    if (parts.engine != nullptr) parts.engine->vault.DropGoneGenerations(parts.engine->state());
  };
  options.on_stopped = [&parts](const Error& why) {
    LogError("this HSM serves no more", why);
    if (parts.engine != nullptr) {
      parts.engine->sessions.CloseAll(why);
      parts.engine->vault.Forget();
    }
    parts.control->TellStatus();
  };
  return options;
}

Status Serve(const Arguments& arguments) {
  SR_CHECK(Harden());
  SR_TRY(const hsm::SharedSecret root_key, ReadRootKey());
  SR_CHECK(crypto::RunSelfTests());
  std::optional<crypto::PrivateKey> recovery_key;
  if (arguments.maintenance) {
    SR_TRY(recovery_key, ReadRecoveryKey());
  }
  std::error_code error;
  // Never by an absolute path: the host starts an HSM inside its directory, which its user cannot reach from the root.
  std::filesystem::current_path(arguments.state_dir, error);
  if (error) return Error(Errc::kNotFound, "The state directory cannot be entered.").WithDetail(error.message());

  Loop loop(1);
  boost::asio::signal_set signals(loop, SIGTERM, SIGINT);
  signals.async_wait([&loop](const boost::system::error_code& failed, int) {
    if (!failed) loop.stop();
  });
  SR_TRY(const auto link, control::Link::OverDescriptor(loop, kControlDescriptor));
  hsm::Control control(link, arguments.hsm_id);
  Parts parts{.control = &control};
  hsm::replica::ReplicaOptions options = OptionsOf(arguments, root_key, parts);
  options.maintenance = arguments.maintenance;
  options.recovery_key = std::move(recovery_key);
  AddCrashPoints(options);
  SR_TRY(const auto replica, hsm::replica::Replica::Open(loop, control, std::move(options)));
  SR_TRY(hsm::AuditLog audit, hsm::AuditLog::Open(".", &NowMillis));
  SR_CHECK(EnterSandbox("."));

  // Threads begin here, so that they are confined as well.
  hsm::EngineOptions engine_options;
  engine_options.version = kVersion;
  engine_options.now_millis = &NowMillis;
  engine_options.max_keys = arguments.max_keys;
  AddCrashPoints(engine_options);
  hsm::Engine engine(loop, *replica, audit, std::move(engine_options));
  parts.engine = &engine;
  if (replica->state().identity().domain) engine.pairs.FillAll();
  hsm::Server server(engine, {});
  SR_CHECK(server.Listen(kTunnelDescriptor));
  control.Serve(*replica, [&loop](const Error& why) {
    log::Warn("the host is gone, so this HSM stops: {}", why.public_message());
    loop.stop();
  });
  replica->Start();
  log::Info("HSM {} runs, cluster {}", arguments.hsm_id,
            replica->state().identity().cluster_id.empty() ? "none" : replica->state().identity().cluster_id);
  loop.run();
  log::Info("HSM {} stops", arguments.hsm_id);
  // Every answered change is on disk, so nothing is left to do; what still waits on the loop refers to the parts above
  // and is not taken apart one by one.
  log::End();
  std::_Exit(EXIT_SUCCESS);
}

}  // namespace
}  // namespace strongroom

int main(int argc, char** argv) {
  strongroom::Arguments arguments;
  CLI::App app{"One HSM of a Strongroom cluster; started by strongroom-hsm-host."};
  app.add_option("--hsm-id", arguments.hsm_id, "This HSM's id")->required();
  app.add_option("--state-dir", arguments.state_dir, "Its own directory")->required()->check(CLI::ExistingDirectory);
  app.add_flag("--maintenance", arguments.maintenance,
               "Started by the operator; the recovery key may be on descriptor 6");
  app.add_option("--max-keys", arguments.max_keys, "Keys that its cluster holds at most");
  app.add_option("--log-level", arguments.log_level, "trace, debug, info, warn, error or off");
  CLI11_PARSE(app, argc, argv);
  strongroom::InitLog(arguments.hsm_id, arguments.log_level);
  std::signal(SIGPIPE, SIG_IGN);
  const strongroom::Status served = strongroom::Serve(arguments);
  strongroom::LogError("the HSM does not start", served.error());
  return EXIT_FAILURE;
}
