// KMS's GenerateDataKey: the bytes are made and sealed here.
#include "crypto/random.h"
#include "hsm/commands/all.h"
#include "hsm/commands/answers.h"
#include "messages.pb.h"

namespace strongroom::hsm {
namespace {
Status RunSealRandom(Call& call) {
  static thread_local proto::SealRandomRequest request;
  static thread_local proto::SealRandomReply reply;
  SR_CHECK(wire::ParseMessage(call.request, request));
  if (request.number_of_bytes() < 1 || request.number_of_bytes() > 1024)
    return Error(Errc::kInvalidArgument, "A data key has 1 to 1024 bytes.");
  Vault& vault = call.engine.vault;
  SR_TRY(const SecretBuffer* material,
         vault.Material(call.engine.state(), call.session.key_user(), request.key(), KeyUse::kSeal));
  SR_TRY(SecretBuffer fresh, crypto::RandomSecret(request.number_of_bytes()));
  SR_CHECK(vault.Seal(*material, request.header(), request.context(), fresh, *reply.mutable_sealed()));
  if (request.return_plaintext()) call.segments.push_back(std::move(fresh));
  call.kept = &reply;
  return {};
}
}  // namespace
constinit const CommandRow op::seal_random{.command = wire::Command::kSealRandom, .run_now = &RunSealRandom};
}  // namespace strongroom::hsm
