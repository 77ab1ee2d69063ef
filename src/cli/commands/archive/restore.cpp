#include <unistd.h>

#include <CLI/CLI.hpp>

#include "archive/paths.h"
#include "cli/commands/archive/common.h"

namespace strongroom::cli::archiving {
namespace {

struct Options : ReadingOptions {
  archive::RestoreRules rules;
  bool no_owners = false, no_xattrs = false;
};

Status Restore(const Options& options) {
  SR_TRY(const Opened opened, OpenForReading(options, 3));
  const archive::Reporter reporter = MakeReporter(options.common);
  if (opened.words[1] == "-") {
    const auto written = archive::Get(opened.access, {.snapshot = opened.words[0], .path = "-"}, reporter);
    if (!written.ok()) return written.error();
    return {};
  }
  archive::RestoreOptions restore{
      .snapshot = opened.words[0], .target = opened.words[1], .paths = {}, .rules = options.rules};
  for (std::size_t i = 2; i < opened.words.size(); ++i) restore.paths.emplace_back(archive::AsTyped(opened.words[i]));
  restore.rules.owners = ::geteuid() == 0 && !options.no_owners;
  restore.rules.xattrs = !options.no_xattrs;
  SR_TRY(const auto outcome, archive::Restore(opened.access, restore, reporter));
  if (options.common.json) {
    SR_CHECK(PrintJson({{"snapshot", restore.snapshot},
                        {"directory", restore.target},
                        {"entries", outcome.entries},
                        {"bytes", outcome.file_bytes},
                        {"seconds", outcome.seconds},
                        {"problems", outcome.problems.count},
                        {"problem_lines", ProblemLines(outcome.problems)}}));
  } else {
    SR_CHECK(PrintLine(fmt::format("{}, {}, restored into {}.", Counted(outcome.entries, "entry", "entries"),
                                   archive::BytesText(outcome.file_bytes), restore.target)));
  }
  if (outcome.problems.count > 0)
    ExitIncomplete(outcome.problems.count == 1
                       ? std::string("One thing is not restored as it was; the line above says which.")
                       : fmt::format("{} things are not restored as they were; the lines above say which.",
                                     outcome.problems.count));
  return {};
}

}  // namespace

Run DeclareRestore(CLI::App& app) {
  auto options = std::make_shared<Options>();
  DeclareReading(app, *options, "LOCATION SNAPSHOT DIRECTORY [PATH...]",
                 {{"LOCATION", "One of `archive location list`"},
                  {"SNAPSHOT", "One of `archive list LOCATION`"},
                  {"DIRECTORY", "Empty or not there yet; - writes a stream to standard output"},
                  {"PATH...", "Only these and what is in them"}},
                 1000);
  app.add_flag("--overwrite", options->rules.overwrite,
               "Into a directory that is not empty; files of the same names are "
               "replaced");
  app.add_flag("--numeric-owner", options->rules.numeric_owners, "User and group by number, not by name");
  app.add_flag("--no-owner", options->no_owners, "Do not restore owners (only root can)");
  app.add_flag("--no-xattrs", options->no_xattrs, "Without extended attributes and access control lists");
  return [options] { return Restore(*options); };
}

}  // namespace strongroom::cli::archiving
