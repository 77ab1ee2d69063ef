#include "cli/commands/archive/common.h"

#include <fmt/chrono.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <tuple>

#include "base/exit_code.h"

namespace strongroom::cli::archiving {

namespace json = boost::json;

namespace {

/// --help of commands whose words shift when there is no LOCATION: they are one positional argument for the parser.
class WordsFormatter final : public CLI::Formatter {
 public:
  WordsFormatter(std::string words, std::vector<std::pair<std::string, std::string>> about)
      : words_(std::move(words)), about_(std::move(about)) {}
  std::string make_usage(const CLI::App* app, std::string name) const override {
    return fmt::format("{}\nUsage: {} [OPTIONS] {}\n", app->get_description(), name, words_);
  }
  std::string make_positionals(const CLI::App*) const override {
    std::string text = "\nPositionals:\n";
    for (const auto& [word, what] : about_) text += fmt::format("  {:<28}{}\n", word, what);
    return text;
  }
  std::string make_description(const CLI::App*) const override { return ""; }

 private:
  const std::string words_;
  const std::vector<std::pair<std::string, std::string>> about_;
};

Error TooFew(const ReadingOptions& options) {
  return Error(Errc::kInvalidArgument,
               options.url.empty()
                   ? fmt::format("Too few arguments: {} is what it takes. --help tells more.", options.usage)
                   : fmt::format("Too few arguments: {} is what it takes, without LOCATION, since there is "
                                 "--location-url. --help tells more.",
                                 options.usage));
}

}  // namespace

void DeclareFooter(CLI::App& app, const std::string& text) {
  app.footer(fmt::format(
      "{}{}Credentials and addresses come from where AWS's own tools have them: environment (AWS_ACCESS_KEY_ID,\n"
      "AWS_PROFILE, AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL_KMS, AWS_REGION ...) and ~/.aws.\n"
      "Exit statuses: 0 done, 1 failed, 2 wrong arguments, 3 something is out of reach, 4 refused, 5 done but not "
      "with\n"
      "everything (the lines before say what is missing).",
      text, text.empty() ? "" : "\n\n"));
}

void DeclareCommon(CLI::App& app, CommonOptions& options) {
  app.add_option("--config", options.config, "The file of locations; default: $XDG_CONFIG_HOME/strongroom/archive.json")
      ->type_name("FILE");
  app.add_flag("--json", options.json, "The outcome as JSON on standard output, for programs");
  app.add_flag("--quiet", options.quiet, "No progress on standard error");
}

void Endpoints::PutInto(archive::Location& location) const {
  location.kms_endpoint = kms;
  location.kms_profile = kms_profile;
  if (location.is_s3()) {
    location.s3_endpoint = store;
  } else if (kms.empty()) {
    location.kms_endpoint = store;
  }
}

void DeclareReading(CLI::App& app, ReadingOptions& options, const std::string& words,
                    const std::vector<std::pair<std::string, std::string>>& about, std::size_t most) {
  DeclareCommon(app, options.common);
  options.usage = words;
  app.formatter(std::make_shared<WordsFormatter>(words, about));
  app.add_option("arguments", options.words, words)->type_name("")->expected(0, static_cast<int>(most));
  app.add_option("--offline-key", options.offline.key_file,
                 "An RSA private key (PEM) whose public half the location has: KMS is not asked at all")
      ->type_name("FILE");
  app.add_option("--offline-key-password-file", options.offline.password_file,
                 "Its password; otherwise an encrypted key's password is asked for")
      ->type_name("FILE");
  constexpr const char* kWithout = "On a machine that knows no location, in place of LOCATION";
  app.add_option("--location-url", options.url, "s3://BUCKET/PREFIX or a directory")->type_name("URL")->group(kWithout);
  app.add_option("--kms-key-id", options.kms_keys, "ARN of a key that opens it; may be repeated")
      ->allow_extra_args(false)
      ->type_name("ARN")
      ->group(kWithout);
  app.add_option("--endpoint", options.endpoints.store, "Address of S3; for a directory, of KMS")
      ->type_name("URL")
      ->group(kWithout);
  app.add_option("--kms-endpoint", options.endpoints.kms, "Address of KMS, where --endpoint is S3's")
      ->type_name("URL")
      ->group(kWithout);
  app.add_option("--kms-profile", options.endpoints.kms_profile, "Profile that KMS is asked with, where S3 has another")
      ->type_name("PROFILE")
      ->group(kWithout);
  app.add_option("--region", options.region, "The bucket's Region")->type_name("REGION")->group(kWithout);
}

Result<Opened> OpenForReading(const ReadingOptions& options, std::size_t least) {
  if (options.offline.key_file.empty() && !options.offline.password_file.empty())
    return Error(Errc::kInvalidArgument, "--offline-key-password-file goes with --offline-key.");
  if (!options.offline.key_file.empty())
    MakeReporter(options.common)
        .note(
            "With --offline-key nothing tells who wrote the snapshot: whoever has the key's public half can make one "
            "that looks genuine. Opening it with KMS does tell.");
  if (options.url.empty()) {
    for (const auto& [set, name, has] : {std::tuple{!options.kms_keys.empty(), "--kms-key-id", "keys"},
                                         std::tuple{!options.endpoints.store.empty(), "--endpoint", "addresses"},
                                         std::tuple{!options.endpoints.kms.empty(), "--kms-endpoint", "addresses"},
                                         std::tuple{!options.endpoints.kms_profile.empty(), "--kms-profile", "profile"},
                                         std::tuple{!options.region.empty(), "--region", "Region"}}) {
      if (set)
        return Error(Errc::kInvalidArgument,
                     fmt::format("{} goes with --location-url; a location has its {} already.", name, has));
    }
    if (options.words.size() < least) return TooFew(options);
    SR_TRY(auto access, OpenNamed(options.common, options.words.front(), options.offline));
    return Opened{std::move(access), {options.words.begin() + 1, options.words.end()}};
  }
  if (options.words.size() + 1 < least) return TooFew(options);
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
  SR_TRY(auto access, archive::OpenAccess(std::move(location), offline));
  SR_CHECK(archive::CheckLocationId(access));
  return access;
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
