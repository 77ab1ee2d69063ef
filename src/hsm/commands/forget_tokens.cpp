// The material of a key that is deleted goes out of memory at once; without this it would stay until nobody has used it
// for a while.
#include "domain_keys.pb.h"
#include "hsm/commands/all.h"
#include "hsm/commands/answers.h"

namespace strongroom::hsm {
namespace {

constexpr int kMostBindings = 256;

Status RunForgetTokens(Call& call) {
  proto::ForgetTokensRequest request;
  SR_CHECK(wire::ParseMessage(call.request, request));
  if (request.bindings_size() == 0 || request.bindings_size() > kMostBindings)
    return Error(Errc::kInvalidArgument, "1 to 256 bindings can be forgotten at once.");
  for (const std::string& binding : request.bindings()) SR_CHECK(ReadBinding(AsBytes(binding)));
  std::size_t forgotten = 0;
  for (const std::string& binding : request.bindings()) forgotten += call.engine.vault.ForgetBinding(AsBytes(binding));
  proto::ForgetTokensReply reply;
  reply.set_forgotten(static_cast<std::uint32_t>(forgotten));
  call.Answer(reply);
  return {};
}

}  // namespace
constinit const CommandRow op::forget_tokens{.command = wire::Command::kForgetTokens, .run_now = &RunForgetTokens};
}  // namespace strongroom::hsm
