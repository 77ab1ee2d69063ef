#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"

namespace strongroom::cmu {

class MgmtUtil;

/// One command of cloudhsm_mgmt_util, in a file of its own in cmu/commands. Names may be shortened to any unambiguous
/// prefix and their case does not matter. Source: spec/cloudhsm.md, 6.2.
struct Command {
  std::string_view name;   // "loginHSM"
  std::string_view usage;  // "<CO|CU|PRECO> <name> <password|-hpswd>"
  std::string_view summary;
  std::size_t min_arguments, max_arguments;
  /// True when it succeeded on every server. What went wrong has been printed.
  bool (*run)(MgmtUtil& util, const std::vector<std::string_view>& arguments);
};

}  // namespace strongroom::cmu
