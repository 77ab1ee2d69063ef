#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <cstdio>
#include <memory>

#include "base/log.h"
#include "cli/commands/all.h"
#include "cli/counted.h"
#include "cli/data/data_directory.h"
#include "cli/data/own_store.h"
#include "store/clock_guard.h"
#include "store/database.h"

namespace strongroom::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kNamed = 10;

struct ClockOptions {
  std::string data;
  bool as_json = false, yes = false;
};

struct Opened {
  Settings settings;
  std::unique_ptr<store::Database> database;
};

Result<Opened> Open(const ClockOptions& options) {
  const DataDirectory data{options.data};
  Opened opened;
  SR_TRY(opened.settings, data.Load());
  log::OnlyFrom(log::Level::kWarn);
  const store::Config config = data.StoreOf(opened.settings);
  if (opened.settings.store.empty() && !std::filesystem::exists(config.sqlite_path))
    return Error(Errc::kNotFound, "The deployment in " + options.data +
                                      " has never run, so it has seen no clock: start it with `strongroom serve`.");
  SR_TRY(opened.database, OpenOwnStore(data, opened.settings));
  return opened;
}

/// What has come due by the clock as it is now, and is destroyed once that is believed.
struct Due {
  std::vector<std::string> keys;  // ARNs
  std::int64_t materials = 0, backups = 0, generations = 0, segments = 0;
  bool any() const { return !keys.empty() || materials + backups + generations + segments > 0; }
};

Result<std::int64_t> Count(store::Transaction& t, std::string_view from, std::int64_t until) {
  SR_TRY(const auto row, t.QueryOne("SELECT COUNT(*) FROM " + std::string(from) + " <= $1", {until}));
  return row ? row->Int(0) : 0;
}

Result<Due> LookForDue(store::Transaction& t, const Settings& settings, std::int64_t now) {
  constexpr std::int64_t kDayMillis = 24LL * 60 * 60 * 1000;
  Due due;
  SR_TRY(const auto rows, t.Query("SELECT region, account_id, key_id FROM kms_keys WHERE deletion_at <= $1 "
                                  "ORDER BY account_id, region, key_id",
                                  {now}));
  for (const store::Row& row : rows)
    due.keys.push_back("arn:aws:kms:" + row.Text(0) + ":" + row.Text(1) + ":key/" + row.Text(2));
  SR_TRY(due.materials, Count(t, "kms_materials WHERE valid_to", now));
  SR_TRY(due.backups, Count(t, "backups WHERE state = 'PENDING_DELETION' AND delete_at", now));
  SR_TRY(due.generations, Count(t, "domain_keys WHERE dropped_at IS NULL AND rewrapped_at",
                                now - settings.kms.backup_retention_days * kDayMillis));
  SR_TRY(due.segments,
         Count(t, "audit_segments WHERE closed = 1 AND last_millis", now - settings.audit.retention_days * kDayMillis));
  return due;
}

std::string Told(const Due& due) {
  std::string text;
  const auto add = [&text](std::int64_t count, std::string_view one) {
    if (count != 0) text += (text.empty() ? "" : ", ") + Counted(static_cast<std::uint64_t>(count), one);
  };
  add(static_cast<std::int64_t>(due.keys.size()), "key");
  add(due.materials, "imported key material");
  add(due.backups, "backup");
  add(due.generations, "domain key generation");
  add(due.segments, "audit segment");
  return text.empty() ? "nothing" : text;
}

struct Seen {
  store::ClockView clock;
  Due due;
};

Result<Seen> Look(const Opened& opened) {
  return opened.database->Read([&](store::Transaction& t) -> Result<Seen> {
    Seen seen;
    SR_TRY(seen.clock, store::ViewClock(t));
    SR_TRY(seen.due, LookForDue(t, opened.settings, seen.clock.now_millis));
    return seen;
  });
}

Status Show(const ClockOptions& options) {
  SR_TRY(const Opened opened, Open(options));
  SR_TRY(const Seen seen, Look(opened));
  if (options.as_json) {
    json::array keys(seen.due.keys.begin(), seen.due.keys.end());
    const json::object shown{{"clock", store::ShownTime(seen.clock.now_millis)},
                             {"lastBelieved", store::ShownTime(seen.clock.seen_millis)},
                             {"believed", seen.clock.doubt.empty()},
                             {"doubt", seen.clock.doubt},
                             {"due",
                              {{"keys", std::move(keys)},
                               {"importedKeyMaterials", seen.due.materials},
                               {"backups", seen.due.backups},
                               {"domainKeyGenerations", seen.due.generations},
                               {"auditSegments", seen.due.segments}}}};
    std::printf("%s\n", json::serialize(shown).c_str());
    return {};
  }
  std::printf("The database's clock: %s\nLast seen and believed: %s\n", store::ShownTime(seen.clock.now_millis).c_str(),
              seen.clock.seen_millis == 0 ? "never" : store::ShownTime(seen.clock.seen_millis).c_str());
  if (seen.clock.doubt.empty()) {
    std::printf("It is believed: what is due is deleted, expired and rotated.\n");
    return {};
  }
  std::printf("It is not believed, so nothing is deleted, expired or rotated: %s\nDue by it: %s\n",
              seen.clock.doubt.c_str(), Told(seen.due).c_str());
  for (std::size_t i = 0; i < std::min(kNamed, seen.due.keys.size()); ++i)
    std::printf("  %s\n", seen.due.keys[i].c_str());
  if (seen.due.keys.size() > kNamed) std::printf("  and %zu more\n", seen.due.keys.size() - kNamed);
  if (seen.clock.acceptable)
    std::printf("Put the clock right, or, when it is right: strongroom clock accept --data %s\n", options.data.c_str());
  else
    std::printf("Put that machine's clock right, or the database's.\n");
  return {};
}

Status Accept(const ClockOptions& options) {
  SR_TRY(const Opened opened, Open(options));
  SR_TRY(const Seen seen, Look(opened));
  if (!seen.clock.doubt.empty() && !seen.clock.acceptable)
    return Error(Errc::kInvalidState,
                 seen.clock.doubt + " Put it right, or the database's: there is nothing to accept.");
  if (!options.yes && !seen.clock.doubt.empty() && seen.due.any())
    return Error(Errc::kInvalidState,
                 "By this clock, " + store::ShownTime(seen.clock.now_millis) +
                     ", this is due, and destroyed at once when the clock is accepted: " + Told(seen.due) +
                     ". `strongroom clock show` names the keys; `aws kms cancel-key-deletion` keeps one. "
                     "Say --yes when it is as it should be.");
  SR_CHECK(opened.database->Transact([](store::Transaction& t) { return store::AcceptClock(t); }));
  std::printf("%s is taken for the time. Due: %s\n", store::ShownTime(seen.clock.now_millis).c_str(),
              Told(seen.due).c_str());
  return {};
}

std::function<Status()> DeclareClock(CLI::App& app) {
  auto options = std::make_shared<ClockOptions>();
  app.require_subcommand(1);
  auto* show = app.add_subcommand("show", "Show the time that deletion and expiry go by, and whether it is believed");
  auto* accept = app.add_subcommand("accept", "Say that the clock is right after it has jumped");
  for (auto* command : {show, accept}) command->add_option("--data", options->data, "The data directory")->required();
  show->add_flag("--json", options->as_json, "Print JSON");
  accept->add_flag("--yes", options->yes, "Also when keys are destroyed at once");
  return [options, show] { return show->parsed() ? Show(*options) : Accept(*options); };
}

}  // namespace

const Command op::clock = {"clock", "The time that deletion and expiry go by", &DeclareClock};

}  // namespace strongroom::cli
