// The deployment's accounts and their root access keys.
#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <cstdio>
#include <memory>

#include "base/file.h"
#include "base/log.h"
#include "cli/api_client.h"
#include "cli/commands/all.h"
#include "cli/data/data_directory.h"
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

Status CreateAccount(const AccountOptions& options) {
  const DataDirectory data{options.data};
  SR_TRY(const Settings settings, data.Load());
  log::OnlyFrom(log::Level::kWarn);
  // Before anything is made: a key that cannot be written down would be lost.
  const std::filesystem::path file(options.key_file);
  if (std::filesystem::exists(file))
    return Error(Errc::kAlreadyExists, file.string() + " exists already and is not overwritten.");
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
  if (::access(folder.c_str(), W_OK | X_OK) != 0) return FileError("write to", folder, errno);
  auto opened = ApiClient::Open(data, settings);
  if (!opened.ok() && opened.error().code() == Errc::kNotFound) {
    return Error(Errc::kNotFound, "Accounts are made with the root access key of account " + settings.account_id +
                                      ", which is not in the data directory any more; `strongroom account reset-root` "
                                      "has the service make a new one.");
  }
  SR_TRY(ApiClient api, std::move(opened));
  json::object body{{"Name", options.name}};
  if (!options.id.empty()) body["AccountId"] = options.id;
  SR_TRY(json::object answer, api.Strongroom("CreateAccount", settings.region, body));
  std::string text = json::serialize(answer) + "\n";
  const Status written = WriteFileAtomically(file, text, 0600);
  secret::Wipe(text.data(), text.size());
  WipeSecret(answer);
  SR_CHECK(written);
  std::printf("Account %s is made; its root access key is in %s.\n", answer.at("AccountId").as_string().c_str(),
              file.c_str());
  return {};
}

Status ListAccounts(const AccountOptions& options) {
  const DataDirectory data{options.data};
  SR_TRY(const Settings settings, data.Load());
  log::OnlyFrom(log::Level::kWarn);
  SR_TRY(const auto database, store::Database::Open(data.StoreOf(settings)));
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

Status SealRoot(const AccountOptions& options) {
  const DataDirectory data{options.data};
  SR_TRY(const Settings settings, data.Load());
  const auto file = data.root_access_key();
  if (!std::filesystem::exists(file)) {
    std::printf("The root access key of account %s is sealed already.\n", settings.account_id.c_str());
    return {};
  }
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

Status ResetRoot(const AccountOptions& options) {
  const DataDirectory data{options.data};
  SR_TRY(const Settings settings, data.Load());
  log::OnlyFrom(log::Level::kWarn);
  SR_TRY(const auto database, store::Database::Open(data.StoreOf(settings)));
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
  add("reset-root", "Have the next start make a new root access key of the deployment's own account", &ResetRoot);
  return [action] { return (*action)(); };
}

}  // namespace

const Command op::account = {"account", "Accounts and their root access keys", &DeclareAccount};

}  // namespace strongroom::cli
