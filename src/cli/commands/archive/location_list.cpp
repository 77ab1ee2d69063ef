#include <CLI/CLI.hpp>

#include "cli/commands/archive/common.h"

namespace strongroom::cli::archiving {

Run DeclareLocationList(CLI::App& app) {
  auto options = std::make_shared<CommonOptions>();
  DeclareCommon(app, *options);
  app.footer("");
  return [options]() -> Status {
    SR_TRY(const auto file, archive::LocationFile::At(options->config));
    SR_TRY(const auto all, file.All());
    boost::json::array list;
    for (const auto& [name, location] : all) {
      if (options->json)
        list.push_back({{"name", name}, {"url", location.url}, {"id", location.id}});
      else
        SR_CHECK(PrintLine(fmt::format("{}  {}", name, location.url)));
    }
    if (options->json) return PrintJson({{"locations", std::move(list)}});
    return {};
  };
}

}  // namespace strongroom::cli::archiving
