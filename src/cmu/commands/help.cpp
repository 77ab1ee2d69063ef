#include <fmt/format.h>

#include <algorithm>

#include "cmu/commands/all.h"
#include "cmu/mgmt_util.h"

namespace strongroom::cmu {
namespace {

bool RunHelp(MgmtUtil&, const std::vector<std::string_view>& arguments) {
  bool found = arguments.empty();
  if (arguments.empty()) fmt::print("\nCommands (any unambiguous beginning of a name will do):\n\n");
  for (const Command* command : kAllRows) {
    if (arguments.empty()) {
      fmt::print("  {:<14}{}\n", command->name, command->summary);
    } else if (std::ranges::equal(command->name, arguments[0], [](char a, char b) { return (a | 32) == (b | 32); })) {
      fmt::print("{} {}\n  {}\n", command->name, command->usage, command->summary);
      found = true;
    }
  }
  if (!found) fmt::print("'{}' is not a command; `help` lists them.\n", arguments[0]);
  return found;
}

}  // namespace

const Command op::help = {"help", "[command]", "List the commands, or explain one", 0, 1, &RunHelp};

}  // namespace strongroom::cmu
