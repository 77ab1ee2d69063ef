#include "hsm/commands/all.h"
#include "hsm/commands/answers.h"

namespace strongroom::hsm {
namespace {
Status RunLogout(Call& call) {
  if (!call.session.login()) return Error(Errc::kNotLoggedIn, "Nobody has logged in on this connection.");
  call.audit_user = call.session.login()->name;
  call.audit_user_type = call.session.login()->type;
  call.session.ClearLogin();
  call.Answer(proto::LogoutReply());
  return {};
}
}  // namespace
constinit const CommandRow op::logout{
    .command = wire::Command::kLogout,
    .run_now = &RunLogout,
    .audit = {.opcode_name = "CN_LOGOUT", .opcode = 0xe, .detail = AuditRow::Detail::kUser}};
}  // namespace strongroom::hsm
