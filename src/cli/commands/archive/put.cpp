#include <fmt/chrono.h>

#include <CLI/CLI.hpp>
#include <ctime>
#include <thread>

#include "cli/commands/archive/common.h"

namespace strongroom::cli::archiving {
namespace {

struct Options {
  CommonOptions common;
  std::string location;
  std::vector<std::string> context;
  archive::PutOptions put;
  std::uint64_t object_mib = archive::kDefaultObject >> 20, key_seconds = 3600;
  bool no_xattrs = false;
};

Status Put(Options& options) {
  SR_TRY(const auto access, OpenNamed(options.common, options.location));
  const archive::Reporter reporter = MakeReporter(options.common);
  if (options.put.snapshot.empty()) {
    options.put.snapshot = "s" + fmt::format("{:%Y%m%d-%H%M%S}", fmt::gmtime(std::time(nullptr)));
    reporter.note(fmt::format("The snapshot is {0}; if this is interrupted, `--name {0}` goes on with it.",
                              options.put.snapshot));
  }
  for (const std::string& pair : options.context) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) return Error(Errc::kInvalidArgument, "--context takes NAME=VALUE.");
    if (!options.put.context.emplace(pair.substr(0, equals), pair.substr(equals + 1)).second)
      return Error(Errc::kInvalidArgument, "A name stands twice in the context.");
  }
  options.put.pack.object_bytes = options.object_mib << 20;
  options.put.key_age = std::chrono::seconds(options.key_seconds);
  options.put.walk.xattrs = !options.no_xattrs;
  SR_TRY(const auto file, archive::LocationFile::At(options.common.config));
  options.put.location_now = [&] { return file.Find(options.location); };
  SR_TRY(const auto outcome, archive::Put(access, options.put, reporter));
  const double rate = outcome.seconds > 0 ? static_cast<double>(outcome.sent_bytes) / outcome.seconds : 0;
  if (options.common.json) {
    SR_CHECK(PrintJson({{"snapshot", options.put.snapshot},
                        {"entries", outcome.entries},
                        {"bytes", outcome.file_bytes},
                        {"objects", outcome.objects},
                        {"sent_bytes", outcome.sent_bytes},
                        {"reused_bytes", outcome.reused_bytes},
                        {"seconds", outcome.seconds},
                        {"bytes_per_second", rate},
                        {"problems", outcome.problems.count},
                        {"problem_lines", ProblemLines(outcome.problems)}}));
  } else {
    SR_CHECK(PrintLine(fmt::format(
        "snapshot {}: {}, {}, in {}{}", options.put.snapshot, Counted(outcome.entries, "entry", "entries"),
        archive::BytesText(outcome.file_bytes), Counted(outcome.objects, "object"),
        outcome.reused_bytes == 0 ? std::string()
                                  : fmt::format(", {} of it sent before", archive::BytesText(outcome.reused_bytes)))));
  }
  if (outcome.problems.count > 0)
    ExitIncomplete(
        outcome.problems.count == 1
            ? std::string(
                  "The snapshot is there, but one thing is not in it as it should be; the line above says which.")
            : fmt::format("The snapshot is there, but {} things are not in it as they should be; the lines above say "
                          "which.",
                          outcome.problems.count));
  return {};
}

}  // namespace

Run DeclarePut(CLI::App& app) {
  auto options = std::make_shared<Options>();
  archive::PutOptions& put = options->put;
  put.pack.encrypt_threads = std::min(3u, std::max(1u, std::thread::hardware_concurrency()) - 1);
  app.add_option("LOCATION", options->location, "A location of `archive location list`")->required()->type_name("");
  app.add_option("PATH", put.source, "A directory or file; - reads standard input")->required()->type_name("");
  app.add_option("--name", put.snapshot, "The snapshot's name; default: the time (UTC)")->type_name("SNAPSHOT");
  app.add_option("--context", options->context,
                 "Encryption context: bound to the data and seen by KMS; may be repeated")
      ->allow_extra_args(false)
      ->type_name("NAME=VALUE");
  app.add_flag("--sign", put.pack.sign, "Sign data objects, too (ECDSA P-384); the manifest always is");
  app.add_option("--object-size", options->object_mib, "MiB of plaintext in one object")
      ->check(CLI::Range(archive::kSmallestObject >> 20, archive::kLargestObject >> 20).description(""))
      ->type_name("1..64")
      ->capture_default_str();
  app.add_option("--uploads", put.pack.uploads, "Parts on their way at once, 8 MiB each")
      ->check(CLI::Range(1u, 12u).description(""))
      ->type_name("1..12")
      ->capture_default_str();
  app.add_flag("--one-file-system", put.walk.one_file_system, "Do not enter other file systems");
  app.add_flag("--no-xattrs", options->no_xattrs, "Without extended attributes and access control lists");
  app.add_option("--key-messages", put.key_messages, "Objects under one data key; then KMS makes another")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 32).description(""))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--key-bytes", put.key_bytes, "Bytes under one data key")->type_name("N")->capture_default_str();
  app.add_option("--key-seconds", options->key_seconds, "Age of a data key")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{86400}).description(""))
      ->type_name("1..86400")
      ->capture_default_str();
  DeclareCommon(app, options->common);
  DeclareFooter(
      app,
      "An interrupted `put` goes on when it is said again: objects that are stored are not sent twice, as long as "
      "their files have not changed. A stream begins anew.");
  return [options] { return Put(*options); };
}

}  // namespace strongroom::cli::archiving
