// KMS's DeriveSharedSecret: ECDH without a KDF; the secret leaves as a segment.
#include "hsm/commands/all.h"
#include "hsm/session/token_keys.h"

namespace strongroom::hsm {
namespace {
Task<Status> RunDeriveSharedSecret(Call& call) {
  proto::DeriveSharedSecretRequest request;
  SR_CO_CHECK(wire::ParseMessage(call.request, request));
  Engine& engine = call.engine;
  SR_CO_TRY(TokenKeyPtr key,
            co_await OpenKey(engine, call.session.key_user(), request.key(), crypto::KmsUsage::kKeyAgreement));
  SR_CO_CHECK(RequireAlgorithm(*key, request.algorithm(), crypto::KmsUsage::kKeyAgreement));
  // Points off the curve end here.
  SR_CO_TRY(crypto::PublicKey peer, crypto::PublicKey::FromSpki(AsBytes(request.public_key())));
  auto work = [key, peer = std::move(peer)] { return key->pair->Agree(peer); };
  SR_CO_TRY(SecretBuffer shared, co_await engine.crypto.Run(engine.loop, std::move(work), Pace::kQuick));
  call.segments.push_back(std::move(shared));
  call.Answer(proto::DeriveSharedSecretReply());
  co_return Status{};
}
}  // namespace
constinit const CommandRow op::derive_shared_secret{.command = wire::Command::kDeriveSharedSecret,
                                                    .run = &RunDeriveSharedSecret};
}  // namespace strongroom::hsm
