// KMS's Decrypt with an RSA or SM2 key: the plaintext leaves as a secret segment.
#include "hsm/commands/all.h"
#include "hsm/session/token_keys.h"

namespace strongroom::hsm {
namespace {
Task<Status> RunAsymmetricDecrypt(Call& call) {
  proto::AsymmetricDecryptRequest request;
  SR_CO_CHECK(wire::ParseMessage(call.request, request));
  SR_CO_TRY(SecretBuffer plaintext, co_await DecryptFor(call.engine, call.session.key_user(), request.key(),
                                                        request.algorithm(), request.ciphertext()));
  call.segments.push_back(std::move(plaintext));
  call.Answer(proto::AsymmetricDecryptReply());
  co_return Status{};
}
}  // namespace
constinit const CommandRow op::asymmetric_decrypt{.command = wire::Command::kAsymmetricDecrypt,
                                                  .run = &RunAsymmetricDecrypt};
}  // namespace strongroom::hsm
