// KMS's VerifyMac, in constant time.
#include "hsm/commands/all.h"
#include "hsm/session/token_keys.h"

namespace strongroom::hsm {
namespace {
Status RunVerifyMac(Call& call) {
  static thread_local proto::VerifyMacRequest request;
  static thread_local const proto::VerifyMacReply reply;
  SR_CHECK(wire::ParseMessage(call.request, request));
  SR_TRY(const Bytes mac, MacOf(call, request.key(), request.algorithm()));
  if (!crypto::ConstantTimeEqual(mac, AsBytes(request.mac())))
    return Error(Errc::kBadSignature, "The MAC does not verify.");
  call.kept = &reply;
  return {};
}
}  // namespace
constinit const CommandRow op::verify_mac{
    .command = wire::Command::kVerifyMac, .run_now = &RunVerifyMac, .segments = 1};
}  // namespace strongroom::hsm
