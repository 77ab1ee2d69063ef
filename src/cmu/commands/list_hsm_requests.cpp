#include <fmt/format.h>

#include "cluster.pb.h"
#include "cmu/commands/all.h"
#include "cmu/mgmt_util.h"

namespace strongroom::cmu {
namespace {

bool RunListHsmRequests(MgmtUtil& util, const std::vector<std::string_view>&) {
  return util.ForEach("listHSMRequests", [&](Server& server) -> Status {
    SR_TRY(const auto answer, server.connection->Call<proto::ListAdmissionsReply>(wire::Command::kListAdmissions,
                                                                                  proto::ListAdmissionsRequest()));
    fmt::print("HSM requests on server {}({}): approval is {}\n", util.IndexOf(server), server.Label(),
               answer.reply.approval() ? "demanded" : "not demanded");
    for (const proto::PendingAdmission& each : answer.reply.admissions())
      fmt::print("    {}  {}  {}  {}  {}\n", each.hsm_id(), each.zone(), each.address(),
                 Hex(AsBytes(each.fingerprint())), each.approved() ? "approved" : "waits");
    return {};
  });
}

}  // namespace

const Command op::list_hsm_requests = {
    "listHSMRequests", "", "List the new HSMs that wait for approval (CO only)", 0, 0, &RunListHsmRequests};

}  // namespace strongroom::cmu
