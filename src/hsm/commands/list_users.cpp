#include "hsm/commands/all.h"
#include "hsm/commands/answers.h"

namespace strongroom::hsm {
namespace {
Status RunListUsers(Call& call) {
  proto::ListUsersReply reply;
  for (const auto& [id, user] : call.engine.state().users()) *reply.add_users() = Shown(call.engine, user);
  call.Answer(reply);
  return {};
}
}  // namespace
constinit const CommandRow op::list_users{.command = wire::Command::kListUsers, .run_now = &RunListUsers};
}  // namespace strongroom::hsm
