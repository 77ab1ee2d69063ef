#include <fmt/format.h>

#include "cluster.pb.h"
#include "cmu/change.h"
#include "cmu/commands/all.h"

namespace strongroom::cmu {
namespace {

bool RunSetHsmApproval(MgmtUtil& util, const std::vector<std::string_view>& arguments) {
  if (arguments[0] != "on" && arguments[0] != "off") {
    fmt::print("Usage: setHSMApproval <on|off>\n");
    return false;
  }
  proto::SetAdmissionRuleRequest request;
  request.set_approval(arguments[0] == "on");
  if (!util.Confirm()) return false;
  return ChangeOnAll<proto::SetAdmissionRuleReply>(util, "setHSMApproval", wire::Command::kSetAdmissionRule, request,
                                                   nullptr);
}

}  // namespace

const Command op::set_hsm_approval = {
    "setHSMApproval", "<on|off>", "Whether a new HSM needs an officer's approval (CO only)", 1, 1, &RunSetHsmApproval};

}  // namespace strongroom::cmu
