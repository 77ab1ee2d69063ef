#include "cmu/mgmt_util.h"

#include <fmt/format.h>
#include <strings.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdio>
#include <fstream>

#include "base/log.h"
#include "cluster.pb.h"
#include "cmu/commands/all.h"
#include "secret/hardening.h"

namespace strongroom::cmu {
namespace {

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

/// The command that `word` names, exactly or by an unambiguous prefix; prints why there is none.
const Command* FindCommand(std::string_view word) {
  const std::string wanted = Lower(word);
  std::vector<const Command*> matches;
  for (const Command* command : kAllRows) {
    const std::string name = Lower(command->name);
    if (name == wanted) return command;
    if (name.starts_with(wanted)) matches.push_back(command);
  }
  if (matches.size() == 1) return matches[0];
  if (matches.empty()) {
    fmt::print("'{}' is not a command; `help` lists them.\n", word);
  } else {
    fmt::print("'{}' could mean", word);
    for (const Command* command : matches) fmt::print(" {}", command->name);
    fmt::print(".\n");
  }
  return nullptr;
}

}  // namespace

std::string_view TypeName(proto::UserType type) noexcept {
  switch (type) {
    case proto::CU: return "CU";
    case proto::CO: return "CO";
    case proto::AU: return "AU";
    case proto::PRECO: return "PRECO";
    default: return "?";
  }
}

bool LoggedInAs(const Server& server, proto::UserType type, const std::string& name) {
  return ::strcasecmp(server.logged_in_as.c_str(), fmt::format("{}({})", name, TypeName(type)).c_str()) == 0;
}

std::optional<std::uint32_t> NumberIn(std::string_view word) noexcept {
  std::uint32_t number = 0;
  const auto [end, failed] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (failed != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return number;
}

bool SaveAnswers(std::string_view name, std::string_view file, const std::string& text) {
  if (text.empty()) return true;
  std::ofstream out{std::string(file)};
  out << text;
  out.close();
  if (out) return true;
  fmt::print("{} failed: {} could not be written.\n", name, file);
  return false;
}

std::string HsmErrorText(const Error& error) {
  switch (error.code()) {
    case Errc::kLoginFailed: return "HSM Error: RET_USER_LOGIN_FAILURE";
    case Errc::kUserNotFound: return "HSM Error: user isn't initialized or user with this name doesn't exist";
    case Errc::kPermission: return "HSM Error: Key Access is denied or the user's type does not allow this";
    case Errc::kUnavailable: return "HSM Error: " + error.public_message();
    default: return "HSM Error: " + error.public_message();
  }
}

bool MgmtUtil::ConnectAll() {
  std::puts("Connecting to the server(s), it may take time\ndepending on the server(s) load, please wait...\n");
  std::vector<proto::Member> members;
  const auto connect = [&](Server& server) {
    fmt::print("Connecting to server '{}': hostname '{}', port {}...\n", server.name, server.hostname, server.port);
    std::fflush(stdout);
    const Status status = Connect(server);
    if (!status.ok()) {
      fmt::print("Connection to server '{}' failed: {}\n", server.name, status.error().public_message());
      return;
    }
    fmt::print("Connected to server '{}': hostname '{}', port {}.\n", server.name, server.hostname, server.port);
    const auto info = server.connection->Call<proto::GetInfoReply>(wire::Command::kGetInfo, proto::GetInfoRequest());
    if (info.ok()) members.assign(info->reply.members().begin(), info->reply.members().end());
  };
  for (Server& server : servers_) connect(server);
  // The cluster knows its members better than a file does.
  const std::size_t listed = servers_.size();
  for (const proto::Member& member : members) {
    const bool known = std::any_of(servers_.begin(), servers_.end(),
                                   [&](const Server& server) { return server.hostname == member.address(); });
    if (known) continue;
    Server server;
    server.name = server.hostname = member.address();
    server.port = servers_[0].port;
    server.files = servers_[0].files;
    connect(server);
    servers_.push_back(std::move(server));
  }
  if (servers_.size() > listed)
    fmt::print("The configuration lists {} of {} HSMs; connected to the others too.\n", listed, servers_.size());
  std::puts("");
  std::erase_if(servers_, [](const Server& server) { return server.connection == nullptr; });
  return !servers_.empty();
}

std::vector<Server*> MgmtUtil::Targets(Order order) {
  std::vector<Server*> targets;
  for (std::size_t i = 0; i < servers_.size(); ++i)
    if (!server_mode_ || *server_mode_ == i) targets.push_back(&servers_[i]);
  const auto logged_in = [](const Server* server) {
    return server->connection->open() && !server->logged_in_as.empty();
  };
  if (order == Order::kLoggedInFirst) std::stable_partition(targets.begin(), targets.end(), logged_in);
  return targets;
}

std::size_t MgmtUtil::IndexOf(const Server& server) const noexcept {
  return static_cast<std::size_t>(&server - servers_.data());
}

Result<SecretBuffer> MgmtUtil::PasswordArgument(std::string_view word) {
  if (word == "-hpswd") return input_->Password("Enter password:");
  return SecretBuffer::CopyOf(AsBytes(word));
}

std::optional<proto::UserType> MgmtUtil::UserTypeArgument(std::string_view word) {
  if (word == "CO" || word == "PCO") return proto::CO;
  if (word == "CU") return proto::CU;
  if (word == "PRECO") return proto::PRECO;
  if (word == "AU") return proto::AU;
  fmt::print("'{}' is not a user type; use CO, CU or PRECO.\n", word);
  return std::nullopt;
}

bool MgmtUtil::ForEach(std::string_view name, const std::function<Status(Server&)>& act, std::string_view failed_line,
                       Order order) {
  bool all = true;
  for (Server* server : Targets(order)) {
    Status status = EnsureConnected(*server);
    if (status.ok()) status = act(*server);
    // The HSM may have ended the login by itself, as when another tool changes the password.
    if (!status.ok() && status.error().code() == Errc::kNotLoggedIn) server->logged_in_as.clear();
    if (status.ok()) {
      fmt::print("{} success on server {}({})\n", name, IndexOf(*server), server->Label());
    } else {
      all = false;
      fmt::print("{} failed: {}\n", name, HsmErrorText(status.error()));
      fmt::print(fmt::runtime(failed_line), fmt::arg("name", name), fmt::arg("n", IndexOf(*server)),
                 fmt::arg("server", server->Label()));
      std::puts("");
    }
    std::fflush(stdout);
  }
  return all;
}

bool MgmtUtil::RunLine(const std::vector<std::string_view>& words) {
  const Command* command = FindCommand(words[0]);
  if (command == nullptr) return false;
  const std::vector<std::string_view> arguments(words.begin() + 1, words.end());
  if (arguments.size() < command->min_arguments || arguments.size() > command->max_arguments) {
    fmt::print("Usage: {} {}\n", command->name, command->usage);
    return false;
  }
  return command->run(*this, arguments);
}

int MgmtUtil::Loop() {
  while (!quit_) {
    const std::string prompt = server_mode_ ? fmt::format("server{}>", *server_mode_) : "aws-cloudhsm>";
    const auto line = input_->Line(prompt);
    if (!line.ok() && line.error().code() == Errc::kCancelled) break;
    if (!line.ok()) {
      fmt::print("{}\n", line.error().public_message());
      all_succeeded_ = false;
      continue;
    }
    const auto words = line->Words();
    if (words.empty()) continue;
    if (!RunLine(words)) all_succeeded_ = false;
    std::fflush(stdout);
  }
  if (!quit_) std::puts("disconnecting from servers, please wait...");
  // A person sees each failure; a script needs the exit status.
  return input_->interactive() || all_succeeded_ ? 0 : 1;
}

int MgmtUtilMain(int argc, char** argv) {
  (void)secret::DisableCoreDumps();
  InitLog("cloudhsm_mgmt_util", "off");
  const ClientHome home = ClientHome::Find();
  std::filesystem::path config = home.mgmt_config();
  std::vector<std::string_view> batch;
  int at = 1;
  if (at < argc && (std::string_view(argv[at]) == "--help" || std::string_view(argv[at]) == "-h")) {
    fmt::print(
        "Usage: cloudhsm_mgmt_util [CONFIG] [singlecmd loginHSM TYPE USER PASSWORD COMMAND ...]\n\n"
        "Manages the users of a CloudHSM cluster. CONFIG defaults to {}\n"
        "(written by `configure -a HSM_IP`). Commands are read from the terminal or from a pipe; `help` lists them.\n"
        "With singlecmd, prompts are answered y. A password of -hpswd is asked for without echo.\n",
        config.string());
    return 0;
  }
  if (at < argc && std::string_view(argv[at]) != "singlecmd") config = argv[at++];
  if (at < argc) {
    if (std::string_view(argv[at]) != "singlecmd" || argc - at < 2) {
      fmt::print(stderr, "cloudhsm_mgmt_util: '{}' is not understood; see --help.\n", argv[at]);
      return 2;
    }
    for (++at; at < argc; ++at) batch.emplace_back(argv[at]);
  }
  auto servers = ReadServers(home, config);
  if (!servers.ok()) {
    fmt::print(stderr, "cloudhsm_mgmt_util: {}\n", servers.error().public_message());
    return 2;
  }
  MgmtUtil util(std::move(*servers), MakeStandardInput(), !batch.empty());
  if (!util.ConnectAll()) {
    fmt::print(stderr, "cloudhsm_mgmt_util: no server could be reached.\n");
    return 3;
  }
  if (batch.empty()) return util.Loop();
  // singlecmd: "loginHSM TYPE USER PASSWORD" first, then one command.
  if (Lower(batch[0]) == "loginhsm" && batch.size() >= 4) {
    if (!util.RunLine({batch.begin(), batch.begin() + 4})) return 4;
    batch.erase(batch.begin(), batch.begin() + 4);
  }
  if (batch.empty()) return 0;
  return util.RunLine(batch) ? 0 : 1;
}

}  // namespace strongroom::cmu
