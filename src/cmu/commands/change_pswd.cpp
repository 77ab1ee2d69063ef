#include <fmt/format.h>

#include "cmu/change.h"
#include "cmu/commands/all.h"

namespace strongroom::cmu {
namespace {

bool Run(MgmtUtil& util, const std::vector<std::string_view>& arguments) {
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
  return ChangeOnAll<proto::ChangePasswordReply>(util, "changePswd", wire::Command::kChangePassword, request, &*password);
}

}  // namespace

const Command op::change_pswd = {"changePswd", "<CO|CU|PRECO> <name> <password|-hpswd>",
                                 "Change a password; PRECO's change activates the cluster", 3, 3, &Run};

}  // namespace strongroom::cmu
