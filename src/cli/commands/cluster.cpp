#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <thread>

#include "base/ids.h"
#include "base/log.h"
#include "cli/commands/all.h"
#include "cli/data/data_directory.h"
#include "cli/data/own_store.h"
#include "store/database.h"

namespace strongroom::cli {
namespace {

using namespace std::chrono_literals;

struct ClusterOptions {
  std::string data, cluster;
  int patience_seconds = 60;
};

constexpr auto kLook = 200ms;

Status Request(store::Database& database, const std::string& cluster, const std::string& id) {
  return database.Transact([&](store::Transaction& t) -> Status {
    SR_TRY(const auto row,
           t.QueryOne("SELECT 1 FROM clusters WHERE cluster_id = $1 AND state <> 'DELETED'", {store::Text(cluster)}));
    if (!row) return Error(Errc::kNotFound, "There is no cluster " + cluster + "; `strongroom status` lists them.");
    SR_TRY(const std::int64_t now, t.NowMillis());
    SR_CHECK(
        t.Execute("INSERT INTO cluster_repairs (cluster_id, request_id, state, message, requested_at) "
                  "VALUES ($1, $2, 'REQUESTED', '', $3) ON CONFLICT (cluster_id) DO UPDATE SET request_id = $2, "
                  "state = 'REQUESTED', message = '', requested_at = $3",
                  {store::Text(cluster), store::Text(id), now}));
    return {};
  });
}

// The service does it: it can ask the HSMs, and no other one works on the cluster meanwhile.
Status RepairLog(const ClusterOptions& options) {
  const DataDirectory data{options.data};
  SR_TRY(const Settings settings, data.Load());
  log::OnlyFrom(log::Level::kWarn);
  SR_TRY(const auto database, OpenOwnStore(data, settings));
  const std::string id = NewUuid();
  SR_CHECK(Request(*database, options.cluster, id));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(options.patience_seconds);
  while (std::chrono::steady_clock::now() < deadline) {
    struct Found {
      std::string state, message;
    };
    SR_TRY(const Found found, database->Read([&](store::Transaction& t) -> Result<Found> {
      SR_TRY(const auto row, t.QueryOne("SELECT state, message FROM cluster_repairs WHERE cluster_id = $1 AND "
                                        "request_id = $2",
                                        {store::Text(options.cluster), store::Text(id)}));
      if (!row) return Error(Errc::kConflict, "Somebody else has asked for the same meanwhile.");
      return Found{row->Text(0), row->Text(1)};
    }));
    if (found.state == "DONE") {
      std::printf("%s\n", found.message.c_str());
      return {};
    }
    if (found.state == "REFUSED") return Error(Errc::kInvalidState, found.message);
    std::this_thread::sleep_for(kLook);
  }
  return Error(Errc::kUnavailable,
               "The service has not answered; the request stays and is carried out when `strongroom serve` runs.");
}

std::function<Status()> DeclareCluster(CLI::App& app) {
  auto options = std::make_shared<ClusterOptions>();
  app.require_subcommand(1);
  auto* repair = app.add_subcommand(
      "repair-log", "Move aside what no HSM can verify at the end of a cluster's log; nothing acknowledged is touched");
  repair->add_option("--data", options->data, "The data directory")->required();
  repair->add_option("--cluster", options->cluster, "The cluster's id")->required();
  repair->add_option("--patience", options->patience_seconds, "Seconds to wait for the service")
      ->check(CLI::Range(1, 3600));
  return [options] { return RepairLog(*options); };
}

}  // namespace

const Command op::cluster = {"cluster", "A cluster's log", &DeclareCluster};

}  // namespace strongroom::cli
