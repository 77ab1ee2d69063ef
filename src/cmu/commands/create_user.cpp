#include <fmt/format.h>

#include "cmu/change.h"
#include "cmu/commands/all.h"

namespace strongroom::cmu {
namespace {

bool RunCreateUser(MgmtUtil& util, const std::vector<std::string_view>& arguments) {
  const auto type = util.UserTypeArgument(arguments[0]);
  if (!type) return false;
  proto::CreateUserRequest request;
  request.set_type(*type);
  request.set_name(std::string(arguments[1]));
  auto password = util.PasswordArgument(arguments[2]);
  if (!password.ok()) {
    fmt::print("createUser failed: {}\n", password.error().public_message());
    return false;
  }
  if (!util.Confirm()) return false;
  fmt::print("Creating User {}({}) on {} nodes\n", request.name(), TypeName(*type), util.Targets().size());
  return ChangeOnAll<proto::CreateUserReply>(util, "createUser", wire::Command::kCreateUser, request, &*password,
                                             "creating user on server {n}({server}) failed");
}

}  // namespace

const Command op::create_user = {"createUser",  "<CO|CU> <name> <password|-hpswd>", "Create a user (CO only)", 3, 3,
                                 &RunCreateUser};

}  // namespace strongroom::cmu
