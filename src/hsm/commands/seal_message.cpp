// KMS's Encrypt, for keys of the domain and of custom key stores alike. On the loop and without allocation of note.
#include "hsm/commands/all.h"
#include "hsm/commands/answers.h"
#include "messages.pb.h"

namespace strongroom::hsm {
namespace {
Status RunSealMessage(Call& call) {
  static thread_local proto::SealMessageRequest request;
  static thread_local proto::SealMessageReply reply;
  SR_CHECK(wire::ParseMessage(call.request, request));
  Vault& vault = call.engine.vault;
  SR_TRY(const SecretBuffer* material,
         vault.Material(call.engine.state(), call.session.key_user(), request.key(), KeyUse::kSeal));
  SR_CHECK(
      vault.Seal(*material, request.header(), request.context(), call.request.segments.at(0), *reply.mutable_sealed()));
  call.kept = &reply;
  return {};
}
}  // namespace
constinit const CommandRow op::seal_message{
    .command = wire::Command::kSealMessage, .run_now = &RunSealMessage, .segments = 1};
}  // namespace strongroom::hsm
