#include <CLI/CLI.hpp>

#include "cli/commands/archive/common.h"

namespace strongroom::cli::archiving {

Run DeclareDelete(CLI::App& app) {
  struct Options {
    CommonOptions common;
    std::string location, snapshot;
  };
  auto options = std::make_shared<Options>();
  app.add_option("LOCATION", options->location, "One of `archive location list`")->required()->type_name("");
  app.add_option("SNAPSHOT", options->snapshot, "One of `archive list LOCATION`; also one that was never finished")
      ->required()
      ->type_name("");
  DeclareCommon(app, options->common);
  return [options]() -> Status {
    SR_TRY(const auto access, OpenNamed(options->common, options->location));
    SR_CHECK(archive::Delete(access, options->snapshot, MakeReporter(options->common)));
    if (options->common.json) return PrintJson({{"deleted", options->snapshot}});
    return {};
  };
}

}  // namespace strongroom::cli::archiving
