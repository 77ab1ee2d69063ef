#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>

#include "base/log.h"
#include "cli/command.h"
#include "cli/commands/all.h"

namespace strongroom::cli {
namespace {

/// An empty value is a shell variable that was never set (`--data "$DIR"`): no option of ours means anything by it.
void RefuseEmptyValues(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    if (option->get_items_expected_max() == 0) continue;  // a flag
    option->check([](const std::string& value) { return std::string(value.empty() ? "It is given, but empty." : ""); });
  }
  for (CLI::App* sub : app.get_subcommands({})) RefuseEmptyValues(*sub);
}

/// The file system throws where it has no Status to give: in a working directory that is gone, for one.
Status Guarded(const std::function<Status()>& run) {
  try {
    return run();
  } catch (const std::filesystem::filesystem_error& error) {
    return Error(Errc::kUnavailable, error.path1().string() + " cannot be had: " + error.code().message() + ".");
  }
}

}  // namespace

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
  RefuseEmptyValues(app);
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
  const Status status = Guarded(run);
  if (status.ok()) return 0;
  std::fprintf(stderr, "strongroom: %s%s%s%s\n", status.error().public_message().c_str(),
               status.error().detail().empty() ? "" : " (", status.error().detail().c_str(),
               status.error().detail().empty() ? "" : ")");
  return ExitCode(status.error().code());
}

}  // namespace strongroom::cli
