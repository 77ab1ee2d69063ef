#include "hsm_host/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <system_error>

#include "base/log.h"
#include "hsm_host/host_directory.h"
#include "hsm_host/key_file.h"
#include "hsm_host/spawn.h"
#include "hsm_host/supervisor_impl.h"

namespace strongroom::hsm_host {
namespace net = boost::asio;
namespace fs = std::filesystem;
using namespace std::chrono_literals;
namespace {

constexpr auto kFirstPause = 200ms;
constexpr auto kLongestPause = 30s;
constexpr auto kSteadyAfter = 60s;  // who ran that long starts again with the first pause
constexpr auto kEndPatience = 10s;  // between SIGTERM and SIGKILL
constexpr auto kFrontEndLook = 1s;

std::string Ending(int status) {
  if (WIFSIGNALED(status)) return fmt::format("was killed by signal {}", WTERMSIG(status));
  return fmt::format("ended with status {}", WEXITSTATUS(status));
}

std::chrono::milliseconds NextPause(std::chrono::milliseconds last, std::chrono::steady_clock::time_point since) {
  if (last == 0ms || std::chrono::steady_clock::now() - since > kSteadyAfter) return kFirstPause;
  return std::min<std::chrono::milliseconds>(last * 2, kLongestPause);
}

}  // namespace

Supervisor::Supervisor(Loop& loop, const HostOptions& options)
    : loop_(loop),
      options_(options),
      signals_(loop),
      parent_(loop),
      relay_timer_(loop),
      front_end_timer_(loop),
      stop_timer_(loop) {}

Status Supervisor::OpenDirectories() {
  const HostDirectory files{options_.data};
  lock_.Reset(::open(files.lock().c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock_) return FileError("open", files.lock(), errno);
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0)
    return Error(Errc::kAlreadyExists, fmt::format("Another strongroom-hsm-host runs on {}.", options_.data.string()));
  SR_TRY(host_id_, ReadTextFile(files.host_id(), 256));
  while (!host_id_.empty() && (host_id_.back() == '\n' || host_id_.back() == ' ')) host_id_.pop_back();

  launcher_.options = &options_;
  launcher_.as_root = ::geteuid() == 0;
  if (launcher_.as_root && (options_.hsm_uid == options_.relay_uid))
    return Error(Errc::kInvalidArgument, "The HSMs and the relay must be different users.");
  if (!launcher_.as_root)
    log::Warn("Not started as root: the HSMs, the relay and you are one user, so NOTHING isolates them.");
  launcher_.state_root = options_.hsm_state.empty()
                             ? fs::absolute(options_.data).lexically_normal().parent_path() / "hsm"
                             : options_.hsm_state;
  if (options_.hsm_state.empty() && !options_.data.has_filename())
    launcher_.state_root = fs::absolute(options_.data).lexically_normal().parent_path().parent_path() / "hsm";
  for (const auto& directory : {launcher_.state_root, files.run()})
    if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return FileError("make", directory, errno);
  if (launcher_.as_root && ::chown(files.run().c_str(), options_.relay_uid, options_.relay_gid) != 0)
    return FileError("give away", files.run(), errno);
  run_directory_.Reset(::open(files.run().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!run_directory_) return FileError("open", files.run(), errno);

  SR_TRY(self_, OpenProgram("/proc/self/exe"));
  fs::path program = options_.hsm_program;
  std::error_code failed;
  if (program.empty()) program = fs::read_symlink("/proc/self/exe", failed).parent_path() / "strongroom-hsm";
  SR_TRY(hsm_program_, OpenProgram(program));
  launcher_.program = hsm_program_.get();
  launcher_.run_directory = run_directory_.get();
  return {};
}

Status Supervisor::Start() {
  if (options_.die_with_parent) ::prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
  ::signal(SIGPIPE, SIG_IGN);
  SR_CHECK(OpenDirectories());
  SR_TRY(HsmList list, LoadHsmList(HostDirectory{options_.data}.hsm_list()));
  for (auto& [id, entry] : list) {
    auto house = std::make_unique<House>(loop_);
    house->entry = std::move(entry);
    houses_.emplace(id, std::move(house));
  }
  for (const int number : {SIGCHLD, SIGTERM, SIGINT, SIGHUP}) signals_.add(number);
  WatchSignals();
  WatchParent();
  return StartRelay();
}

Status Supervisor::StartRelay() {
  SR_TRY(auto ends, PacketLink::MakePair());
  SpawnOptions spawn;
  spawn.program = self_.get();
  spawn.arguments = {"strongroom-hsm-host",
                     "relay",
                     "--data",
                     fs::absolute(options_.data).string(),
                     "--address",
                     options_.address,
                     "--control-port",
                     std::to_string(options_.control_port),
                     "--relay-threads",
                     std::to_string(options_.relay_threads),
                     "--log-level",
                     options_.log_level};
  if (launcher_.as_root) {
    // It reads its keys first and then becomes this user itself.
    for (const auto& [flag, number] :
         {std::pair{"--relay-user", options_.relay_uid}, {"--relay-group", options_.relay_gid}}) {
      spawn.arguments.emplace_back(flag);
      spawn.arguments.push_back(std::to_string(number));
    }
  }
  spawn.descriptors = {{ends.second.get(), 3}, {run_directory_.get(), 4}};
  spawn.death_signal = SIGKILL;
  relay_since_ = std::chrono::steady_clock::now();
  relay_ready_ = false;
  SR_TRY(relay_pid_, Spawn(spawn));
  SR_TRY(relay_, PacketLink::Make(loop_, std::move(ends.first)));
  // The end of the line is seen again as the end of the process, unless the relay hangs.
  relay_->Start([this](proto::HostMessage message, UniqueFd) { OnRelayMessage(std::move(message)); },
                [this] {
                  relay_ready_ = false;
                  if (relay_pid_ != 0) ::kill(relay_pid_, SIGKILL);
                });
  return {};
}

void Supervisor::OnRelayEnded(int status) {
  relay_pid_ = 0;
  relay_ready_ = false;
  if (relay_) relay_->Close();
  if (stopping_) return FinishStop();
  log::Error("The relay {}.", Ending(status));
  if (!was_ready_) return Stop(1);
  // An HSM's control link cannot change hands in the middle of a message, so the HSMs start anew too.
  for (auto& [id, house] : houses_) EndHsm(*house);
  relay_pause_ = NextPause(relay_pause_, relay_since_);
  relay_timer_.expires_after(relay_pause_);
  relay_timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (cancelled || stopping_) return;
    const Status started = StartRelay();
    if (started.ok()) return;
    LogError("starting the relay", started.error());
    Stop(1);
  });
}

void Supervisor::Reap() {
  for (;;) {
    int status = 0;
    const pid_t pid = ::waitpid(-1, &status, WNOHANG);
    if (pid <= 0) return;
    if (pid == relay_pid_) {
      OnRelayEnded(status);
      continue;
    }
    for (auto& [id, house] : houses_) {
      if (house->pid != pid) continue;
      OnHsmEnded(*house, status);
      break;  // the list may have changed
    }
  }
}

void Supervisor::OnHsmEnded(House& house, int status) {
  house.pid = 0;
  house.kill.cancel();
  const bool expected = stopping_ || !house.entry.wanted || !relay_ready_;
  if (expected) {
    log::Info("{} has ended.", house.entry.hsm_id);
  } else {
    ++house.restarts;
    log::Error("{} {}; it is started again.", house.entry.hsm_id, Ending(status));
  }
  proto::HostMessage message;
  message.mutable_hsm_down()->set_hsm_id(house.entry.hsm_id);
  message.mutable_hsm_down()->set_for_good(!house.entry.wanted);
  Tell(message);
  if (stopping_) return FinishStop();
  if (house.entry.wanted) PauseThenStart(house);
  const auto when_ended = std::exchange(house.when_ended, {});
  for (const auto& tell : when_ended) tell();
}

void Supervisor::PauseThenStart(House& house) {
  house.pause = NextPause(house.pause, house.since);
  house.pausing = true;
  house.restart.expires_after(house.pause);
  house.restart.async_wait([this, id = house.entry.hsm_id](const boost::system::error_code& cancelled) {
    House* found = Find(id);
    if (cancelled || found == nullptr) return;
    found->pausing = false;
    StartIfWanted(*found);
  });
}

void Supervisor::StartIfWanted(House& house) {
  if (stopping_ || !relay_ready_ || !house.entry.wanted || house.pid != 0 || house.pausing) return;
  const Status started = StartHsm(house);
  if (started.ok()) return;
  LogError("starting " + house.entry.hsm_id, started.error());
  PauseThenStart(house);
}

Status Supervisor::StartHsm(House& house) {
  house.since = std::chrono::steady_clock::now();
  SR_TRY(const StartedHsm started, LaunchHsm(launcher_, house.entry));
  house.pid = started.pid;
  log::Info("{} runs as process {}.", house.entry.hsm_id, house.pid);
  proto::HostMessage message;
  proto::HsmUp& up = *message.mutable_hsm_up();
  up.set_hsm_id(house.entry.hsm_id);
  up.set_cluster_id(house.entry.cluster_id);
  up.set_address(house.entry.address);
  up.set_trust_anchor(house.entry.trust_anchor.data(), house.entry.trust_anchor.size());
  up.set_socket(started.socket);
  Tell(message, started.control.get());
  return {};
}

void Supervisor::EndHsm(House& house) {
  house.restart.cancel();
  house.pausing = false;
  if (house.pid == 0) return;
  ::kill(house.pid, SIGTERM);
  house.kill.expires_after(kEndPatience);
  house.kill.async_wait([this, id = house.entry.hsm_id, pid = house.pid](const boost::system::error_code& cancelled) {
    const House* found = Find(id);
    if (cancelled || found == nullptr || found->pid != pid) return;
    log::Warn("{} did not end in time and is killed.", id);
    ::kill(pid, SIGKILL);
  });
}

void Supervisor::Stop(int exit_status) {
  if (stopping_) return;
  stopping_ = true;
  exit_status_ = exit_status;
  relay_timer_.cancel();
  front_end_timer_.cancel();
  for (auto& [id, house] : houses_) EndHsm(*house);
  stop_timer_.expires_after(kEndPatience + 2s);
  stop_timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled) loop_.stop();
  });
  FinishStop();
}

void Supervisor::FinishStop() {
  for (const auto& [id, house] : houses_)
    if (house->pid != 0) return;
  if (relay_) relay_->Close();  // the relay ends with its line
  if (relay_pid_ != 0) return;
  loop_.stop();
}

void Supervisor::WatchSignals() {
  signals_.async_wait([this](const boost::system::error_code& cancelled, int number) {
    if (cancelled) return;
    if (number == SIGCHLD) Reap();
    if (number == SIGHUP) TellFrontEnds();
    if (number == SIGTERM || number == SIGINT) Stop(0);
    WatchSignals();
  });
}

void Supervisor::WatchParent() {
  if (options_.parent_fd < 0) return;
  boost::system::error_code failed;
  if (!parent_.is_open()) parent_.assign(options_.parent_fd, failed);
  if (failed) return Stop(1);
  parent_.async_wait(net::posix::descriptor_base::wait_read, [this](const boost::system::error_code& cancelled) {
    if (cancelled) return;
    log::Warn("The parent process has ended.");
    Stop(0);
  });
}

void Supervisor::WatchFrontEnds() {
  // Names, sizes and times are enough to see a change; the files are read only then.
  std::string seen;
  std::error_code failed;
  for (fs::directory_iterator at(HostDirectory{options_.data}.front_ends(), failed), end; !failed && at != end;
       at.increment(failed)) {
    struct stat info {};
    if (::stat(at->path().c_str(), &info) != 0) continue;
    seen += fmt::format("{}:{}:{}.{};", at->path().filename().string(), info.st_size, info.st_mtim.tv_sec,
                        info.st_mtim.tv_nsec);
  }
  if (seen != front_ends_seen_) {
    front_ends_seen_ = seen;
    TellFrontEnds();
  }
  front_end_timer_.expires_after(kFrontEndLook);
  front_end_timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled && !stopping_) WatchFrontEnds();
  });
}

void Supervisor::TellFrontEnds() {
  auto certificates = LoadFrontEnds(options_.data);
  if (!certificates) return LogError("reading the front ends' certificates", certificates.error());
  proto::HostMessage message;
  message.mutable_front_ends();
  for (const auto& certificate : *certificates)
    message.mutable_front_ends()->add_certificates(certificate.ToDer().data(), certificate.ToDer().size());
  Tell(message);
}

void Supervisor::Tell(const proto::HostMessage& message, int descriptor) {
  if (!relay_ || !relay_ready_) return;
  const Status sent = relay_->Send(message, descriptor);
  if (!sent.ok()) LogError("telling the relay", sent.error());
}

int RunSupervisor(const HostOptions& options) {
  Loop loop(1);
  Supervisor supervisor(loop, options);
  const Status started = supervisor.Start();
  if (!started.ok()) {
    log::Critical("The HSM host cannot start: {}", started.error().ForLog());
    return 1;
  }
  loop.run();
  log::Info("The HSM host has stopped.");
  return supervisor.exit_status();
}

}  // namespace strongroom::hsm_host
