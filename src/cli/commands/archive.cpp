#include <CLI/CLI.hpp>
#include <csignal>

#include "cli/commands/all.h"
#include "cli/commands/archive/common.h"

namespace strongroom::cli {
namespace {

std::function<Status()> Declare(CLI::App& app) {
  using archiving::Run;
  auto chosen = std::make_shared<Run>();
  app.require_subcommand(1);
  archiving::DeclareFooter(app, "");
  const auto add = [&](CLI::App& to, const char* name, const char* summary, Run (*declare)(CLI::App&)) {
    CLI::App* command = to.add_subcommand(name, summary);
    command->callback([chosen, run = declare(*command)] { *chosen = run; });
  };
  CLI::App* location = app.add_subcommand("location", "Where snapshots are kept, and under which keys");
  location->require_subcommand(1);
  add(*location, "add", "Try access to store and keys, then keep the location", &archiving::DeclareLocationAdd);
  add(*location, "list", "All locations", &archiving::DeclareLocationList);
  add(*location, "show", "One location with its keys", &archiving::DeclareLocationShow);
  add(*location, "test", "Try every permission that put, restore and delete need", &archiving::DeclareLocationTest);
  add(*location, "remove", "Forget a location; what is stored there stays", &archiving::DeclareLocationRemove);
  add(app, "put", "Store a directory, a file, or standard input as a snapshot", &archiving::DeclarePut);
  add(app, "list", "Snapshots of a location, or what is in one", &archiving::DeclareList);
  add(app, "get", "One file, or a stream, to standard output", &archiving::DeclareGet);
  add(app, "verify", "Prove that everything in a snapshot is there and unaltered", &archiving::DeclareVerify);
  add(app, "restore", "Write a snapshot's tree into a directory", &archiving::DeclareRestore);
  add(app, "delete", "Delete a snapshot, finished or not", &archiving::DeclareDelete);
  add(app, "rekey", "Put all data keys of a location under other wrapping keys", &archiving::DeclareRekey);
  return [chosen] {
    // A reader that goes away is an error to report, not a death.
    std::signal(SIGPIPE, SIG_IGN);
    return (*chosen)();
  };
}

}  // namespace

const Command op::archive = {"archive", "Backups, encrypted here under KMS keys, in S3 or a directory", &Declare};

}  // namespace strongroom::cli
