#include <fmt/format.h>

#include "cmu/change.h"
#include "cmu/commands/all.h"

namespace strongroom::cmu {
namespace {

bool RunDeleteUser(MgmtUtil& util, const std::vector<std::string_view>& arguments) {
  const auto type = util.UserTypeArgument(arguments[0]);
  if (!type) return false;
  proto::DeleteUserRequest request;
  request.set_type(*type);
  request.set_name(std::string(arguments[1]));
  fmt::print("Deleting user {}({}) on {} nodes\n", request.name(), TypeName(*type), util.Targets().size());
  return ChangeOnAll<proto::DeleteUserReply>(util, "deleteUser", wire::Command::kDeleteUser, request, nullptr);
}

}  // namespace

const Command op::delete_user = {"deleteUser", "<CO|CU> <name>", "Delete a user (CO only)", 2, 2, &RunDeleteUser};

}  // namespace strongroom::cmu
