#include <cstdio>

#include "cmu/commands/all.h"
#include "cmu/mgmt_util.h"

namespace strongroom::cmu {
namespace {

bool RunQuit(MgmtUtil& util, const std::vector<std::string_view>&) {
  std::puts("disconnecting from servers, please wait...");
  util.Quit();
  return true;
}

}  // namespace

const Command op::quit = {"quit", "", "Disconnect and leave", 0, 0, &RunQuit};

}  // namespace strongroom::cmu
