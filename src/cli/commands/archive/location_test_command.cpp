#include <CLI/CLI.hpp>

#include "cli/commands/archive/common.h"

namespace strongroom::cli::archiving {

Run DeclareLocationTest(CLI::App& app) {
  struct Options {
    CommonOptions common;
    std::string name;
  };
  auto options = std::make_shared<Options>();
  app.add_option("NAME", options->name, "One of `archive location list`")->required()->type_name("");
  DeclareCommon(app, options->common);
  return [options]() -> Status {
    SR_TRY(const auto file, archive::LocationFile::At(options->common.config));
    SR_TRY(auto location, file.Find(options->name));
    SR_TRY(const auto access, archive::OpenAccess(std::move(location), {}));
    // The checks write, and another's disk is not written to. What else is wrong with the id is one more line.
    const Status own = archive::CheckLocationId(access);
    if (!own.ok() && own.error().code() == Errc::kConflict) return own;
    std::vector<archive::Check> checks = archive::TestLocation(access);
    if (!own.ok())
      checks.push_back(
          {.what = "the location's id", .error = own.error().public_message(), .code = own.error().code()});
    boost::json::array list;
    std::size_t failed = 0;
    Errc code = Errc::kInternal;
    for (const archive::Check& check : checks) {
      if (!check.error.empty() && failed++ == 0) code = check.code;
      if (options->common.json)
        list.push_back({{"check", check.what}, {"ok", check.error.empty()}, {"error", check.error}});
      else
        SR_CHECK(PrintLine(check.error.empty() ? "ok    " + check.what
                                               : fmt::format("FAIL  {}: {}", check.what, check.error)));
    }
    if (options->common.json) SR_CHECK(PrintJson({{"ok", failed == 0}, {"checks", std::move(list)}}));
    if (failed == 0) return {};
    return Error(code, fmt::format("{} of what the location needs {} not work.", failed, failed == 1 ? "does" : "do"));
  };
}

}  // namespace strongroom::cli::archiving
