#include <CLI/CLI.hpp>

#include "cli/commands/archive/common.h"

namespace strongroom::cli::archiving {

Run DeclareLocationRemove(CLI::App& app) {
  struct Options {
    CommonOptions common;
    std::string name;
  };
  auto options = std::make_shared<Options>();
  app.add_option("NAME", options->name, "One of `archive location list`")->required()->type_name("");
  DeclareCommon(app, options->common);
  app.footer("");
  return [options]() -> Status {
    SR_TRY(const auto file, archive::LocationFile::At(options->common.config));
    SR_CHECK(file.Remove(options->name));
    if (options->common.json) return PrintJson({{"removed", options->name}});
    return PrintLine("The location is forgotten here. What is stored in it stays as it is.");
  };
}

}  // namespace strongroom::cli::archiving
