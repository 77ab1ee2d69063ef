#include <fmt/format.h>

#include "cmu/commands/all.h"
#include "cmu/mgmt_util.h"

namespace strongroom::cmu {
namespace {

bool RunListUsers(MgmtUtil& util, const std::vector<std::string_view>&) {
  bool all = true;
  for (Server* server : util.Targets()) {
    const auto users = Ask<proto::ListUsersReply>(*server, wire::Command::kListUsers, proto::ListUsersRequest());
    if (!users.ok()) {
      fmt::print("listUsers failed on server {}({}): {}\n", util.IndexOf(*server), server->Label(),
                 HsmErrorText(users.error()));
      all = false;
      continue;
    }
    fmt::print("Users on server {}({}):\nNumber of users found:{}\n\n", util.IndexOf(*server), server->Label(),
               users->reply.users_size());
    fmt::print("    {:<20}{:<16}{:<35}{:<15}{:<20}{}\n", "User Id", "User Type", "User Name", "MofnPubKey",
               "LoginFailureCnt", "2FA");
    for (const proto::UserInfo& user : users->reply.users())
      fmt::print("    {:>10}          {:<16}{:<35}{:>10}     {:>15}     {:>3}\n", user.id(), TypeName(user.type()),
                 user.name(), user.mofn_public_key() ? "YES" : "NO", user.login_failures(),
                 user.second_factor() ? "YES" : "NO");
    fmt::print("\n");
  }
  return all;
}

}  // namespace

const Command op::list_users = {"listUsers", "", "List the users of the cluster; needs no login", 0, 0, &RunListUsers};

}  // namespace strongroom::cmu
