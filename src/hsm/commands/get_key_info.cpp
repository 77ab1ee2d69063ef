#include "hsm/commands/all.h"
#include "hsm/commands/answers.h"

namespace strongroom::hsm {
namespace {
Status RunGetKeyInfo(Call& call) {
  proto::GetKeyInfoRequest request;
  SR_CHECK(wire::ParseMessage(call.request, request));
  const Login& login = *call.session.login();
  const bool officer = login.type == proto::CO;
  const replica::KeyPtr key = call.engine.state().FindKey(request.handle());
  if (!key || (!officer && !MayUse(key->info, login.user_id))) return NoSuchKey();
  proto::GetKeyInfoReply reply;
  *reply.mutable_key() = officer ? OwnershipOnly(key->info) : key->info;
  call.Answer(reply);
  return {};
}
}  // namespace
constinit const CommandRow op::get_key_info{.command = wire::Command::kGetKeyInfo, .run_now = &RunGetKeyInfo};
}  // namespace strongroom::hsm
