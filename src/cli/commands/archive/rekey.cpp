#include <CLI/CLI.hpp>

#include "cli/commands/archive/common.h"

namespace strongroom::cli::archiving {
namespace {

struct Options {
  CommonOptions common;
  std::string location;
  std::vector<std::string> kms_keys, offline_keys;
  bool drop_kms = false, drop_offline = false;
  archive::OfflineAccess offline;
};

/// What the location's keys are to be. Those of a kind that is not named stay: a key is only left out by a word about
/// it.
Result<archive::WrappingKeys> KeysFor(const archive::Access& access, const Options& options) {
  const archive::Location& location = access.location;
  if (options.kms_keys.empty() && options.offline_keys.empty() && !options.drop_kms && !options.drop_offline) {
    if (location.rekey_unfinished()) return location.target_keys();
    return Error(Errc::kInvalidArgument,
                 fmt::format("Say which keys '{}' is to have: --kms-key-id KEY in place of its KMS keys, "
                             "--offline-public-key FILE as one more, --drop-kms-keys or --drop-offline-keys.",
                             location.name));
  }
  archive::WrappingKeys keys;
  if (!options.kms_keys.empty()) {
    SR_TRY(keys.kms_keys, archive::ResolveKeys(access, options.kms_keys, location.region));
  } else if (!options.drop_kms) {
    keys.kms_keys = location.target_keys().kms_keys;
  }
  if (!options.drop_offline) keys.offline = location.target_keys().offline;
  for (const std::string& pem : options.offline_keys) {
    SR_TRY(auto key, archive::ReadOfflinePublicKey(pem));
    if (std::find(keys.offline.begin(), keys.offline.end(), key) == keys.offline.end())
      keys.offline.push_back(std::move(key));
  }
  if (keys.empty()) return Error(Errc::kInvalidArgument, "Name at least one key: --kms-key-id KEY.");
  return keys;
}

Status Rekey(const Options& options) {
  SR_TRY(const auto file, archive::LocationFile::At(options.common.config));
  SR_TRY(auto access, OpenNamed(options.common, options.location, options.offline));
  SR_TRY(const archive::WrappingKeys keys, KeysFor(access, options));
  SR_TRY(const auto outcome, archive::Rekey(access, keys, file, MakeReporter(options.common)));
  if (options.common.json) {
    boost::json::array unfinished;
    for (const std::string& name : outcome.unfinished) unfinished.emplace_back(name);
    SR_CHECK(PrintJson({{"location", options.location},
                        {"snapshots", outcome.snapshots},
                        {"done_before", outcome.done_before},
                        {"data_keys", outcome.data_keys},
                        {"unfinished", std::move(unfinished)}}));
  } else {
    SR_CHECK(PrintLine(
        fmt::format("{} with the new keys now ({} did before); {} wrapped, no data touched.",
                    outcome.snapshots == 1 ? "1 snapshot opens" : fmt::format("{} snapshots open", outcome.snapshots),
                    outcome.done_before, Counted(outcome.data_keys, "data key"))));
  }
  if (!outcome.unfinished.empty())
    ExitIncomplete(fmt::format("What is stored of {} is under old keys still; the {} above {} which.",
                               Counted(outcome.unfinished.size(), "unfinished snapshot"),
                               outcome.unfinished.size() == 1 ? "line" : "lines",
                               outcome.unfinished.size() == 1 ? "says" : "say"));
  return {};
}

}  // namespace

Run DeclareRekey(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("LOCATION", options->location, "One of `archive location list`")->required()->type_name("");
  auto* const kms =
      app.add_option("--kms-key-id", options->kms_keys,
                     "The KMS keys from now on, in place of those it has; may be repeated. Without it, those stay")
          ->allow_extra_args(false)
          ->type_name("KEY");
  app.add_option("--offline-public-key", options->offline_keys, "One more offline key (PEM, RSA); may be repeated")
      ->allow_extra_args(false)
      ->type_name("FILE");
  app.add_flag("--drop-kms-keys", options->drop_kms, "Do not keep the KMS keys that it has: offline keys alone open it")
      ->excludes(kms);
  app.add_flag("--drop-offline-keys", options->drop_offline, "Do not keep the offline keys that it has");
  app.add_option("--offline-key", options->offline.key_file, "Open what is there with this private key in place of KMS")
      ->type_name("FILE");
  app.add_option("--offline-key-password-file", options->offline.password_file, "Its password")->type_name("FILE");
  DeclareCommon(app, options->common);
  DeclareFooter(app,
                "The old keys still open what they opened: the headers of data objects never change. To shut them out, "
                "disable or delete them in KMS afterwards, once `archive verify` is content. A rekey that was "
                "interrupted goes on with `archive rekey LOCATION`.");
  return [options] { return Rekey(*options); };
}

}  // namespace strongroom::cli::archiving
