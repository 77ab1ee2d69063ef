#include <fmt/format.h>

#include "cmu/commands/all.h"
#include "cmu/mgmt_util.h"

namespace strongroom::cmu {
namespace {

// Every connection has both TLS layers from its first byte; the command exists because guides have it.
bool RunEnableE2e(MgmtUtil& util, const std::vector<std::string_view>&) {
  for (Server* server : util.Targets()) {
    server->end_to_end = true;
    fmt::print("E2E enabled on server {}({})\n", util.IndexOf(*server), server->Label());
  }
  return true;
}

}  // namespace

const Command op::enable_e2e = {"enable_e2e", "", "Use end-to-end encryption (always on)", 0, 0, &RunEnableE2e};

}  // namespace strongroom::cmu
