#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <thread>

#include "base/log.h"
#include "cli/commands/all.h"
#include "cli/counted.h"
#include "cli/data/data_directory.h"
#include "cli/data/own_store.h"
#include "cloudhsm/machines/removal.h"
#include "store/database.h"

namespace strongroom::cli {
namespace {

namespace json = boost::json;
using cloudhsm::LostHsm;
using cloudhsm::MachineView;
using namespace std::chrono_literals;

constexpr auto kLook = 200ms;

struct MachineOptions {
  std::string data, name;
  bool as_json = false, delete_hsms = false, dry_run = false;
  int patience_seconds = 60;
};

Result<std::unique_ptr<store::Database>> OpenStore(const DataDirectory& data) {
  SR_TRY(const Settings settings, data.Load());
  log::OnlyFrom(log::Level::kWarn);
  if (settings.store.empty())
    return Error(Errc::kUnsupported,
                 "The store of this deployment is SQLite on this machine: it has no other machine than this one.");
  return OpenOwnStore(data, settings);
}

std::string_view StateOf(const MachineView& machine) {
  if (machine.row.removed) return "removed";
  if (machine.row.approval.empty()) return "not let in yet";
  return machine.alive() ? "alive" : "silent";
}

std::string Seen(const MachineView& machine) {
  if (machine.row.seen_at == 0) return "never seen";
  return "seen " + std::to_string(machine.silent_millis / 1000) + " s ago";
}

Result<std::int64_t> Segments(store::Transaction& t, const std::string& machine) {
  SR_TRY(const auto row,
         t.QueryOne("SELECT COUNT(*) FROM audit_segments WHERE front_end = $1", {store::Text(machine)}));
  return row ? row->Int(0) : 0;
}

json::object Shown(const MachineView& machine, std::int64_t segments, bool self) {
  json::array hsms;
  for (const LostHsm& hsm : machine.hsms)
    hsms.push_back({{"hsm", hsm.hsm_id}, {"cluster", hsm.cluster_id}, {"kind", hsm.domain ? "domain" : "customer"}});
  json::object shown{{"machine", machine.row.host_id},
                     {"address", machine.row.address},
                     {"network", machine.row.network},
                     {"state", StateOf(machine)},
                     {"self", self},
                     {"hsms", std::move(hsms)},
                     {"auditSegments", segments}};
  if (machine.row.seen_at != 0) shown["seenSecondsAgo"] = machine.silent_millis / 1000;
  return shown;
}

Status List(const MachineOptions& options) {
  const DataDirectory data{options.data};
  SR_TRY(const auto database, OpenStore(data));
  SR_TRY(const std::string self, data.HostId());
  SR_TRY(const auto shown, database->Read([&](store::Transaction& t) -> Result<json::array> {
    SR_TRY(const auto machines, cloudhsm::ViewMachines(t));
    json::array all;
    for (const MachineView& machine : machines) {
      SR_TRY(const std::int64_t segments, Segments(t, machine.row.host_id));
      if (options.as_json) {
        all.push_back(Shown(machine, segments, machine.row.host_id == self));
        continue;
      }
      std::printf("%s  %s  %s%s%s\n", machine.row.host_id.c_str(), machine.row.address.c_str(),
                  std::string(StateOf(machine)).c_str(), machine.row.removed ? "" : (", " + Seen(machine)).c_str(),
                  machine.row.host_id == self ? "  (this machine)" : "");
      for (const LostHsm& hsm : machine.hsms)
        std::printf("  %s  %s%s\n", hsm.hsm_id.c_str(), hsm.cluster_id.c_str(), hsm.domain ? "  domain cluster" : "");
      if (machine.row.removed && segments > 0)
        std::printf("  %s of its audit trail in the store\n",
                    Counted(static_cast<std::uint64_t>(segments), "segment").c_str());
    }
    return all;
  }));
  if (options.as_json) std::printf("%s\n", json::serialize(shown).c_str());
  return {};
}

/// What becomes of an HSM that lived there.
std::string Fate(const LostHsm& hsm) {
  if (hsm.domain) return "HSM " + hsm.hsm_id + " leaves the domain cluster, whose other HSMs have all of its keys.";
  const std::string named =
      "HSM " + hsm.hsm_id + " of cluster " + hsm.cluster_id + " (account " + hsm.account + ", " + hsm.region + ") ";
  return named +
         (hsm.leaving ? "is being deleted already"
                      : "is deleted, and counts as compromised: it cannot prove that it zeroised itself") +
         (hsm.last ? ". It is the last of its cluster: users and keys come back with the next HSM that is made."
                   : "; the cluster's other HSMs have its keys.");
}

std::string Remedy(const LostHsm& hsm, bool delete_first) {
  const std::string of = " --region " + hsm.region + " --cluster-id " + hsm.cluster_id;
  std::string lines;
  if (delete_first) lines += "  aws cloudhsmv2 delete-hsm" + of + " --hsm-id " + hsm.hsm_id + "\n";
  return lines + "  aws cloudhsmv2 create-hsm" + of + " --availability-zone " + hsm.zone + "    # account " +
         hsm.account + "\n";
}

void Tell(const MachineView& plan, std::int64_t segments) {
  std::printf("Machine %s (%s, %s):\n", plan.row.host_id.c_str(), plan.row.address.c_str(), Seen(plan).c_str());
  std::printf("- It is let in nowhere again; should it turn up, `strongroom serve` refuses to start there.\n");
  for (const LostHsm& hsm : plan.hsms) std::printf("- %s\n", Fate(hsm).c_str());
  std::printf(
      "- Audit: another front end closes, signs and delivers what the store has of its records, %s. What it had not "
      "brought to the store (the last second's, or all since it could not reach the store) is on its own disk alone, "
      "in "
      "service/audit of its data directory, and in no trail.\n",
      Counted(static_cast<std::uint64_t>(segments), "segment").c_str());
}

/// Until a front end has done what the store says, and no HSM of the domain cluster lets the machine's front end in.
Result<bool> WaitUntilDone(store::Database& database, const MachineOptions& options) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(options.patience_seconds);
  for (;;) {
    SR_TRY(const auto row,
           database.Read([&](store::Transaction& t) { return cloudhsm::LoadMachine(t, options.name); }));
    if (!row || row->withdrawn) return true;
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(kLook);
  }
}

Status Remove(const MachineOptions& options) {
  const DataDirectory data{options.data};
  SR_TRY(const auto database, OpenStore(data));
  SR_TRY(const std::string self, data.HostId());
  if (options.name == self)
    return Error(Errc::kInvalidArgument, "This is machine " + self + "; remove it from another one.");
  std::int64_t segments = 0;
  SR_TRY(const MachineView plan, database->Read([&](store::Transaction& t) -> Result<MachineView> {
    SR_TRY(segments, Segments(t, options.name));
    return cloudhsm::PlanRemoval(t, options.name);
  }));
  std::string commands, afterwards;
  for (const LostHsm& hsm : plan.hsms) {
    if (hsm.domain) continue;
    if (!hsm.leaving) commands += Remedy(hsm, true);
    afterwards += Remedy(hsm, false);
  }
  if (!commands.empty() && !options.delete_hsms)
    return Error(Errc::kInvalidState, "HSMs of customers live on machine " + options.name +
                                          ". Say --delete-hsms, or delete each and make another in its place first:\n" +
                                          commands);
  Tell(plan, segments);
  std::fflush(stdout);
  if (options.dry_run) return {};
  SR_CHECK(database->Transact(
      [&](store::Transaction& t) { return cloudhsm::RemoveMachine(t, options.name, options.delete_hsms); }));
  std::printf("Removed.\n");
  if (!afterwards.empty()) std::printf("HSMs in the place of those that are gone:\n%s", afterwards.c_str());
  std::fflush(stdout);
  SR_TRY(const bool done, WaitUntilDone(*database, options));
  if (done) return {};
  return Error(Errc::kUnavailable,
               "No front end has put it out yet; that is done when `strongroom serve` runs on another machine.");
}

std::function<Status()> DeclareMachine(CLI::App& app) {
  auto options = std::make_shared<MachineOptions>();
  app.require_subcommand(1);
  auto* list = app.add_subcommand("list", "Show the deployment's machines, and when each was seen");
  auto* remove = app.add_subcommand("remove", "Take out a machine that is gone for good; one that is alive is refused");
  for (auto* command : {list, remove})
    command->add_option("--data", options->data, "The data directory of a machine that is part of the deployment")
        ->required();
  list->add_flag("--json", options->as_json, "Print JSON");
  remove->add_option("NAME", options->name, "The machine, as `list` shows it")->required();
  remove->add_flag("--delete-hsms", options->delete_hsms, "Also delete the HSMs of customers that lived there");
  remove->add_flag("--dry-run", options->dry_run, "Only say what would be done");
  remove->add_option("--patience", options->patience_seconds, "Seconds to wait for the service")
      ->check(CLI::Range(1, 3600));
  return [options, list] { return list->parsed() ? List(*options) : Remove(*options); };
}

}  // namespace

const Command op::machine = {"machine", "The machines of this deployment", &DeclareMachine};

}  // namespace strongroom::cli
