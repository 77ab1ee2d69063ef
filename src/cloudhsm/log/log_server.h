#pragma once

#include <functional>
#include <string>

#include "base/task.h"
#include "control.pb.h"
#include "store/database.h"

namespace strongroom::cloudhsm {

/// Answers the HSMs' questions about their cluster's log and backups, neither of which it can read.
///
/// Promise   an HSM reaches the log of the cluster that the store says it belongs to, through the host that houses it,
/// and
///           no other; an append that is answered as done is durable.
/// Errors    kPermission  the HSM is not one of that host or cluster; kInvalidArgument  sizes and numbers;
///           kUnsupported  any other question; the store's.
/// Limits    an answer holds at most store::ClusterLog::kMaxReadBytes of records, and at least one.
/// Threads   one loop. Lifetime: the database outlives it.
class LogServer {
 public:
  /// `notice` is called for each other HSM of a cluster whose log has grown.
  using Notice =
      std::function<void(const std::string& host_id, const std::string& hsm_id, const proto::Control& notice)>;
  LogServer(store::Database& database, Notice notice) : database_(database), notice_(std::move(notice)) {}

  Task<Result<proto::Control>> Answer(std::string host_id, proto::Control question);

 private:
  Task<Result<proto::Control>> Append(std::string host_id, proto::Control question);
  Task<Result<proto::Control>> Read(std::string host_id, proto::Control question);
  Task<Result<proto::Control>> PutSnapshot(std::string host_id, proto::Control question);
  Task<Result<proto::Control>> GetSnapshot(std::string host_id, proto::Control question);

  store::Database& database_;
  Notice notice_;
};

}  // namespace strongroom::cloudhsm
