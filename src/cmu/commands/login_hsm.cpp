#include <fmt/format.h>

#include "cmu/commands/all.h"
#include "cmu/mgmt_util.h"

namespace strongroom::cmu {
namespace {

bool RunLoginHsm(MgmtUtil& util, const std::vector<std::string_view>& arguments) {
  const auto type = util.UserTypeArgument(arguments[0]);
  if (!type) return false;
  const std::string name(arguments[1]);
  auto password = util.PasswordArgument(arguments[2]);
  if (!password.ok()) {
    fmt::print("loginHSM failed: {}\n", password.error().public_message());
    return false;
  }
  bool all = true;
  for (Server* server : util.Targets()) {
    const auto login = [&]() -> Status {
      SR_CHECK(EnsureConnected(*server));
      SR_TRY(SecretBuffer copy, password->Clone());
      const auto user = server->connection->Login(*type, name, std::move(copy));
      // Logged in already: after a restart of one HSM the login on the others still stands.
      if (!user.ok() && user.error().code() == Errc::kInvalidState && LoggedInAs(*server, *type, name)) return {};
      SR_CHECK(user);
      server->logged_in_as = fmt::format("{}({})", user->name(), TypeName(user->type()));
      return {};
    };
    const Status status = login();
    if (status.ok()) {
      fmt::print("loginHSM success on server {}({})\n", util.IndexOf(*server), server->Label());
    } else {
      all = false;
      fmt::print("loginHSM failed on server {}({}): {}\n", util.IndexOf(*server), server->Label(),
                 HsmErrorText(status.error()));
      // Not on the next server too: five wrong passwords lock the account of the whole cluster. A server that is away
      // says nothing about the password.
      const Errc code = status.error().code();
      if (code == Errc::kLoginFailed || code == Errc::kUserLocked || code == Errc::kUserNotFound) break;
    }
  }
  return all;
}

}  // namespace

const Command op::login_hsm = {"loginHSM",  "<CO|CU|PRECO> <name> <password|-hpswd>", "Log in to the HSMs", 3, 3,
                               &RunLoginHsm};

}  // namespace strongroom::cmu
