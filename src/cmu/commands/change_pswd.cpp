#include <fmt/format.h>

#include "cmu/change.h"
#include "cmu/commands/all.h"

namespace strongroom::cmu {
namespace {

/// PRECO's own change makes it an officer.
proto::UserType NewType(proto::UserType type) { return type == proto::PRECO ? proto::CO : type; }

/// Ends the login under the old password, if it has not ended by itself, and logs in with the new one. Tried once: the
/// HSM has answered the change or ended the login, so it knows the new password, and wrong ones count towards the
/// lock-out. Errors: kNotLoggedIn whatever the reason, since the change itself is made.
Status LogInAnew(Server& server, proto::UserType type, const std::string& name, const SecretBuffer& password) {
  const Error not_logged_in(Errc::kNotLoggedIn, "Nobody is logged in any more.");
  if (const Status out = server.connection->Logout(); !out.ok() && out.error().code() != Errc::kNotLoggedIn)
    return not_logged_in;
  server.logged_in_as.clear();
  SR_TRY(SecretBuffer copy, password.Clone());
  const auto user = server.connection->Login(type, name, std::move(copy));
  if (!user.ok()) return not_logged_in;
  server.logged_in_as = fmt::format("{}({})", user->name(), TypeName(user->type()));
  return {};
}

bool RunChangePswd(MgmtUtil& util, const std::vector<std::string_view>& arguments) {
  const auto type = util.UserTypeArgument(arguments[0]);
  if (!type) return false;
  proto::ChangePasswordRequest request;
  request.set_type(*type);
  request.set_name(std::string(arguments[1]));
  auto password = util.PasswordArgument(arguments[2]);
  if (!password.ok()) {
    fmt::print("changePswd failed: {}\n", password.error().public_message());
    return false;
  }
  if (!util.Confirm()) return false;
  fmt::print("Changing password for {}({}) on {} nodes\n", request.name(), TypeName(*type), util.Targets().size());
  // The other HSMs hear of the change from the cluster, and end logins under the old password. Whoever changes one's
  // own is then logged in again, also where the answer was good: that login ends with the next command at the latest.
  const auto again = [&](Server& server, const Status& answer) -> Status {
    const bool ended = answer.ok() || answer.error().code() == Errc::kNotLoggedIn;
    if (!ended || !LoggedInAs(server, *type, request.name())) return answer;
    return LogInAnew(server, NewType(*type), request.name(), *password);
  };
  const bool changed =
      ChangeOnAll<proto::ChangePasswordReply>(util, "changePswd", wire::Command::kChangePassword, request, &*password,
                                              "{name} failed on server {n}({server})", again);
  // The HSM that made the change has kept the login; PRECO's goes on under the new type.
  for (Server* server : util.Targets())
    if (changed && *type == proto::PRECO && LoggedInAs(*server, *type, request.name()))
      server->logged_in_as = fmt::format("{}({})", request.name(), TypeName(NewType(*type)));
  return changed;
}

}  // namespace

const Command op::change_pswd = {"changePswd",
                                 "<CO|CU|PRECO> <name> <password|-hpswd>",
                                 "Change a password; PRECO's change activates the cluster",
                                 3,
                                 3,
                                 &RunChangePswd};

}  // namespace strongroom::cmu
