#include "domain_keys.pb.h"
#include "hsm/commands/all.h"
#include "hsm/commands/answers.h"

namespace strongroom::hsm {
namespace {
Status RunRewrapToken(Call& call) {
  proto::RewrapTokenRequest request;
  SR_CHECK(wire::ParseMessage(call.request, request));
  SR_TRY(const Bytes token, Vault::RewrapToken(call.engine.state(), request.key()));
  proto::RewrapTokenReply reply;
  reply.set_token(std::string(AsText(token)));
  call.Answer(reply);
  return {};
}
}  // namespace
constinit const CommandRow op::rewrap_token{.command = wire::Command::kRewrapToken, .run_now = &RunRewrapToken};
}  // namespace strongroom::hsm
