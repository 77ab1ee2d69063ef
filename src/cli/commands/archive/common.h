#pragma once

#include <boost/json.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "archive/operations.h"
#include "base/result.h"
#include "cli/counted.h"

namespace CLI {
class App;
}

namespace strongroom::cli::archiving {

using Run = std::function<Status()>;

/// What every command of `archive` takes.
struct CommonOptions {
  std::string config;  // file of locations
  bool json = false;
  bool quiet = false;
};
void DeclareCommon(CLI::App& app, CommonOptions& options);

/// Addresses in place of those that environment and profile say: `store` is S3's for s3:// and, since a directory has
/// none, KMS's for a directory.
struct Endpoints {
  std::string store, kms, kms_profile;
  void PutInto(archive::Location& location) const;
};

/// What commands that read take besides: keys from the safe, and a location that no file knows.
struct ReadingOptions {
  CommonOptions common;
  archive::OfflineAccess offline;
  std::string url;
  Endpoints endpoints;
  std::string region;
  std::vector<std::string> kms_keys;
  std::vector<std::string> words;  // the positional arguments
  std::string usage;               // what they are
};
/// `words` is what --help shows: "LOCATION SNAPSHOT DIRECTORY [PATH...]", and `about` what it says of each.
void DeclareReading(CLI::App& app, ReadingOptions& options, const std::string& words,
                    const std::vector<std::pair<std::string, std::string>>& about, std::size_t most);
/// At the end of --help: `text` and, for commands that use credentials, where those come from and the exit statuses.
void DeclareFooter(CLI::App& app, const std::string& text);
/// The location and what is left of the words behind it. With --location-url the words have no location.
struct Opened {
  archive::Access access;
  std::vector<std::string> words;
};
Result<Opened> OpenForReading(const ReadingOptions& options, std::size_t least);

/// A location of the file. Errors: kConflict where what lies there is not this location (CheckLocationId).
Result<archive::Access> OpenNamed(const CommonOptions& common, const std::string& name,
                                  const archive::OfflineAccess& offline = {});

/// Bar or lines on standard error, nothing with --json or --quiet; problems as they come.
archive::Reporter MakeReporter(const CommonOptions& common);
/// One JSON object on a line of its own.
Status PrintJson(const boost::json::object& object);
Status PrintLine(const std::string& line);
boost::json::array ProblemLines(const archive::Problems& problems);

/// Ends the process with the exit status for "done, but not with everything" (exit_code.h), after what was printed.
[[noreturn]] void ExitIncomplete(std::string_view why);

/// "2026-03-01T12:00:00Z"
std::string TimeText(std::int64_t milliseconds);

Run DeclareLocationAdd(CLI::App& app);
Run DeclareLocationList(CLI::App& app);
Run DeclareLocationShow(CLI::App& app);
Run DeclareLocationTest(CLI::App& app);
Run DeclareLocationRemove(CLI::App& app);
Run DeclarePut(CLI::App& app);
Run DeclareList(CLI::App& app);
Run DeclareGet(CLI::App& app);
Run DeclareVerify(CLI::App& app);
Run DeclareRestore(CLI::App& app);
Run DeclareDelete(CLI::App& app);
Run DeclareRekey(CLI::App& app);

}  // namespace strongroom::cli::archiving
