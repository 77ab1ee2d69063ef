#include <CLI/CLI.hpp>

#include "cli/commands/archive/common.h"

namespace strongroom::cli::archiving {
namespace {

struct Options {
  CommonOptions common;
  std::string location;
  std::vector<std::string> kms_keys, offline_keys;
  bool drop_offline = false;
  archive::OfflineAccess offline;
};

Status Rekey(const Options& options) {
  SR_TRY(const auto file, archive::LocationFile::At(options.common.config));
  SR_TRY(auto access, OpenNamed(options.common, options.location, options.offline));
  archive::WrappingKeys keys;
  SR_TRY(keys.kms_keys, archive::ResolveKeys(access, options.kms_keys, access.location.region));
  if (!options.drop_offline) keys.offline = access.location.keys.offline;
  for (const std::string& pem : options.offline_keys) {
    SR_TRY(auto key, archive::ReadOfflinePublicKey(pem));
    if (std::find(keys.offline.begin(), keys.offline.end(), key) == keys.offline.end())
      keys.offline.push_back(std::move(key));
  }
  if (keys.empty()) return Error(Errc::kInvalidArgument, "Name at least one key: --kms-key-id KEY.");
  SR_TRY(const auto outcome, archive::Rekey(access, keys, file, MakeReporter(options.common)));
  if (options.common.json)
    return PrintJson({{"location", options.location},
                      {"snapshots", outcome.snapshots},
                      {"done_before", outcome.done_before},
                      {"data_keys", outcome.data_keys}});
  return PrintLine(
      fmt::format("{} snapshots open with the new keys now ({} did before); {} data keys wrapped, no data "
                  "touched.",
                  outcome.snapshots, outcome.done_before, outcome.data_keys));
}

}  // namespace

Run DeclareRekey(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("LOCATION", options->location, "The location")->required();
  app.add_option("--kms-key-id", options->kms_keys, "The keys from now on, in place of those it has; may be repeated")
      ->allow_extra_args(false);
  app.add_option("--offline-public-key", options->offline_keys, "One more offline key; may be repeated")
      ->allow_extra_args(false);
  app.add_flag("--drop-offline-keys", options->drop_offline, "Do not keep the offline keys that it has");
  app.add_option("--offline-key", options->offline.key_file,
                 "Open what is there with this private key in place of KMS");
  app.add_option("--offline-key-password-file", options->offline.password_file, "Its password");
  DeclareCommon(app, options->common);
  app.footer(
      "The old keys still open what they opened: the headers of data objects never change. To shut them out, "
      "disable or delete them in KMS afterwards.");
  return [options] { return Rekey(*options); };
}

}  // namespace strongroom::cli::archiving
