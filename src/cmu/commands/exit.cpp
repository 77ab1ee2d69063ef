#include "cmu/commands/all.h"
#include "cmu/mgmt_util.h"

namespace strongroom::cmu {
namespace {

bool RunExit(MgmtUtil& util, const std::vector<std::string_view>&) {
  if (!util.in_server_mode()) util.Quit();
  util.EnterServerMode(std::nullopt);
  return true;
}

}  // namespace

const Command op::exit = {"exit", "", "Leave server mode, or the tool", 0, 0, &RunExit};

}  // namespace strongroom::cmu
