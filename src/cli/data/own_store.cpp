#include "cli/data/own_store.h"

#include <fmt/format.h>

#include "store/backup.h"

namespace strongroom::cli {
namespace {

namespace fs = std::filesystem;

Error OfAnother(const store::StoreView& seen) {
  return Error(Errc::kInvalidArgument,
               fmt::format("This database is of another deployment{}. To add this machine to it, use `strongroom "
                           "invite` there and `strongroom join` here, with a new data directory.",
                           seen.account.empty() ? "" : fmt::format(" (account {})", seen.account)));
}

bool HasEntries(const fs::path& directory) {
  std::error_code failed;
  return fs::exists(directory, failed) && !fs::is_empty(directory, failed) && !failed;
}

}  // namespace

Status RequireOwnStore(const DataDirectory& data, const Settings& settings) {
  SR_TRY(const std::string host_id, data.HostId());
  SR_TRY(const store::StoreView seen, store::LookAt(data.StoreOf(settings), host_id));
  std::error_code failed;
  const bool joined = fs::exists(data.service() / "invited-by.crt", failed);
  if (seen.has_deployment) {
    // SQLite's file lies in the directory itself. A machine that has joined this deployment and is not known was
    // removed before it was let in, which strongroomd says.
    if (settings.store.empty() || seen.knows_host || (joined && seen.account == settings.account_id)) return {};
    return OfAnother(seen);
  }
  const bool served = HasEntries(data.hsm()) || HasEntries(data.service() / "audit");
  if (!served && !joined) return {};
  return Error(Errc::kInvalidArgument,
               fmt::format("This database is empty, but this machine has {} before: is it the right one? Nothing was "
                           "made in it.",
                           served ? "served" : "joined a deployment"));
}

Result<std::unique_ptr<store::Database>> OpenOwnStore(const DataDirectory& data, const Settings& settings) {
  SR_CHECK(RequireOwnStore(data, settings));
  return store::Database::Open(data.StoreOf(settings));
}

Status RequireNoDeployment(const store::Config& store) {
  const auto seen = store::LookAt(store, "");
  if (!seen.ok()) return seen.error().code() == Errc::kUnavailable ? Status() : Status(seen.error());
  return seen->has_deployment ? Status(OfAnother(*seen)) : Status();
}

Status RequireDeploymentToJoin(const store::Config& store) {
  SR_TRY(const store::StoreView seen, store::LookAt(store, ""));
  if (seen.has_deployment) return {};
  return Error(Errc::kInvalidArgument,
               "There is no deployment in this database: is it the one that the inviting machine works on? Nothing was "
               "made in it.");
}

}  // namespace strongroom::cli
