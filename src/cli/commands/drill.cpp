#include <poll.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <thread>

#include "base/file.h"
#include "base/log.h"
#include "cli/api_client.h"
#include "cli/client_package.h"
#include "cli/commands/all.h"
#include "cli/process/child.h"
#include "cli/process/scratch.h"
#include "cli/recovery_options.h"
#include "cli/restore.h"
#include "cli/samples.h"
#include "recovery/backup_file.h"

namespace strongroom::cli {
namespace {

namespace json = boost::json;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::minutes kStartPatience{2}, kClusterPatience{5};
constexpr std::int64_t kKeysOfEachStore = 3;

struct DrillOptions {
  std::string data, backup;
  GivenRecoveryKey recovery_key;
  bool as_json = false;
};

Result<std::filesystem::path> NewestBackup(const DataDirectory& data) {
  const auto note = ReadFile(data.last_backup());
  boost::system::error_code failed;
  const json::value parsed = note.ok() ? json::parse(*note, failed) : json::value();
  const json::value* file = parsed.is_object() ? parsed.get_object().if_contains("file") : nullptr;
  if (failed || file == nullptr || !file->is_string())
    return Error(Errc::kNotFound, "No backup was taken from this data directory yet; name one with --backup.");
  return std::filesystem::path(std::string(file->get_string()));
}

Result<Child> Serve(const std::filesystem::path& data) {
  ChildSpec spec;
  spec.name = "strongroom serve";
  spec.program = ProgramDirectory() / "strongroom";
  spec.arguments = {"serve", "--data", data.string()};
  SR_TRY(Child child, Child::Start(spec));
  bool ready = false;
  for (const auto deadline = Clock::now() + kStartPatience; !ready;) {
    pollfd readable{child.output(), POLLIN, 0};
    ::poll(&readable, 1, 200);
    child.Drain([&](std::string_view line) { ready |= line.starts_with("strongroom: ready"); });
    if (ready) break;
    if (const auto ended = child.Ended())
      return Error(Errc::kInternal, "The restored deployment did not start (" + *ended + "); its messages are above.");
    if (Clock::now() > deadline) return Error(Errc::kTimeout, "The restored deployment did not start in time.");
  }
  return child;
}

struct Clusters {
  std::int64_t wanted = 0, there = 0, stores = 0, connected = 0;
  bool complete() const { return wanted == there && stores == connected; }
};

/// HSMs of customers' clusters, and custom key stores that were connected when the backup was taken.
Result<Clusters> Look(store::Transaction& t) {
  Clusters clusters;
  SR_TRY(const auto hsms,
         t.QueryOne("SELECT COUNT(*), COALESCE(SUM(CASE WHEN h.state = 'ACTIVE' THEN 1 ELSE 0 END), 0) "
                    "FROM hsms h JOIN clusters c ON c.cluster_id = h.cluster_id WHERE h.state <> 'DELETED' "
                    "AND c.state IN ('INITIALIZED', 'ACTIVE')"));
  clusters.wanted = hsms->Int(0);
  clusters.there = hsms->Int(1);
  SR_TRY(const store::Rows stores, t.Query("SELECT state FROM custom_key_stores WHERE state <> 'DISCONNECTED'"));
  clusters.stores = static_cast<std::int64_t>(stores.size());
  for (const store::Row& row : stores) clusters.connected += row.Text(0) == "CONNECTED";
  return clusters;
}

Result<Clusters> WaitForClusters(store::Database& database) {
  Clusters clusters;
  for (const auto deadline = Clock::now() + kClusterPatience;;) {
    SR_TRY(clusters, database.Read(&Look));
    if (clusters.complete() || Clock::now() > deadline) return clusters;
    std::this_thread::sleep_for(std::chrono::milliseconds(250));
  }
}

struct Tried {
  std::int64_t good = 0, bad = 0;
  json::array problems;

  void Take(const std::string& key, const Status& status) {
    if (status.ok()) {
      ++good;
      return;
    }
    ++bad;
    problems.push_back(json::object{{"key", key}, {"error", status.error().public_message()}});
  }
  json::object Shown() const { return {{"decrypted", good}, {"failed", bad}, {"problems", problems}}; }
};

Status RoundTrip(ApiClient& api, const SampleKey& key) {
  SR_TRY(const FreshCiphertext fresh, EncryptFresh(api, key.region, key.arn));
  return DecryptAndCompare(api, key.region, fresh.ciphertext, fresh.plaintext_sha256);
}

Result<json::object> Rehearse(const std::filesystem::path& backup, const crypto::PrivateKey& recovery_key) {
  json::object report{{"backup", backup.string()}};
  SR_TRY(const auto reader, recovery::BackupReader::Open(backup));
  SR_TRY(const auto scratch, Scratch::Make("strongroom-drill-"));
  RestorePlan plan;
  plan.backup = backup;
  plan.data = scratch->path() / "data";
  plan.new_root_key = true;
  SR_TRY(const Restored restored, RestoreDeployment(plan, recovery_key));
  report["createdMillis"] = restored.created_millis;
  report["rows"] = restored.rows;
  const DataDirectory data{plan.data};
  SR_TRY(const Settings settings, data.Load());
  SR_TRY(Child child, Serve(data.root()));
  SR_TRY(const auto database, store::Database::Open(data.StoreOf(settings)));
  SR_TRY(const Clusters clusters, WaitForClusters(*database));
  report["hsms"] = json::object{{"expected", clusters.wanted}, {"active", clusters.there}};
  report["customKeyStores"] = json::object{{"expected", clusters.stores}, {"connected", clusters.connected}};

  SR_TRY(ApiClient api, ApiClient::Open(data, settings));
  SR_TRY(const std::vector<SampleKey> keys,
         database->Read([&](store::Transaction& t) { return SampleKeys(t, settings.account_id, kKeysOfEachStore); }));
  Tried before, domain, custom;
  for (const recovery::Sample& sample : reader->header().samples)
    before.Take(sample.key_arn, DecryptAndCompare(api, sample.region, sample.ciphertext, sample.plaintext_sha256));
  for (const SampleKey& key : keys) (key.custom ? custom : domain).Take(key.arn, RoundTrip(api, key));
  report["madeWithTheBackup"] = before.Shown();
  report["defaultKeyStore"] = domain.Shown();
  report["customKeyStore"] = custom.Shown();
  report["ok"] = clusters.complete() && before.bad + domain.bad + custom.bad == 0;
  child.Stop(std::chrono::seconds(20));
  return report;
}

void Print(const json::object& report) {
  const auto line = [&](const char* what, const char* name) {
    const json::object& tried = report.at(name).get_object();
    std::printf("  %-40s %lld decrypted, %lld failed\n", what,
                static_cast<long long>(tried.at("decrypted").to_number<std::int64_t>()),
                static_cast<long long>(tried.at("failed").to_number<std::int64_t>()));
    for (const json::value& problem : tried.at("problems").get_array())
      std::printf("    %s: %s\n", problem.at("key").get_string().c_str(), problem.at("error").get_string().c_str());
  };
  const auto number = [&](const char* name, const char* member) {
    return static_cast<long long>(report.at(name).at(member).to_number<std::int64_t>());
  };
  std::printf("Restored %s (%lld rows)\n", report.at("backup").get_string().c_str(),
              static_cast<long long>(report.at("rows").to_number<std::int64_t>()));
  std::printf("  %-40s %lld of %lld\n", "HSMs that came back", number("hsms", "active"), number("hsms", "expected"));
  std::printf("  %-40s %lld of %lld\n", "custom key stores that connected", number("customKeyStores", "connected"),
              number("customKeyStores", "expected"));
  line("ciphertexts made with the backup", "madeWithTheBackup");
  line("keys of the default key store", "defaultKeyStore");
  line("keys of custom key stores", "customKeyStore");
  std::printf("%s\n", report.at("ok").get_bool() ? "The backup is good." : "THE BACKUP IS NOT GOOD.");
}

Status RunDrill(const DrillOptions& options) {
  const DataDirectory data{options.data};
  SR_CHECK(data.Load());
  SR_CHECK(HardenForSecrets());
  std::filesystem::path backup = options.backup;
  if (backup.empty()) {
    SR_TRY(backup, NewestBackup(data));
  }
  SR_TRY(const crypto::PrivateKey recovery_key, options.recovery_key.Load());
  auto report = Rehearse(std::filesystem::absolute(backup), recovery_key);
  if (!report.ok()) {
    if (options.as_json)
      std::printf("%s\n", json::serialize(json::object{{"backup", backup.string()},
                                                       {"ok", false},
                                                       {"error", report.error().public_message()}})
                              .c_str());
    return report.error();
  }
  if (options.as_json)
    std::printf("%s\n", json::serialize(*report).c_str());
  else
    Print(*report);
  if (!report->at("ok").get_bool()) return Error(Errc::kCorrupted, "The backup could not be restored wholly.");
  return {};
}

std::function<Status()> DeclareDrill(CLI::App& app) {
  auto options = std::make_shared<DrillOptions>();
  app.add_option("--data", options->data, "The data directory whose newest backup is tried")->required();
  app.add_option("--backup", options->backup, "Another backup than the newest");
  options->recovery_key.Declare(app);
  app.add_flag("--json", options->as_json, "Print JSON");
  app.footer("Restores into a temporary directory beside what runs, decrypts samples, and removes it again.");
  return [options] { return RunDrill(*options); };
}

}  // namespace

const Command op::drill = {"drill", "Try whether the newest backup can be restored", &DeclareDrill};

}  // namespace strongroom::cli
