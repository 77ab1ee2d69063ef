#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/log.h"
#include "cli/command.h"
#include "cli/commands/all.h"

namespace strongroom::cli {

int Main(int argc, char** argv) {
  CLI::App app{"Strongroom: an HSM cluster and key management service that AWS's own clients speak to."};
  app.name("strongroom");
  app.require_subcommand(1);
  app.set_version_flag("--version", STRONGROOM_VERSION);
  app.footer(
      "First steps: `strongroom serve --data DIR`, then in another shell `eval \"$(strongroom env --data DIR)\"`.");

  std::function<Status()> run;
  for (const Command* command : kAllRows) {
    CLI::App* sub = app.add_subcommand(std::string(command->name), std::string(command->summary));
    auto action = command->declare(*sub);
    sub->callback([&run, action = std::move(action)] { run = action; });
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::RequiredError& error) {
    // A word that is no command is found missing as a command first.
    const auto unknown = app.remaining(true);
    if (unknown.empty() || unknown.front().starts_with('-')) {
      app.exit(error);
    } else {
      std::fprintf(stderr, "There is no command '%s'.\nRun with --help for more information.\n",
                   unknown.front().c_str());
    }
    return 2;
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : 2;
  }
  InitLog("strongroom", "info");
  const Status status = run();
  if (status.ok()) return 0;
  std::fprintf(stderr, "strongroom: %s%s%s%s\n", status.error().public_message().c_str(),
               status.error().detail().empty() ? "" : " (", status.error().detail().c_str(),
               status.error().detail().empty() ? "" : ")");
  return ExitCode(status.error().code());
}

}  // namespace strongroom::cli
