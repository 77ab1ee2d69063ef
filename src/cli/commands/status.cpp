#include <signal.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <cstdio>
#include <memory>

#include "base/file.h"
#include "base/log.h"
#include "cli/api_client.h"
#include "cli/commands/all.h"
#include "cli/data/data_directory.h"
#include "cli/data/own_store.h"
#include "cli/process/process_table.h"
#include "store/backup.h"
#include "store/database.h"

namespace strongroom::cli {
namespace {

namespace json = boost::json;

struct StatusOptions {
  std::string data;
  bool as_json = false;
};

std::string Argument(const ProcessInfo& process, std::string_view name) {
  for (std::size_t i = 0; i + 1 < process.arguments.size(); ++i)
    if (process.arguments[i] == name) return process.arguments[i + 1];
  return "";
}

json::array Processes(const DataDirectory& data) {
  json::array shown;
  const auto pid = ReadFile(data.pid_file());
  if (!pid.ok()) return shown;
  for (const ProcessInfo& process : ProcessTree(static_cast<pid_t>(std::strtol(pid->c_str(), nullptr, 10)))) {
    shown.push_back({{"name", process.program},
                     {"pid", process.pid},
                     {"hsm", Argument(process, "--hsm-id")},
                     {"residentMiB", static_cast<double>(process.resident_bytes >> 10) / 1024.0}});
  }
  return shown;
}

Result<json::array> Clusters(const DataDirectory& data, const Settings& settings) {
  const store::Config config = data.StoreOf(settings);
  if (settings.store.empty() && !std::filesystem::exists(config.sqlite_path)) return json::array();
  SR_CHECK(RequireOwnStore(data, settings));
  // Before the first start there is nothing, and looking must not make it.
  const Status there = store::RequireDeployment(config);
  if (!there.ok() && there.error().code() == Errc::kNotFound) return json::array();
  SR_CHECK(there);
  SR_TRY(const auto database, store::Database::Open(config));
  return database->Read([](store::Transaction& t) -> Result<json::array> {
    SR_TRY(const auto clusters,
           t.Query("SELECT cluster_id, kind, state, region, account_id FROM clusters WHERE state <> 'DELETED' "
                   "ORDER BY kind, cluster_id"));
    json::array shown;
    for (const store::Row& cluster : clusters) {
      SR_TRY(const auto hsms, t.Query("SELECT hsm_id, zone, eni_ip, state FROM hsms WHERE cluster_id = $1 AND "
                                      "state <> 'DELETED' ORDER BY hsm_id",
                                      {cluster.Text(0)}));
      json::array members;
      for (const store::Row& hsm : hsms)
        members.push_back(
            {{"hsm", hsm.Text(0)}, {"zone", hsm.Text(1)}, {"address", hsm.Text(2)}, {"state", hsm.Text(3)}});
      shown.push_back({{"cluster", cluster.Text(0)},
                       {"kind", cluster.Text(1)},
                       {"state", cluster.Text(2)},
                       {"region", cluster.Text(3)},
                       {"account", cluster.Text(4)},
                       {"hsms", std::move(members)}});
    }
    return shown;
  });
}

void Print(const json::object& status) {
  const auto text = [](const json::value& value) { return std::string(value.as_string()); };
  std::printf("Strongroom in %s: %s\n\n", text(status.at("data")).c_str(),
              status.at("running").as_bool() ? "running" : "not running");
  if (const std::string health = text(status.at("health")); !health.empty()) std::printf("%s\n\n", health.c_str());
  for (const auto& process : status.at("processes").as_array()) {
    const auto& p = process.as_object();
    std::printf("  %-24s pid %-8lld %6.1f MiB  %s\n", text(p.at("name")).c_str(),
                static_cast<long long>(p.at("pid").to_number<std::int64_t>()), p.at("residentMiB").as_double(),
                text(p.at("hsm")).c_str());
  }
  for (const auto& entry : status.at("clusters").as_array()) {
    const auto& cluster = entry.as_object();
    std::printf("\n%s  %s  %s  %s\n", text(cluster.at("cluster")).c_str(), text(cluster.at("state")).c_str(),
                text(cluster.at("kind")).c_str(), text(cluster.at("region")).c_str());
    for (const auto& member : cluster.at("hsms").as_array()) {
      const auto& hsm = member.as_object();
      std::printf("  %-20s %-14s %-16s %s\n", text(hsm.at("hsm")).c_str(), text(hsm.at("zone")).c_str(),
                  text(hsm.at("address")).c_str(), text(hsm.at("state")).c_str());
    }
  }
}

Status RunStatus(const StatusOptions& options) {
  const DataDirectory data{options.data};
  SR_TRY(const Settings settings, data.Load());
  log::OnlyFrom(log::Level::kWarn);
  json::object status;
  status["data"] = data.root().string();
  status["endpoint"] = "https://" + settings.https_address + ":" + std::to_string(settings.https_port);
  json::array processes = Processes(data);
  status["running"] = !processes.empty();
  status["processes"] = std::move(processes);
  std::string health;
  if (status["running"].as_bool()) {
    auto asked = AskHealth(data, settings);
    health = asked.ok() ? *std::move(asked) : asked.error().public_message();
    while (health.ends_with('\n')) health.pop_back();
  }
  status["health"] = health;
  auto clusters = Clusters(data, settings);
  status["clusters"] = clusters.ok() ? *std::move(clusters) : json::array();
  if (options.as_json) {
    std::printf("%s\n", json::serialize(status).c_str());
  } else {
    Print(status);
    std::fflush(stdout);
  }
  // A database that is away hides the clusters alone; what runs is what its reader wants to know then.
  if (!clusters.ok()) return clusters.error();
  return {};
}

std::function<Status()> DeclareStatus(CLI::App& app) {
  auto options = std::make_shared<StatusOptions>();
  app.add_option("--data", options->data, "The data directory")->required();
  app.add_flag("--json", options->as_json, "Print JSON");
  return [options] { return RunStatus(*options); };
}

}  // namespace

const Command op::status = {"status", "Show processes, clusters and HSMs", &DeclareStatus};

}  // namespace strongroom::cli
