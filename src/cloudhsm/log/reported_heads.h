#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace strongroom::cloudhsm {

/// How far each HSM says it has its cluster's log, as far as this front end has heard. A store that was set back does
/// not know it, and an HSM that is behind cannot see it: only the others can tell, and they give back what is missing.
/// Until they have, nothing new may take its place.
///
/// Threads   one loop.
class ReportedHeads {
 public:
  /// For `grace` after its making an HSM from which nothing was heard yet may have anything.
  explicit ReportedHeads(std::chrono::milliseconds grace) : until_(std::chrono::steady_clock::now() + grace) {}

  void Report(const std::string& cluster_id, const std::string& hsm_id, std::uint64_t head) {
    heads_[cluster_id][hsm_id] = head;
  }
  /// This HSM's log is forked: nobody waits for it.
  void Forget(const std::string& cluster_id, const std::string& hsm_id) { heads_[cluster_id][hsm_id] = 0; }

  /// Of one cluster, to be looked at while the store is asked.
  struct Of {
    std::map<std::string, std::uint64_t> heads;
    bool all_must_report = false;
    /// Whether a new record may stand at `number`, where the store's log ends now. Errors: kStale, naming the HSM.
    Status Allow(std::uint64_t number, const std::vector<std::string>& other_hsms) const;
  };
  Of For(const std::string& cluster_id) const;

 private:
  std::map<std::string, std::map<std::string, std::uint64_t>> heads_;
  std::chrono::steady_clock::time_point until_;
};

}  // namespace strongroom::cloudhsm
