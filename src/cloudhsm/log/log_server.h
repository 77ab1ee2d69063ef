#pragma once

#include <functional>
#include <string>

#include "base/task.h"
#include "cloudhsm/log/append_turns.h"
#include "cloudhsm/log/reported_heads.h"
#include "cloudhsm/nodes/steps.h"
#include "control.pb.h"
#include "store/database.h"

namespace strongroom::cloudhsm {

/// Answers the HSMs' questions about their cluster's log and backups, neither of which it can read.
///
/// Promise   an HSM reaches the log of the cluster that the store says it belongs to, through the host that houses it,
/// and
///           no other; an append that is answered as done is durable.
///           HSMs that append at once take turns.
///           A log that was set back takes nothing new before the HSMs have given back what they have of it.
/// Errors    kStale  as just said, nothing was written; kConflict  the row to be moved aside is another one by now;
///           kPermission  the HSM is not one of that host or cluster; kInvalidArgument  sizes and numbers;
///           kUnsupported  any other question; the store's.
/// Limits    an answer holds at most store::ClusterLog::kMaxReadBytes of records, and at least one.
/// Threads   one loop. Lifetime: the database outlives it.
class LogServer {
 public:
  /// `notice` is called for each other HSM of a cluster whose log has grown.
  using Notice =
      std::function<void(const std::string& host_id, const std::string& hsm_id, const proto::Control& notice)>;
  /// Without a certifier nothing is released from the deployment backup key. It outlives this object.
  /// For `grace` after the start a cluster changes only once all of its ACTIVE HSMs have been heard of.
  LogServer(store::Database& database, Notice notice, DeviceCertifier* certifier = nullptr,
            std::chrono::milliseconds grace = std::chrono::milliseconds(0))
      : database_(database), notice_(std::move(notice)), certifier_(certifier), heads_(grace) {}

  Task<Result<proto::Control>> Answer(std::string host_id, proto::Control question);

 private:
  Task<Result<proto::Control>> Append(std::string host_id, proto::Control question);
  Task<Result<proto::Control>> Read(std::string host_id, proto::Control question);
  Task<Result<proto::Control>> PutSnapshot(std::string host_id, proto::Control question);
  Task<Result<proto::Control>> GetSnapshot(std::string host_id, proto::Control question);
  Task<Result<proto::Control>> SetAside(std::string host_id, proto::Control question);
  Task<Result<proto::Control>> ReleaseKeys(std::string host_id, proto::Control question);

  store::Database& database_;
  Notice notice_;
  DeviceCertifier* certifier_;
  ReportedHeads heads_;
  AppendTurns turns_;
};

}  // namespace strongroom::cloudhsm
