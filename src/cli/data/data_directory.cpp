#include "cli/data/data_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "base/file.h"
#include "base/log.h"
#include "cli/data/network.h"
#include "cli/data/tls_material.h"
#include "cli/process/process_table.h"
#include "hsm_host/host_directory.h"
#include "recovery/current_key.h"
#include "recovery/recovery_key.h"
#include "store/backup.h"

namespace strongroom::cli {
namespace fs = std::filesystem;

namespace {
constexpr std::chrono::milliseconds kLockPause{100}, kLockPatience{60'000};
}  // namespace

DataDirectory::DataDirectory(const fs::path& root) : root_(fs::absolute(root).lexically_normal()) {
  if (!root_.has_filename()) root_ = root_.parent_path();
}

bool DataDirectory::initialised() const { return fs::exists(settings()); }

Status DataDirectory::RequireWhole() const {
  std::error_code ignored;
  if (!fs::exists(unfinished_restore(), ignored)) return {};
  return Error(Errc::kInvalidState,
               fmt::format("A restoration into {} was interrupted, and what is there is not whole. Say `strongroom "
                           "restore FILE --data {}` again, which begins anew.",
                           root_.string(), root_.string()));
}

Result<crypto::PublicKey> DataDirectory::RecoveryKey(const Settings& settings) const {
  const store::Config store = StoreOf(settings);
  // Opening the store of no deployment would make one.
  const Status there = store::RequireDeployment(store);
  if (!there.ok() && there.error().code() == Errc::kNotFound) return recovery::LoadPublic(recovery_public_key());
  SR_CHECK(there);
  SR_TRY(const auto database, store::Database::Open(store));
  return database->Read([&](store::Transaction& t) { return recovery::CurrentKey(t, recovery_public_key()); });
}

std::vector<fs::path> DataDirectory::parts() const { return {tls(), service(), host(), hsm(), client(), run()}; }

Status DataDirectory::RequireNothingElse() const {
  if (initialised()) return {};
  std::error_code ignored;
  const auto holds = [&](const fs::path& part) {
    if (!fs::exists(fs::symlink_status(part, ignored))) return false;
    return !fs::is_directory(part, ignored) || fs::is_symlink(part, ignored) || !fs::is_empty(part, ignored);
  };
  std::vector<fs::path> telling;
  if (fs::exists(unfinished_settings(), ignored) || fs::exists(unfinished_first_start(), ignored)) {
    // No Init makes these: whatever the settings are called, it has served.
    telling = {hsm(), service() / "audit", service() / "strongroom.sqlite"};
  } else {
    telling = parts();
    telling.insert(telling.end(),
                   {development_recovery_key(), recovery_public_key(), root_access_key(), last_backup()});
  }
  std::string found;
  for (const fs::path& path : telling)
    if (holds(path)) found += (found.empty() ? "" : ", ") + path.lexically_relative(root_).string();
  if (found.empty()) return {};
  return Error(
      Errc::kInvalidState,
      fmt::format("{} has {}, but no strongroom.toml. If this is a deployment, all that it needs is that file: "
                  "put it back. For a new deployment choose another directory. Nothing was changed.",
                  root_.string(), found));
}

std::vector<fs::path> DataDirectory::replaced_root_access_keys() const {
  std::vector<fs::path> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(root_, ignored))
    if (entry.path().filename().string().starts_with("root-access-key.json.replaced")) found.push_back(entry.path());
  return found;
}

fs::path DataDirectory::next_replaced_root_access_key() const {
  const fs::path first = root_ / "root-access-key.json.replaced";
  std::error_code ignored;
  fs::path free = first;
  for (int number = 2; fs::exists(free, ignored); ++number) free = first.string() + "-" + std::to_string(number);
  return free;
}

Result<Settings> DataDirectory::Load() const {
  SR_CHECK(RequireWhole());
  SR_CHECK(RequireNothingElse());
  if (!initialised())
    return Error(Errc::kNotFound,
                 fmt::format("{} is no Strongroom data directory. Start one with `strongroom serve --data {}`.",
                             root_.string(), root_.string()));
  return LoadSettings(settings());
}

Status DataDirectory::Init(const InitOptions& options) {
  if (initialised()) return Error(Errc::kAlreadyExists, fmt::format("{} is initialised already.", root_.string()));
  SR_CHECK(RequireNothingElse());
  std::error_code failed;
  fs::create_directories(root_, failed);
  if (failed) return FileError("make", root_, failed.value());

  Settings made;
  if (!options.network_prefix.empty() && IsFreeNetwork(options.network_prefix)) {
    made.network_prefix = options.network_prefix;
  } else {
    SR_TRY(made.network_prefix, PickLoopbackNetwork());
  }
  made.https_address = made.network_prefix + ".1";
  if (options.listen) {
    made.https_address = options.listen->address;
    made.https_port = options.listen->port;
  }
  made.region = options.region;
  made.store = options.postgresql;
  made.account_id = options.account_id;
  if (made.account_id.empty()) {
    made.account_id = std::to_string(1 + randombytes_uniform(9));
    while (made.account_id.size() < 12) made.account_id += std::to_string(randombytes_uniform(10));
  }
  // What an interrupted Init left is made anew: nothing of it was in use, as long as the settings have this name.
  const fs::path unfinished = options.first_start ? unfinished_first_start() : unfinished_settings();
  SR_CHECK(SaveSettings(unfinished, made));
  for (const fs::path& part : parts()) fs::remove_all(part, failed);
  for (const fs::path& file : {development_recovery_key(), recovery_public_key()}) fs::remove(file, failed);
  for (const fs::path& part : parts()) SR_CHECK(MakeDirectory(part, 0755, 0));
  if (options.shared) SR_CHECK(options.shared(*this));
  SR_CHECK(MakeHttpsMaterial(tls(), {made.https_address, made.network_prefix + ".1"}));
  SR_CHECK(MakeFrontEndIdentity(service(), "front-end"));
  SR_CHECK(hsm_host::InitHostDirectory(host()));
  SR_TRY(const std::string front_end, ReadFile(service() / "front-end.crt"));
  SR_CHECK(MakeDirectory(host() / "front-ends", 0755, 0));
  SR_CHECK(WriteFileAtomically(host() / "front-ends" / "front-end.pem", front_end, 0644));
  const auto for_development = [this] {
    return recovery::MakeRecoveryKey({.file = development_recovery_key()}, std::nullopt);
  };
  SR_TRY(const crypto::PublicKey recovery_key, options.recovery_key ? options.recovery_key() : for_development());
  SR_CHECK(WriteFileAtomically(recovery_public_key(), recovery::PublicPem(recovery_key), 0644));
  if (options.last) SR_CHECK(options.last(*this, made));
  // Last: a directory with settings is complete.
  fs::rename(unfinished, settings(), failed);
  if (failed) return FileError("rename", unfinished, failed.value());
  for (const fs::path& older : {unfinished_settings(), unfinished_first_start()}) fs::remove(older, failed);
  const int directory = ::open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = directory >= 0 && ::fsync(directory) == 0;
  const int error_number = errno;
  if (directory >= 0) ::close(directory);
  return synced ? Status() : FileError("sync", root_, error_number);
}

store::Config DataDirectory::StoreOf(const Settings& settings) const {
  store::Config config;
  config.sqlite_path = service() / "strongroom.sqlite";
  if (!settings.store.empty()) {
    config.engine = store::Config::Engine::kPostgres;
    config.conninfo = settings.store;
    config.postgres_connections = 1;
  }
  return config;
}

Result<std::string> DataDirectory::HostId() const {
  SR_TRY(std::string host_id, ReadFile(host() / "host-id"));
  while (!host_id.empty() && (host_id.back() == '\n' || host_id.back() == ' ')) host_id.pop_back();
  return host_id;
}

Status DataDirectory::ApplyOwnership() const {
  if (::geteuid() != 0) return {};
  // Traversable, not listable: the service users reach their own parts by name.
  if (::chmod(root_.c_str(), 0711) != 0) return FileError("change the mode of", root_, errno);
  for (fs::path up = root_.parent_path(); up != up.root_path(); up = up.parent_path()) {
    struct stat info {};
    if (::stat(up.c_str(), &info) != 0) return FileError("look at", up, errno);
    if ((info.st_mode & S_IXOTH) == 0)
      return Error(Errc::kPermission,
                   fmt::format("{} cannot be entered by the users that Strongroom's processes run as. Choose another "
                               "--data directory, or `chmod o+x {}`.",
                               up.string(), up.string()));
  }
  std::error_code failed;
  for (const auto& entry : fs::recursive_directory_iterator(service(), failed))
    SR_CHECK(GiveTo(entry.path(), kServiceUser));
  SR_CHECK(MakeDirectory(service(), 0700, kServiceUser));
  SR_CHECK(GiveTo(tls() / "server.key", kServiceUser));
  return {};
}

Result<int> DataDirectory::LockNew() const {
  if (initialised()) return Error(Errc::kAlreadyExists, fmt::format("{} is initialised already.", root_.string()));
  SR_CHECK(RequireNothingElse());
  std::error_code failed;
  fs::create_directories(root_, failed);
  if (failed) return FileError("make", root_, failed.value());
  return Lock();
}

Result<int> DataDirectory::Lock() const {
  const fs::path file = root_ / "lock";
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return FileError("open", file, errno);
  for (int tries = 0; ::flock(fd, LOCK_EX | LOCK_NB) != 0; ++tries) {
    char holder[32] = {};
    const ssize_t n = ::pread(fd, holder, sizeof holder - 1, 0);
    const pid_t pid = n > 0 ? static_cast<pid_t>(std::strtol(holder, nullptr, 10)) : 0;
    // A killed `serve` leaves children that hold the lock until they have stopped, for which they have as long as in
    // any stop.
    const bool alive = pid > 0 && !ProcessTree(pid).empty();  // nor a zombie
    if (!alive && tries == 20) log::Warn("waiting for the processes of a `strongroom serve` that was killed to end");
    if (alive || tries * kLockPause >= kLockPatience) {
      ::close(fd);
      return Error(Errc::kConflict, fmt::format("{} is in use by another `strongroom serve`{}. Stop that one first, or "
                                                "choose another --data directory.",
                                                root_.string(), pid > 0 ? fmt::format(" (process {})", pid) : ""));
    }
    std::this_thread::sleep_for(kLockPause);
  }
  const std::string own = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, own.data(), own.size(), 0) != static_cast<ssize_t>(own.size())) {
    const int error_number = errno;
    ::close(fd);
    return FileError("write", file, error_number);
  }
  return fd;
}

}  // namespace strongroom::cli
