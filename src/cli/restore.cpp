#include "cli/restore.h"

#include <fmt/format.h>
#include <unistd.h>

#include <system_error>

#include "base/file.h"
#include "base/log.h"
#include "cli/client_package.h"
#include "crypto/certificate.h"
#include "recovery/backup_file.h"
#include "recovery/current_key.h"
#include "recovery/maintenance.h"
#include "recovery/recovery_key.h"
#include "recovery/rehouse.h"

namespace strongroom::cli {
namespace {

namespace fs = std::filesystem;

/// Removes what a restoration that failed has made.
class Undo {
 public:
  explicit Undo(fs::path root) : root_(std::move(root)) {}
  Undo(const Undo&) = delete;
  Undo& operator=(const Undo&) = delete;
  ~Undo() {
    std::error_code ignored;
    if (!keep_) fs::remove_all(root_, ignored);
  }
  void Keep() noexcept { keep_ = true; }

 private:
  fs::path root_;
  bool keep_ = false;
};

Status RequireEmpty(const fs::path& directory) {
  std::error_code failed;
  if (!fs::exists(directory, failed)) return {};
  if (fs::is_directory(directory, failed) && fs::is_empty(directory, failed)) return {};
  return Error(Errc::kAlreadyExists,
               directory.string() + " is not empty. A backup is restored into a new directory; nothing was changed.");
}

/// Takes the directory for a restoration, with its lock: a new or empty one, or what an interrupted one has left, which
/// is cleared. From here on it counts as unfinished.
Result<int> Take(const DataDirectory& data) {
  std::error_code failed;
  fs::create_directories(data.root(), failed);
  if (failed) return FileError("make", data.root(), failed.value());
  SR_TRY(const int lock, data.Lock());
  std::vector<fs::path> left;
  for (const auto& entry : fs::directory_iterator(data.root(), failed))
    if (entry.path().filename() != "lock" && entry.path() != data.unfinished_restore()) left.push_back(entry.path());
  // Since RestoreDeployment looked somebody may have made a deployment here.
  Status marked = data.RequireWhole().ok() && !left.empty() ? RequireEmpty(data.root()) : Status();
  if (marked.ok()) {
    for (const fs::path& path : left) fs::remove_all(path, failed);
    marked = WriteFileAtomically(data.unfinished_restore(), "", 0644);
  }
  if (!marked.ok()) ::close(lock);
  SR_CHECK(marked);
  return lock;
}

Status DropRootKeys(store::Transaction& t, const std::string& account_id) {
  SR_CHECK(t.Execute("DELETE FROM deployment WHERE name = $1", {store::Text("root-key-delivered/" + account_id)}));
  SR_CHECK(t.Execute("DELETE FROM access_keys WHERE account_id = $1 AND principal_arn = $2",
                     {store::Text(account_id), store::Text("arn:aws:iam::" + account_id + ":root")}));
  return {};
}

Result<proto::HsmStatus> RestoreDomain(const DataDirectory& data, store::Database& database,
                                       const cloudhsm::HsmRow& hsm, const crypto::PrivateKey& recovery_key) {
  SR_TRY(const std::string pem, ReadFile(data.service() / "front-end.crt"));
  SR_TRY(const crypto::Certificate front_end, crypto::Certificate::FromPem(pem));
  const recovery::MaintainedHsm maintained{data.host(), data.hsm(), ProgramDirectory() / "strongroom-hsm",
                                           hsm.host_id, hsm.hsm_id, hsm.cluster_id,
                                           hsm.eni_ip,  hsm.zone};
  proto::Control question;
  proto::RestoreCluster& restore = *question.mutable_restore_cluster();
  restore.set_cluster_id(hsm.cluster_id);
  restore.mutable_self()->set_hsm_id(hsm.hsm_id);
  restore.mutable_self()->set_address(hsm.eni_ip);
  restore.mutable_self()->set_zone(hsm.zone);
  restore.set_domain(true);
  restore.set_front_end_public_key(std::string(AsText(front_end.public_key_spki())));
  restore.set_front_end_name("front-end");
  SR_TRY(const proto::Control answer,
         recovery::AskInMaintenance(maintained, database, std::move(question), recovery_key));
  return answer.hsm_status();
}

}  // namespace

Result<Restored> RestoreDeployment(const RestorePlan& plan, const crypto::PrivateKey& recovery_key) {
  DataDirectory data{plan.data};
  if (data.RequireWhole().ok()) SR_CHECK(RequireEmpty(plan.data));
  SR_TRY(const auto reader, recovery::BackupReader::Open(plan.backup));
  const recovery::BackupHeader& header = reader->header();
  if (!plan.replaced_key && recovery::Fingerprint(recovery_key.public_key()) != header.recovery_key)
    return Error(Errc::kUntrusted, fmt::format("The backup is restored with recovery key {}, and this is {}.",
                                               header.recovery_key.substr(0, 16),
                                               recovery::Fingerprint(recovery_key.public_key()).substr(0, 16)));
  if (reader->rows() == 0)
    return Error(Errc::kInvalidArgument,
                 plan.backup.string() +
                     " has nothing in it: it was taken before the deployment was first started. "
                     "Nothing was changed.");
  SR_TRY(const int lock, Take(data));
  Undo undo(data.root());
  InitOptions init;
  init.listen = plan.listen;
  init.account_id = header.account_id;
  init.region = header.region;
  init.postgresql = plan.postgresql;
  init.network_prefix = header.network_prefix;
  init.recovery_key = [&]() -> Result<crypto::PublicKey> { return recovery_key.public_key(); };
  SR_CHECK(data.Init(init));
  SR_TRY(const Settings settings, LoadSettings(data.settings()));
  SR_TRY(const std::string host_id, data.HostId());
  const store::Config store = data.StoreOf(settings);
  SR_CHECK(store::ImportTables(store, header.schema_version, *reader));
  SR_TRY(const auto database, store::Database::Open(store));
  const recovery::NewHome home{host_id, settings.network_prefix};
  SR_TRY(const cloudhsm::HsmRow hsm, database->Transact([&](store::Transaction& t) -> Result<cloudhsm::HsmRow> {
    if (plan.new_root_key) SR_CHECK(DropRootKeys(t, settings.account_id));
    SR_CHECK(recovery::EndReplacing(t, recovery_key.public_key()));
    return recovery::Rehouse(t, home);
  }));
  const auto opened = RestoreDomain(data, *database, hsm, recovery_key);
  if (!opened.ok() && opened.error().code() == Errc::kCorrupted && !plan.replaced_key)
    return Error(Errc::kCorrupted,
                 opened.error().public_message() +
                     " If the recovery key was replaced before the backup was taken, say it with the new key and "
                     "--replaced-key.");
  SR_TRY(const proto::HsmStatus status, opened);
  SR_CHECK(database->Transact([&](store::Transaction& t) { return recovery::NoteRestored(t, hsm); }));
  std::error_code failed;
  if (!fs::remove(data.unfinished_restore(), failed))
    return FileError("remove", data.unfinished_restore(), failed.value());
  undo.Keep();
  ::close(lock);
  return Restored{reader->rows(), header.created_millis, status.epoch(), hsm.cluster_id, settings.account_id};
}

}  // namespace strongroom::cli
