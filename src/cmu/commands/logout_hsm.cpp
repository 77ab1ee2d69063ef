#include "cmu/commands/all.h"
#include "cmu/mgmt_util.h"

namespace strongroom::cmu {
namespace {

bool RunLogoutHsm(MgmtUtil& util, const std::vector<std::string_view>&) {
  return util.ForEach("logoutHSM", [](Server& server) -> Status {
    SR_CHECK(server.connection->Logout());
    server.logged_in_as.clear();
    return {};
  });
}

}  // namespace

const Command op::logout_hsm = {"logoutHSM", "", "Log out of the HSMs", 0, 0, &RunLogoutHsm};

}  // namespace strongroom::cmu
