#include <fmt/format.h>

#include "cluster.pb.h"
#include "cmu/commands/all.h"
#include "cmu/mgmt_util.h"

namespace strongroom::cmu {
namespace {

std::string_view Name(proto::Lifecycle lifecycle) {
  switch (lifecycle) {
    case proto::UNINITIALIZED: return "UNINITIALIZED";
    case proto::INITIALIZED: return "INITIALIZED";
    case proto::ACTIVE: return "ACTIVE";
    default: return "EMPTY";
  }
}

bool RunGetHsmInfo(MgmtUtil& util, const std::vector<std::string_view>&) {
  fmt::print("Getting HSM Info on {} nodes\n", util.Targets().size());
  bool all = true;
  for (Server* server : util.Targets()) {
    const auto info = Ask<proto::GetInfoReply>(*server, wire::Command::kGetInfo, proto::GetInfoRequest());
    if (!info.ok()) {
      fmt::print("getHSMInfo failed on server {}({}): {}\n", util.IndexOf(*server), server->Label(),
                 HsmErrorText(info.error()));
      all = false;
      continue;
    }
    const proto::GetInfoReply& hsm = info->reply;
    fmt::print("*** Server {} HSM Info ***\n\n", util.IndexOf(*server));
    fmt::print("Label                :{}\nModel                :Strongroom SoftHSM\nSerial Number        :{}\n",
               hsm.cluster_id(), hsm.hsm_id());
    fmt::print("FIPS state           :{}\n",
               hsm.fips() ? "2 [FIPS mode with single factor authentication]" : "0 [non-FIPS mode]");
    fmt::print("Manufacturer ID      :Strongroom\nFirmware ID          :strongroom-hsm {}\n", hsm.version());
    fmt::print(
        "Cluster state        :{}\nMembers              :{}\nUsers                :{}\nKeys                 :{}\n"
        "Sessions             :{}\nNewest change        :{}\nChanges possible     :{}\n\n",
        Name(hsm.lifecycle()), hsm.members_size(), hsm.users(), hsm.keys(), hsm.sessions(), hsm.head(),
        hsm.changes_possible() ? "yes" : "no");
    if (!hsm.log_problem().empty()) fmt::print("Problem              :{}\n\n", hsm.log_problem());
  }
  return all;
}

}  // namespace

const Command op::get_hsm_info = {"getHSMInfo", "", "Show what each HSM is and holds", 0, 0, &RunGetHsmInfo};

}  // namespace strongroom::cmu
