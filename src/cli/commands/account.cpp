// The deployment's accounts and their root access keys.
#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sodium.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <cstdio>
#include <memory>
#include <utility>

#include "base/file.h"
#include "base/log.h"
#include "cli/api_client.h"
#include "cli/commands/all.h"
#include "cli/data/data_directory.h"
#include "cli/data/own_store.h"
#include "secret/secret_vector.h"
#include "store/database.h"

namespace strongroom::cli {
namespace {

namespace json = boost::json;

struct AccountOptions {
  std::string data, name, id, key_file;
};

void WipeSecret(json::object& object) {
  json::value* value = object.if_contains("SecretAccessKey");
  if (value == nullptr || !value->is_string()) return;
  secret::Wipe(value->get_string().data(), value->get_string().size());
}

/// The key's file, made before there is a key: one that cannot be written down would be lost. Goes again unless it is
/// filled.
class KeyFile {
 public:
  static Result<KeyFile> Make(std::filesystem::path path) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST)
      return Error(Errc::kAlreadyExists, path.string() + " exists already and is not overwritten.");
    if (fd < 0) return FileError("make", path, errno);
    KeyFile made(fd, std::move(path));
    SR_CHECK(made.Write(std::string(kMostBytes, ' ')));
    return made;
  }
  KeyFile(KeyFile&& from) noexcept : fd_(std::exchange(from.fd_, -1)), path_(std::move(from.path_)) {}
  KeyFile& operator=(KeyFile&&) = delete;
  ~KeyFile() {
    if (fd_ < 0) return;
    ::close(fd_);
    if (!filled_) ::unlink(path_.c_str());
  }

  /// The space is there since Make. Errors: kInvalidArgument, the disk's.
  Status Fill(std::string_view text) {
    if (text.size() > kMostBytes) return Error(Errc::kInvalidArgument, "The service's answer is too long.");
    filled_ = true;
    SR_CHECK(Write(text));
    if (::ftruncate(fd_, static_cast<off_t>(text.size())) != 0 || ::fsync(fd_) != 0)
      return FileError("write", path_, errno);
    return {};
  }

 private:
  static constexpr std::size_t kMostBytes = 4096;
  KeyFile(int fd, std::filesystem::path path) : fd_(fd), path_(std::move(path)) {}

  Status Write(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
      const ssize_t written = ::pwrite(fd_, text.data() + at, text.size() - at, static_cast<off_t>(at));
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return FileError("write", path_, errno);
      at += static_cast<std::size_t>(written);
    }
    const auto folder = path_.has_parent_path() ? path_.parent_path() : std::filesystem::path(".");
    const int parent = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool synced = parent >= 0 && ::fsync(fd_) == 0 && ::fsync(parent) == 0;
    const int why = errno;
    if (parent >= 0) ::close(parent);
    if (!synced) return FileError("write", path_, why);
    return {};
  }

  int fd_;
  bool filled_ = false;
  std::filesystem::path path_;
};

/// The first digit is not 0, so that tools that take the id for a number do not shorten it.
std::string DrawAccountId() {
  std::string id(1, static_cast<char>('1' + randombytes_uniform(9)));
  while (id.size() < 12) id += static_cast<char>('0' + randombytes_uniform(10));
  return id;
}

/// Has the service make an account's root access key and writes it down. Whatever becomes of the answer, `id` is known.
Status MakeRootKey(ApiClient& api, const Settings& settings, std::string_view operation, const json::object& body,
                   const std::string& id, KeyFile& file) {
  const auto unsure = [&id](const Error& error) {
    return Error(error.code(), fmt::format("{} This was about account {}: should `strongroom account list` show it, "
                                           "`strongroom account reset-root --id {}` makes its root access key anew.",
                                           error.public_message(), id, id))
        .WithDetail(error.detail());
  };
  auto answered = api.Strongroom(operation, settings.region, body);
  if (!answered.ok()) return unsure(answered.error());
  std::string text = json::serialize(*answered) + "\n";
  const Status written = file.Fill(text);
  secret::Wipe(text.data(), text.size());
  WipeSecret(*answered);
  if (!written.ok()) return unsure(written.error());
  return {};
}

Status CreateAccount(const AccountOptions& options) {
  const DataDirectory data{options.data};
  SR_TRY(const Settings settings, data.Load());
  log::OnlyFrom(log::Level::kWarn);
  SR_TRY(ApiClient api, ApiClient::Open(data, settings));
  SR_TRY(KeyFile file, KeyFile::Make(options.key_file));
  const std::string id = options.id.empty() ? DrawAccountId() : options.id;
  const json::object body{{"Name", options.name}, {"AccountId", id}};
  SR_CHECK(MakeRootKey(api, settings, "CreateAccount", body, id, file));
  std::printf("Account %s is made; its root access key is in %s.\n", id.c_str(), options.key_file.c_str());
  return {};
}

Status ListAccounts(const AccountOptions& options) {
  const DataDirectory data{options.data};
  SR_TRY(const Settings settings, data.Load());
  log::OnlyFrom(log::Level::kWarn);
  SR_TRY(const auto database, OpenOwnStore(data, settings));
  auto read = [](store::Transaction& t) {
    return t.Query(
        "SELECT a.account_id, a.name, a.created_at, (SELECT COUNT(*) FROM access_keys k WHERE k.account_id = "
        "a.account_id AND k.principal_id = a.account_id AND k.status = 'Active') FROM accounts a ORDER BY "
        "a.account_id");
  };
  SR_TRY(const store::Rows rows, database->Read(read));
  for (const store::Row& row : rows) {
    const std::chrono::sys_seconds made(std::chrono::seconds(row.Int(2) / 1000));
    fmt::print("{}  {:%Y-%m-%dT%H:%M:%SZ}  root keys: {}  {}{}\n", row.Text(0), fmt::gmtime(made), row.Int(3),
               row.Text(1), row.Text(0) == settings.account_id ? "  (the deployment's own)" : "");
  }
  return {};
}

Status Seal(const std::filesystem::path& file) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return FileError("seal", file, errno);
  // Overwritten before it is unlinked; on a journalling disk that is a courtesy, not a promise.
  const std::string blank(4096, '\n');
  const bool wiped =
      ::pwrite(fd, blank.data(), blank.size(), 0) == static_cast<ssize_t>(blank.size()) && ::fsync(fd) == 0;
  ::close(fd);
  if (!wiped || ::unlink(file.c_str()) != 0) return FileError("seal", file, errno);
  std::printf("Sealed: %s is gone. The key itself stays valid for whoever has a copy.\n", file.c_str());
  return {};
}

Status SealRoot(const AccountOptions& options) {
  const DataDirectory data{options.data};
  SR_TRY(const Settings settings, data.Load());
  bool any = false;
  auto files = data.replaced_root_access_keys();
  files.push_back(data.root_access_key());
  for (const auto& file : files) {
    if (!std::filesystem::exists(file)) continue;
    SR_CHECK(Seal(file));
    any = true;
  }
  if (!any) std::printf("The root access key of account %s is sealed already.\n", settings.account_id.c_str());
  return {};
}

/// Of an account whose root has no key any more: the service does it at once.
Status ResetOther(const AccountOptions& options, const DataDirectory& data, const Settings& settings) {
  if (options.key_file.empty())
    return Error(Errc::kInvalidArgument, "The new root access key of account " + options.id + " needs a --key-file.");
  SR_TRY(ApiClient api, ApiClient::Open(data, settings));
  SR_TRY(KeyFile file, KeyFile::Make(options.key_file));
  const json::object body{{"AccountId", options.id}};
  SR_CHECK(MakeRootKey(api, settings, "ResetRootKey", body, options.id, file));
  std::printf("The root access keys of account %s are deleted; its new one is in %s.\n", options.id.c_str(),
              options.key_file.c_str());
  return {};
}

Status ResetRoot(const AccountOptions& options) {
  const DataDirectory data{options.data};
  SR_TRY(const Settings settings, data.Load());
  log::OnlyFrom(log::Level::kWarn);
  if (!options.id.empty() && options.id != settings.account_id) return ResetOther(options, data, settings);
  if (!options.key_file.empty()) {
    return Error(Errc::kInvalidArgument, "The root access key of account " + settings.account_id + " goes to " +
                                             data.root_access_key().string() + ", not to a --key-file.");
  }
  SR_TRY(const auto database, OpenOwnStore(data, settings));
  auto forget = [&](store::Transaction& t) {
    return t.Execute("DELETE FROM deployment WHERE name = $1",
                     {store::Text("root-key-delivered/" + settings.account_id)});
  };
  SR_CHECK(database->Transact(forget));
  std::printf(
      "When `strongroom serve` starts next, it deletes the root access keys of account %s and writes a new one to "
      "%s. Keys of users stay.\n",
      settings.account_id.c_str(), data.root_access_key().c_str());
  return {};
}

std::function<Status()> DeclareAccount(CLI::App& app) {
  auto options = std::make_shared<AccountOptions>();
  auto action = std::make_shared<std::function<Status()>>();
  app.require_subcommand(1);
  const auto add = [&](const char* name, const char* summary, Status (*run)(const AccountOptions&)) {
    CLI::App* sub = app.add_subcommand(name, summary);
    sub->add_option("--data", options->data, "The data directory")->required();
    sub->callback([action, options, run] { *action = [options, run] { return run(*options); }; });
    return sub;
  };
  CLI::App* create = add("create", "Make an account and its root access key; the service must run", &CreateAccount);
  create->add_option("--name", options->name, "What the account is called, 1 to 50 characters")->required();
  create->add_option("--id", options->id, "Its 12 digits; drawn at random when absent");
  create->add_option("--key-file", options->key_file, "Where its root access key is written, for its owner alone")
      ->required();
  add("list", "Show the deployment's accounts", &ListAccounts);
  add("seal-root", "Remove the root access key from the data directory", &SealRoot);
  CLI::App* reset =
      add("reset-root", "Have a new root access key made in the place of all that an account's root has", &ResetRoot);
  reset->add_option("--id", options->id,
                    "The account, by the running service at once; when absent the deployment's own, by the next start");
  reset->add_option("--key-file", options->key_file, "With --id: where the key is written, for its owner alone");
  return [action] { return (*action)(); };
}

}  // namespace

const Command op::account = {"account", "Accounts and their root access keys", &DeclareAccount};

}  // namespace strongroom::cli
