#pragma once

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/posix/basic_descriptor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "control.pb.h"
#include "hsm_host/hsm_process.h"
#include "hsm_host/packet_link.h"

namespace strongroom::hsm_host {

using Timer = boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                                boost::asio::wait_traits<std::chrono::steady_clock>, LoopExecutor>;

/// The supervisor's state. One loop, no threads: it forks.
class Supervisor {
 public:
  Supervisor(Loop& loop, const HostOptions& options);
  Status Start();
  int exit_status() const noexcept { return exit_status_; }

 private:
  // One HSM and its process.
  struct House {
    explicit House(Loop& loop) : restart(loop), kill(loop) {}
    HsmEntry entry;
    pid_t pid = 0;  // 0: no process
    std::uint32_t restarts = 0;
    bool pausing = false;  // waits for `restart`
    std::chrono::milliseconds pause{0};
    std::chrono::steady_clock::time_point since;
    Timer restart, kill;
    std::vector<std::function<void()>> when_ended;
  };
  using Reply = std::function<void(Result<proto::Control>)>;

  // supervisor.cpp: processes
  Status OpenDirectories();
  Status StartRelay();
  void OnRelayEnded(int status);
  void Reap();
  void OnHsmEnded(House& house, int status);
  Status StartHsm(House& house);
  void StartIfWanted(House& house);
  void PauseThenStart(House& house);
  void EndHsm(House& house);
  void Stop(int exit_status);
  void FinishStop();
  void WatchSignals();
  void WatchParent();
  void WatchFrontEnds();
  void TellFrontEnds();
  void Tell(const proto::HostMessage& message, int descriptor = -1);

  // supervisor_questions.cpp: what front ends ask the host
  void OnRelayMessage(proto::HostMessage message);
  void Answer(proto::Control question, const Reply& reply);
  void AnswerStart(const proto::StartHsm& question, const Reply& reply);
  void AnswerStop(const std::string& hsm_id, const Reply& reply);
  void AnswerDestroy(const std::string& hsm_id, const Reply& reply);
  void AnswerTrust(const proto::SetClientTrust& question, const Reply& reply);
  void AnswerAllow(const proto::AllowFrontEnd& question, const Reply& reply);
  void AnswerRemove(const proto::RemoveFrontEnd& question, const Reply& reply);
  void Describe(proto::RunningHsm* to, const House& house) const;
  Status Save() const;
  House* Find(const std::string& hsm_id);

  Loop& loop_;
  const HostOptions options_;
  UniqueFd lock_, self_, hsm_program_, run_directory_;
  HsmLauncher launcher_;
  std::string host_id_;
  std::map<std::string, std::unique_ptr<House>> houses_;
  std::shared_ptr<PacketLink> relay_;
  pid_t relay_pid_ = 0;
  bool relay_ready_ = false, was_ready_ = false;
  std::chrono::milliseconds relay_pause_{0};
  std::chrono::steady_clock::time_point relay_since_;
  std::string front_ends_seen_;
  bool stopping_ = false;
  int exit_status_ = 0;
  boost::asio::basic_signal_set<LoopExecutor> signals_;
  boost::asio::posix::basic_stream_descriptor<LoopExecutor> parent_;
  Timer relay_timer_, front_end_timer_, stop_timer_;
};

}  // namespace strongroom::hsm_host
