#include "cloudhsm/log/reported_heads.h"

namespace strongroom::cloudhsm {

Status ReportedHeads::Of::Allow(std::uint64_t number, const std::vector<std::string>& other_hsms) const {
  for (const std::string& hsm_id : other_hsms) {
    const auto reported = heads.find(hsm_id);
    if (reported == heads.end()) {
      if (!all_must_report) continue;
      return Error(Errc::kStale,
                   "The front end has just started and has not heard of every HSM of the cluster; nothing was changed. "
                   "Try again.")
          .WithDetail(hsm_id);
    }
    if (reported->second < number) continue;
    return Error(Errc::kStale, "The cluster's log was set back, and " + hsm_id +
                                   " has records to give back first; nothing was changed. Try again.")
        .WithDetail("record " + std::to_string(reported->second) + ", the store ends before " + std::to_string(number));
  }
  return {};
}

ReportedHeads::Of ReportedHeads::For(const std::string& cluster_id) const {
  Of of;
  const auto found = heads_.find(cluster_id);
  if (found != heads_.end()) of.heads = found->second;
  of.all_must_report = std::chrono::steady_clock::now() < until_;
  return of;
}

}  // namespace strongroom::cloudhsm
