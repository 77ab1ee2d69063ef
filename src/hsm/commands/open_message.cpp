// KMS's Decrypt: the plaintext leaves as a secret segment.
#include "hsm/commands/all.h"
#include "hsm/commands/answers.h"
#include "messages.pb.h"

namespace strongroom::hsm {
namespace {
Status RunOpenMessage(Call& call) {
  static thread_local proto::OpenMessageRequest request;
  static thread_local const proto::OpenMessageReply reply;
  SR_CHECK(wire::ParseMessage(call.request, request));
  Vault& vault = call.engine.vault;
  SR_TRY(const SecretBuffer* material,
         vault.Material(call.engine.state(), call.session.key_user(), request.key(), KeyUse::kOpen));
  SR_TRY(SecretBuffer plaintext, vault.Open(*material, request.header(), request.context(), request.sealed()));
  call.segments.push_back(std::move(plaintext));
  call.kept = &reply;
  return {};
}
}  // namespace
constinit const CommandRow op::open_message{.command = wire::Command::kOpenMessage, .run_now = &RunOpenMessage};
}  // namespace strongroom::hsm
