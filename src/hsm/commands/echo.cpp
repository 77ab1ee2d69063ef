#include "hsm/commands/all.h"
#include "hsm/commands/answers.h"
#include "messages.pb.h"

namespace strongroom::hsm {
namespace {
Status RunEcho(Call& call) {
  static thread_local proto::EchoRequest request;
  static thread_local proto::EchoReply reply;
  SR_CHECK(wire::ParseMessage(call.request, request));
  reply.set_data(request.data());
  call.kept = &reply;
  return {};
}
}  // namespace
constinit const CommandRow op::echo{.command = wire::Command::kEcho, .run_now = &RunEcho};
}  // namespace strongroom::hsm
