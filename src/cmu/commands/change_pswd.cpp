#include <fmt/format.h>

#include "cmu/change.h"
#include "cmu/commands/all.h"

namespace strongroom::cmu {
namespace {

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
  // own is then logged in again.
  const auto again = [&](Server& server, const Error& refusal) -> Status {
    const bool own = server.logged_in_as == fmt::format("{}({})", request.name(), TypeName(*type));
    if (refusal.code() != Errc::kNotLoggedIn || !own) return refusal;
    SR_TRY(SecretBuffer copy, password->Clone());
    SR_CHECK(server.connection->Login(*type, request.name(), std::move(copy)));
    return {};
  };
  return ChangeOnAll<proto::ChangePasswordReply>(util, "changePswd", wire::Command::kChangePassword, request,
                                                 &*password, "{name} failed on server {n}({server})", again);
}

}  // namespace

const Command op::change_pswd = {"changePswd",
                                 "<CO|CU|PRECO> <name> <password|-hpswd>",
                                 "Change a password; PRECO's change activates the cluster",
                                 3,
                                 3,
                                 &RunChangePswd};

}  // namespace strongroom::cmu
