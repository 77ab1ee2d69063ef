#include <fmt/format.h>

#include <charconv>

#include "cmu/commands/all.h"
#include "cmu/mgmt_util.h"

namespace strongroom::cmu {
namespace {

bool RunServer(MgmtUtil& util, const std::vector<std::string_view>& arguments) {
  std::size_t number = 0;
  const auto [end, failed] = std::from_chars(arguments[0].data(), arguments[0].data() + arguments[0].size(), number);
  if (failed != std::errc() || end != arguments[0].data() + arguments[0].size() || number >= util.servers().size()) {
    fmt::print("There is no server '{}'; use 0 to {}.\n", arguments[0], util.servers().size() - 1);
    return false;
  }
  util.EnterServerMode(number);
  fmt::print("Server is in 'E2' mode...\n");
  return true;
}

}  // namespace

const Command op::server = {"server", "<n>", "Let commands act on one server only, until `exit`", 1, 1, &RunServer};

}  // namespace strongroom::cmu
