// KMS's GetPublicKey, from the private key in the token.
#include "hsm/commands/all.h"
#include "hsm/session/token_keys.h"

namespace strongroom::hsm {
namespace {
Status RunGetPublicKey(Call& call) {
  static thread_local proto::GetPublicKeyRequest request;
  static thread_local proto::GetPublicKeyReply reply;
  SR_CHECK(wire::ParseMessage(call.request, request));
  const auto usage = crypto::FindKmsUsage(request.usage());
  if (!usage) return Error(Errc::kInvalidArgument, "There is no such key usage.");
  SR_TRY(const TokenKeyPtr key,
         call.engine.vault.Key(call.engine.state(), call.session.key_user(), request.key(), *usage));
  if (!key->pair) return Error(Errc::kUnsupported, "The key has no public half.");
  const Bytes& spki = key->pair->public_key().ToSpki();
  reply.set_public_key(spki.data(), spki.size());
  call.kept = &reply;
  return {};
}
}  // namespace
constinit const CommandRow op::get_public_key{.command = wire::Command::kGetPublicKey, .run_now = &RunGetPublicKey};
}  // namespace strongroom::hsm
