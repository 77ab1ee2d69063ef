#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/task.h"
#include "channel/tls_context.h"
#include "cloudhsm/log/log_server.h"
#include "cloudhsm/machines/rows.h"
#include "cloudhsm/nodes/hosts.h"
#include "cloudhsm/nodes/lifecycle.h"
#include "cloudhsm/nodes/placement.h"
#include "ports/audit.h"
#include "ports/sealer.h"

namespace strongroom::cloudhsm {

/// Keeps a front end in step with the other machines of its deployment (table `machines`): approves those that were
/// invited here, connects to the hosts of all that are approved, tells those hosts which front ends may connect, and
/// sees to it that its own host has an HSM of the domain cluster. Says every few seconds that it runs and which other
/// hosts answer, and puts out machines that were removed: out of the domain cluster's log, the other hosts' lists and
/// its own; a front end whose own machine was removed is told so by `removed`.
///
/// Promise   a row counts only with an approval that opens in the domain cluster and covers the row as it is. Approved
/// is
///           a machine whose proof was made with the secret of an invitation that lies here and has not expired, and
///           the front end's own; the key of an approved front end is in the domain cluster's log by then.
/// Threads   one loop. Lifetime: what Parts refers to outlives it, and the loop has ended before that is destroyed.
class MachineWatch {
 public:
  struct Parts {
    Loop& loop;
    store::Database& database;
    JobContext& jobs;
    ports::Sealer& sealer;
    Hosts& hosts;
    Placement& placement;
    LogServer& log;
    Lifecycle& lifecycle;
    const channel::Identity& identity;
    MachineRow self;                    // without approval
    std::filesystem::path invitations;  // a file for each, named by its id, holding its secret
    std::function<Task<Status>()> ensure_domain_hsm;
    std::function<void()> removed;  // called once
    std::string account, region;    // in whose trail it is recorded that machines come and go
    std::chrono::milliseconds poll{1000};
    std::chrono::milliseconds sign_of_life{5000};
    std::chrono::milliseconds telling{5000};  // how long a host may take to note who may connect
  };
  explicit MachineWatch(Parts parts);
  ~MachineWatch();
  MachineWatch(const MachineWatch&) = delete;
  MachineWatch& operator=(const MachineWatch&) = delete;

  /// Begins, until Stop. The domain cluster is reachable by now.
  void Start();
  void Stop();
  /// Where it is recorded that a machine has joined or was put out: by the one front end that let it in, or that was
  /// the first to have it put out. What came before this call is recorded now. From any thread; `sink` outlives the
  /// loop.
  void RecordTo(ports::AuditSink& sink);
  /// One look, as each poll takes it: the first failure, after everything that can be done is done.
  Task<Status> Look();
  /// Says that this front end runs and which hosts answer, as it does by itself every few seconds.
  Task<Status> GiveSign();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace strongroom::cloudhsm
