#include <CLI/CLI.hpp>
#include <array>
#include <boost/json.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <span>
#include <string_view>

#include "base/file.h"
#include "base/log.h"
#include "cli/api_client.h"
#include "cli/commands/all.h"
#include "cli/data/data_directory.h"
#include "cli/data/own_store.h"
#include "cli/samples.h"
#include "recovery/backup_file.h"
#include "recovery/recovery_key.h"

namespace strongroom::cli {
namespace {

struct BackupOptions {
  std::string data, file;
  bool without_trail = false;
};

/// The audit trail's records and what finds them. What stays is small and lets the chain go on: the segments' heads and
/// the digests.
constexpr std::array<std::string_view, 2> kTrail{"audit_blocks", "audit_index"};

constexpr std::int64_t kSamplesOfEachStore = 2;

/// Ciphertexts for a later drill to open. A service that does not run, or a sealed root access key, only means fewer.
std::vector<recovery::Sample> MakeSamples(const DataDirectory& data, const Settings& settings) {
  std::vector<recovery::Sample> samples;
  auto api = ApiClient::Open(data, settings);
  auto database = store::Database::Open(data.StoreOf(settings));
  if (!api.ok() || !database.ok()) return samples;
  const auto keys =
      (*database)->Read([&](store::Transaction& t) { return SampleKeys(t, settings.account_id, kSamplesOfEachStore); });
  if (!keys.ok()) return samples;
  for (const SampleKey& key : *keys) {
    const auto made = EncryptFresh(*api, key.region, key.arn);
    if (made.ok()) {
      samples.push_back({key.region, key.arn, made->ciphertext, made->plaintext_sha256});
    } else if (made.error().code() == Errc::kUnavailable) {
      break;
    }
  }
  return samples;
}

Status RunBackup(const BackupOptions& options) {
  const DataDirectory data{options.data};
  SR_TRY(const Settings settings, data.Load());
  log::OnlyFrom(log::Level::kWarn);
  // Before anything is opened: opening the store of no deployment would make one.
  SR_CHECK(RequireOwnStore(data, settings));
  SR_CHECK(store::RequireDeployment(data.StoreOf(settings)));
  SR_TRY(const crypto::PublicKey recovery_key, data.RecoveryKey(settings));
  recovery::BackupHeader header;
  header.created_millis =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  header.software = STRONGROOM_VERSION;
  header.account_id = settings.account_id;
  header.region = settings.region;
  header.network_prefix = settings.network_prefix;
  header.recovery_key = recovery::Fingerprint(recovery_key);
  header.recovery_public_key = recovery_key.ToSpki();
  std::error_code ignored;
  if (std::filesystem::exists(options.file, ignored))
    return Error(Errc::kAlreadyExists, options.file + " exists already and is not replaced.");
  header.samples = MakeSamples(data, settings);
  const std::filesystem::path file = std::filesystem::absolute(options.file);
  SR_TRY(const auto writer, recovery::BackupWriter::Create(file, header));
  const std::span<const std::string_view> trail(kTrail);
  SR_CHECK(store::ExportTables(data.StoreOf(settings), *writer, trail.first(options.without_trail ? trail.size() : 0)));
  SR_CHECK(writer->Finish());
  const boost::json::object note{{"file", file.string()}, {"createdMillis", header.created_millis}};
  SR_CHECK(WriteFileAtomically(data.last_backup(), boost::json::serialize(note) + "\n", 0644));
  std::printf("Backed up %llu rows to %s. It is restored with recovery key %s.\n",
              static_cast<unsigned long long>(writer->rows()), file.c_str(), header.recovery_key.substr(0, 16).c_str());
  return {};
}

std::function<Status()> DeclareBackup(CLI::App& app) {
  auto options = std::make_shared<BackupOptions>();
  app.add_option("FILE", options->file, "The backup to write; a file that is there is not replaced")->required();
  app.add_option("--data", options->data, "The data directory")->required();
  app.add_flag("--without-trail", options->without_trail, "Leave out the audit trail's records");
  app.footer(
      "Takes a consistent backup of everything but this machine's own keys and certificates, while Strongroom runs.");
  return [options] { return RunBackup(*options); };
}

}  // namespace

const Command op::backup = {"backup", "Write a backup of the whole deployment to a file", &DeclareBackup};

}  // namespace strongroom::cli
