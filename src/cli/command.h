#pragma once

#include <functional>
#include <string_view>

#include "base/exit_code.h"
#include "base/result.h"

namespace CLI {
class App;
}

namespace strongroom::cli {

/// One command of `strongroom`, in a file of its own in cli/commands. `declare` adds the command's options to `app` and
/// returns what runs it; the options live as long as that function object.
struct Command {
  std::string_view name;
  std::string_view summary;  // one line of --help
  std::function<Status()> (*declare)(CLI::App& app);
};

/// Parses the command line and runs the command; the process's exit status. Errors go to standard error, one line each,
/// and say what to do next.
int Main(int argc, char** argv);

}  // namespace strongroom::cli
