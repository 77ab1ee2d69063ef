#include "recovery/maintenance.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <cerrno>
#include <chrono>

#include "base/file.h"
#include "cloudhsm/log/log_server.h"
#include "control/link.h"
#include "hsm_host/host_directory.h"
#include "hsm_host/hsm_process.h"
#include "hsm_host/key_file.h"
#include "hsm_host/spawn.h"

namespace strongroom::recovery {
namespace {

constexpr std::chrono::minutes kPatience{10};

/// Ends the process, with patience first.
class Ending {
 public:
  explicit Ending(pid_t pid) : pid_(pid) {}
  Ending(const Ending&) = delete;
  Ending& operator=(const Ending&) = delete;
  ~Ending() {
    ::kill(pid_, SIGTERM);
    for (int waited = 0; waited < 100; ++waited) {
      if (::waitpid(pid_, nullptr, WNOHANG) == pid_) return;
      ::usleep(20'000);
    }
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

 private:
  pid_t pid_;
};

Result<UniqueFd> NoKey() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return Error(Errc::kResourceExhausted, "No pipe could be made.");
  ::close(ends[1]);
  return UniqueFd(ends[0]);
}

Task<void> Ask(std::shared_ptr<control::Link> link, proto::Control question, std::optional<Result<proto::Control>>& out,
               Loop& loop) {
  out.emplace(co_await link->Ask(std::move(question), kPatience));
  loop.stop();
}

}  // namespace

Result<proto::Control> AskInMaintenance(const MaintainedHsm& hsm, store::Database& database, proto::Control question,
                                        const std::optional<crypto::PrivateKey>& recovery_key) {
  ::signal(SIGPIPE, SIG_IGN);
  hsm_host::HostOptions options;
  options.data = hsm.host_directory;
  const hsm_host::HostDirectory files{hsm.host_directory};
  for (const auto& directory : {hsm.hsm_directory, files.run()})
    if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return FileError("make", directory, errno);
  SR_TRY(const UniqueFd program, hsm_host::OpenProgram(hsm.program));
  const UniqueFd run(::open(files.run().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!run) return FileError("open", files.run(), errno);
  hsm_host::HsmLauncher launcher;
  launcher.options = &options;
  launcher.state_root = hsm.hsm_directory;
  launcher.program = program.get();
  launcher.run_directory = run.get();
  launcher.as_root = ::geteuid() == 0;
  UniqueFd key;
  if (recovery_key) {
    SR_TRY(const SecretBuffer pkcs8, recovery_key->ToPkcs8());
    SR_TRY(key, hsm_host::KeyFile::Pipe(pkcs8));
  } else {
    SR_TRY(key, NoKey());
  }
  const hsm_host::HsmEntry entry{hsm.hsm_id, hsm.cluster_id, hsm.address, hsm.zone, {}, true};
  SR_TRY(hsm_host::StartedHsm started, hsm_host::LaunchForMaintenance(launcher, entry, key.get()));
  key.Reset();
  const Ending ending(started.pid);

  Loop loop(1);
  cloudhsm::LogServer log(database, [](const std::string&, const std::string&, const proto::Control&) {});
  SR_TRY(const auto link, control::Link::OverDescriptor(loop, started.control.Release()));
  std::optional<Result<proto::Control>> answer;
  link->Start([&log, host_id = hsm.host_id](proto::Control asked) { return log.Answer(host_id, std::move(asked)); });
  question.set_hsm_id(hsm.hsm_id);
  boost::asio::co_spawn(loop, Ask(link, std::move(question), answer, loop), boost::asio::detached);
  loop.run();
  link->Close(Error(Errc::kCancelled, "The maintenance has ended."));
  loop.restart();
  loop.poll();
  if (!answer) return Error(Errc::kUnavailable, "The HSM did not answer.");
  return *std::move(answer);
}

}  // namespace strongroom::recovery
