// KMS's Encrypt with an RSA or SM2 key.
#include "hsm/commands/all.h"
#include "hsm/session/token_keys.h"

namespace strongroom::hsm {
namespace {
Task<Status> RunAsymmetricEncrypt(Call& call) {
  proto::AsymmetricEncryptRequest request;
  SR_CO_CHECK(wire::ParseMessage(call.request, request));
  SR_CO_TRY(const Bytes sealed, co_await EncryptFor(call.engine, call.session.key_user(), request.key(),
                                                    request.algorithm(), std::move(call.request.segments.at(0))));
  proto::AsymmetricEncryptReply reply;
  reply.set_ciphertext(sealed.data(), sealed.size());
  call.Answer(reply);
  co_return Status{};
}
}  // namespace
constinit const CommandRow op::asymmetric_encrypt{
    .command = wire::Command::kAsymmetricEncrypt, .run = &RunAsymmetricEncrypt, .segments = 1};
}  // namespace strongroom::hsm
