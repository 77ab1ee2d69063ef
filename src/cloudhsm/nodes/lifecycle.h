#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "cloudhsm/nodes/steps.h"

namespace strongroom::cloudhsm {

/// Drives clusters and HSMs towards what the store says they shall be. Nothing is kept in memory but pauses between
/// attempts: a front end that dies anywhere is followed by one that reads the rows and goes on.
///
/// Promise   one cluster's jobs run one after another and on one front end at a time (leases); those of different
///           clusters run beside each other.
/// Threads   lives on one loop; Wake, HostConnected and StatusChanged may be called from anywhere.
/// Lifetime  the context outlives it and every job it has started (the loop has ended by then).
class Lifecycle {
 public:
  struct Options {
    std::chrono::milliseconds poll{2000};        // how often the store is looked at unasked
    std::chrono::milliseconds first_pause{200};  // after a failure; doubles up to longest_pause
    std::chrono::milliseconds longest_pause{10000};
  };
  Lifecycle(Loop& loop, JobContext& context, Options options);
  ~Lifecycle();
  Lifecycle(const Lifecycle&) = delete;
  Lifecycle& operator=(const Lifecycle&) = delete;

  /// Begins to work, until Stop.
  void Start();
  /// No new job begins; those under way end with their next answer.
  void Stop();
  /// There may be work: look now.
  void Wake();
  /// A host's link is up: its HSMs are started and asked how they are.
  void HostConnected(std::string host_id);
  /// An HSM reports its lifecycle through its host.
  void StatusChanged(std::string host_id, std::string hsm_id, proto::StatusChanged changed);

  /// One pass over everything that there is to do, one after another, without pauses; the first failure.
  Task<Status> RunOnce();
  /// Starts the HSMs that should run on this host and reads their state. What HostConnected does in the background.
  Task<Status> Reconcile(std::string host_id);
  Task<Status> Note(std::string host_id, std::string hsm_id, proto::StatusChanged changed);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace strongroom::cloudhsm
