#include "cli/commands/archive/common.h"

#include <fmt/chrono.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>

#include "cli/exit_code.h"

namespace strongroom::cli::archiving {

namespace json = boost::json;

void DeclareCommon(CLI::App& app, CommonOptions& options) {
  app.add_option("--config", options.config,
                 "The file of locations; default: $XDG_CONFIG_HOME/strongroom/archive.json");
  app.add_flag("--json", options.json, "The outcome as JSON on standard output, for programs");
  app.add_flag("--quiet", options.quiet, "No progress on standard error");
}

void Endpoints::PutInto(archive::Location& location) const {
  location.kms_endpoint = kms;
  if (location.is_s3()) {
    location.s3_endpoint = store;
  } else if (kms.empty()) {
    location.kms_endpoint = store;
  }
}

void DeclareReading(CLI::App& app, ReadingOptions& options, const std::string& words, std::size_t least,
                    std::size_t most) {
  DeclareCommon(app, options.common);
  app.add_option("arguments", options.words, words)
      ->type_name("")
      ->expected(static_cast<int>(least) - 1, static_cast<int>(most));
  app.add_option("--offline-key", options.offline.key_file,
                 "PEM file of an RSA private key whose public half the location has; KMS is not asked at all");
  app.add_option("--offline-key-password-file", options.offline.password_file,
                 "Its password; otherwise an encrypted key's password is asked for");
  app.add_option("--location-url", options.url,
                 "s3://BUCKET/PREFIX or a directory, in place of LOCATION: for a machine that knows no location");
  app.add_option("--kms-key-id", options.kms_keys, "With --location-url: ARN of a key that opens it; may be repeated")
      ->allow_extra_args(false);
  app.add_option("--endpoint", options.endpoints.store, "With --location-url: as for `location add`");
  app.add_option("--kms-endpoint", options.endpoints.kms, "With --location-url: as for `location add`");
  app.add_option("--region", options.region, "With --location-url: the bucket's Region");
}

Result<Opened> OpenForReading(const ReadingOptions& options, std::size_t least) {
  if (!options.offline.key_file.empty())
    MakeReporter(options.common)
        .note(
            "With --offline-key nothing tells who wrote the snapshot: whoever has the key's public half can make one "
            "that looks genuine. Opening it with KMS does tell.");
  if (options.url.empty()) {
    if (!options.kms_keys.empty())
      return Error(Errc::kInvalidArgument, "--kms-key-id goes with --location-url; a location has its keys already.");
    if (options.words.size() < least) return Error(Errc::kInvalidArgument, "Too few arguments; --help shows them.");
    SR_TRY(auto access, OpenNamed(options.common, options.words.front(), options.offline));
    return Opened{std::move(access), {options.words.begin() + 1, options.words.end()}};
  }
  if (options.words.size() + 1 < least) return Error(Errc::kInvalidArgument, "Too few arguments; --help shows them.");
  if (options.kms_keys.empty() && options.offline.key_file.empty())
    return Error(Errc::kInvalidArgument,
                 "With --location-url, say which key opens it: --kms-key-id ARN or --offline-key "
                 "FILE. Keys are never taken from the location itself.");
  archive::Location location;
  location.name = "-";
  SR_TRY(location.url, archive::NormalUrl(options.url));
  options.endpoints.PutInto(location);
  location.region = options.region;
  SR_TRY(auto access, archive::OpenAccess(location, options.offline));
  SR_TRY(access.location.id, archive::ReadLocationId(*access.store));
  if (options.offline.key_file.empty()) {
    SR_TRY(access.location.keys.kms_keys, archive::ResolveKeys(access, options.kms_keys, options.region));
  }
  return Opened{std::move(access), options.words};
}

Result<archive::Access> OpenNamed(const CommonOptions& common, const std::string& name,
                                  const archive::OfflineAccess& offline) {
  SR_TRY(const auto file, archive::LocationFile::At(common.config));
  SR_TRY(auto location, file.Find(name));
  return archive::OpenAccess(std::move(location), offline);
}

archive::Reporter MakeReporter(const CommonOptions& common) {
  archive::Reporter reporter;
  reporter.style = common.json || common.quiet ? archive::ProgressStyle::kNone : archive::DefaultProgressStyle();
  const bool print = reporter.style == archive::ProgressStyle::kNone;
  const auto line = [](std::string_view text) {
    std::fprintf(stderr, "%.*s\n", static_cast<int>(text.size()), text.data());
  };
  if (print) reporter.problem = line;
  if (!common.json) reporter.note = line;
  return reporter;
}

std::string Counted(std::uint64_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

Status PrintLine(const std::string& line) {
  if (std::fwrite(line.data(), 1, line.size(), stdout) == line.size() && std::fputc('\n', stdout) != EOF &&
      std::fflush(stdout) == 0)
    return {};
  return Error(Errc::kResourceExhausted, "Standard output does not take what is written to it.");
}

Status PrintJson(const json::object& object) { return PrintLine(json::serialize(object)); }

json::array ProblemLines(const archive::Problems& problems) {
  json::array lines;
  for (const std::string& line : problems.lines) lines.emplace_back(line);
  return lines;
}

void ExitIncomplete(std::string_view why) {
  std::fflush(stdout);
  std::fprintf(stderr, "strongroom: %.*s\n", static_cast<int>(why.size()), why.data());
  std::exit(kExitIncomplete);
}

std::string TimeText(std::int64_t milliseconds) {
  const std::chrono::sys_seconds time(std::chrono::seconds(milliseconds / 1000));
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(time));
}

}  // namespace strongroom::cli::archiving
