#include <cstdio>
#include <string>

#include "cmu/mgmt_util.h"

namespace strongroom::cmu {

bool MgmtUtil::Confirm() {
  // The frame and the prompt are what scripts know; the text says what is true here.
  std::puts(
      "\n*************************CAUTION********************************\n"
      "This changes the users or keys of the whole cluster. It is done\n"
      "on every HSM of the cluster or on none of them, also on HSMs that\n"
      "are not in this tool's configuration. An HSM that is away now gets\n"
      "the change before it serves again.\n"
      "****************************************************************\n");
  for (;;) {
    if (assume_yes_) {
      std::puts("Do you want to continue(y/n)?y");
      return true;
    }
    const auto line = input_->Line("Do you want to continue(y/n)?");
    if (!line.ok() && line.error().code() == Errc::kCancelled) return false;
    if (!line.ok()) {
      std::puts("Invalid option, please type 'y' or 'n'");
      continue;
    }
    const auto words = line->Words();
    if (words.size() == 1 && words[0] == "y") return true;
    if (words.size() == 1 && words[0] == "n") return false;
    std::puts("Invalid option, please type 'y' or 'n'");
  }
}

}  // namespace strongroom::cmu
