// KMS's GenerateMac: RFC 2104 over the whole message, on the loop.
#include "hsm/commands/all.h"
#include "hsm/session/token_keys.h"

namespace strongroom::hsm {
namespace {
Status RunGenerateMac(Call& call) {
  static thread_local proto::GenerateMacRequest request;
  static thread_local proto::GenerateMacReply reply;
  SR_CHECK(wire::ParseMessage(call.request, request));
  SR_TRY(const Bytes mac, MacOf(call, request.key(), request.algorithm()));
  reply.set_mac(mac.data(), mac.size());
  call.kept = &reply;
  return {};
}
}  // namespace
constinit const CommandRow op::generate_mac{
    .command = wire::Command::kGenerateMac, .run_now = &RunGenerateMac, .segments = 1};
}  // namespace strongroom::hsm
