#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cmu/input.h"
#include "cmu/servers.h"
#include "users.pb.h"

namespace strongroom::cmu {

/// A run of cloudhsm_mgmt_util: the servers, the input, and what every command needs.
class MgmtUtil {
 public:
  MgmtUtil(std::vector<Server> servers, std::unique_ptr<Input> input, bool assume_yes)
      : servers_(std::move(servers)), input_(std::move(input)), assume_yes_(assume_yes) {}

  /// Connects to all servers, and to members of the cluster that the configuration does not list. False when none could
  /// be reached.
  bool ConnectAll();
  /// Reads and runs commands until quit or the end of the input; the process's exit status.
  int Loop();
  /// Runs one command line; false when it failed.
  bool RunLine(const std::vector<std::string_view>& words);
  void Quit() noexcept { quit_ = true; }

  enum class Order : std::uint8_t { kAsConfigured, kLoggedInFirst };
  /// The servers that commands act on: all, or one in server mode.
  std::vector<Server*> Targets(Order order = Order::kAsConfigured);
  std::vector<Server>& servers() noexcept { return servers_; }
  std::size_t IndexOf(const Server& server) const noexcept;
  void EnterServerMode(std::optional<std::size_t> server) noexcept { server_mode_ = server; }
  bool in_server_mode() const noexcept { return server_mode_.has_value(); }

  /// The caution block and "Do you want to continue(y/n)?"; true for y. Answered y by itself in batch use.
  bool Confirm();
  /// The word, or what is typed after "-hpswd".
  Result<SecretBuffer> PasswordArgument(std::string_view word);
  /// "CO", "CU", "PCO", "PRECO", "AU" in that spelling. Prints the error.
  std::optional<proto::UserType> UserTypeArgument(std::string_view word);

  /// Runs `act` on each target, connected anew when its connection was lost, and prints "<name> success on server
  /// n(ip)" or the failure lines of the original.
  bool ForEach(std::string_view name, const std::function<Status(Server&)>& act,
               std::string_view failed_line = "{name} failed on server {n}({server})",
               Order order = Order::kAsConfigured);

 private:
  std::vector<Server> servers_;
  std::unique_ptr<Input> input_;
  std::optional<std::size_t> server_mode_;
  bool assume_yes_ = false;
  bool quit_ = false;
  bool all_succeeded_ = true;
};

/// "CO", "CU", ...: as listings show it.
std::string_view TypeName(proto::UserType type) noexcept;
/// Whether that user is logged in there, as far as this tool knows. The case of a name does not matter to an HSM.
bool LoggedInAs(const Server& server, proto::UserType type, const std::string& name);
/// A number of 32 bits in decimal, as handles and user ids are given; nothing when it is none.
std::optional<std::uint32_t> NumberIn(std::string_view word) noexcept;
/// Writes what a command `name` was answered to the file that it was given; prints why it could not. Without an answer
/// the file is left as it is.
bool SaveAnswers(std::string_view name, std::string_view file, const std::string& text);
/// "RET_USER_LOGIN_FAILURE" and the like: the original's names where it has one, else our message.
std::string HsmErrorText(const Error& error);

/// main of cloudhsm_mgmt_util.
int MgmtUtilMain(int argc, char** argv);

}  // namespace strongroom::cmu
