#include <fmt/format.h>

#include "cluster.pb.h"
#include "cmu/change.h"
#include "cmu/commands/all.h"

namespace strongroom::cmu {
namespace {

constexpr std::size_t kFingerprintBytes = 32;

bool RunApproveHsm(MgmtUtil& util, const std::vector<std::string_view>& arguments) {
  const auto fingerprint = FromHex(arguments[0]);
  if (!fingerprint.ok() || fingerprint->size() != kFingerprintBytes) {
    fmt::print("approveHSM failed: the fingerprint is 64 hexadecimal digits, as listHSMRequests shows it\n");
    return false;
  }
  proto::ApproveAdmissionRequest request;
  request.set_fingerprint(std::string(AsText(*fingerprint)));
  if (!util.Confirm()) return false;
  return ChangeOnAll<proto::ApproveAdmissionReply>(util, "approveHSM", wire::Command::kApproveAdmission, request,
                                                   nullptr);
}

}  // namespace

const Command op::approve_hsm = {
    "approveHSM",  "<fingerprint>", "Let a new HSM into the cluster, by the fingerprint of its device (CO only)", 1, 1,
    &RunApproveHsm};

}  // namespace strongroom::cmu
