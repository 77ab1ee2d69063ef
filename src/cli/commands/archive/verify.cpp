#include <CLI/CLI.hpp>

#include "cli/commands/archive/common.h"

namespace strongroom::cli::archiving {

Run DeclareVerify(CLI::App& app) {
  struct Options : ReadingOptions {
    bool quick = false;
  };
  auto options = std::make_shared<Options>();
  DeclareReading(app, *options, "LOCATION SNAPSHOT",
                 {{"LOCATION", "One of `archive location list`"}, {"SNAPSHOT", "One of `archive list LOCATION`"}}, 2);
  app.add_flag("--quick", options->quick, "Signature of the manifest, presence and size of objects; data is not read");
  return [options]() -> Status {
    SR_TRY(const Opened opened, OpenForReading(*options, 2));
    SR_TRY(const auto outcome,
           archive::Verify(opened.access, opened.words[0], options->quick, MakeReporter(options->common)));
    if (options->common.json) {
      boost::json::array unknown;
      for (const std::string& name : outcome.unknown) unknown.emplace_back(name);
      SR_CHECK(PrintJson({{"snapshot", opened.words[0]},
                          {"ok", outcome.problems.count == 0},
                          {"objects", outcome.objects},
                          {"entries", outcome.entries},
                          {"bytes", outcome.bytes},
                          {"seconds", outcome.seconds},
                          {"incomplete", outcome.incomplete},
                          {"unknown", std::move(unknown)},
                          {"problems", ProblemLines(outcome.problems)}}));
    } else {
      for (const std::string& name : outcome.unknown)
        SR_CHECK(PrintLine("note: the manifest does not name the object " + name + "."));
      if (outcome.problems.count == 0)
        SR_CHECK(PrintLine(fmt::format("{}, {}: {}.", Counted(outcome.objects, "object"),
                                       Counted(outcome.entries, "entry", "entries"),
                                       options->quick ? "all there, with their sizes" : "all there and unaltered")));
    }
    if (outcome.problems.count == 0 && outcome.incomplete > 0)
      ExitIncomplete(
          fmt::format("The snapshot is unaltered, but has only a part of {}.", Counted(outcome.incomplete, "file")));
    if (outcome.problems.count == 0) return {};
    return Error(Errc::kCorrupted,
                 fmt::format("The snapshot is damaged: {}.", Counted(outcome.problems.count, "problem")));
  };
}

}  // namespace strongroom::cli::archiving
