// KMS's Verify. Some curves take longer to verify than to sign, so this is a worker's, too.
#include "hsm/commands/all.h"
#include "hsm/session/token_keys.h"

namespace strongroom::hsm {
namespace {
Task<Status> RunVerify(Call& call) {
  proto::VerifyRequest request;
  SR_CO_CHECK(wire::ParseMessage(call.request, request));
  Engine& engine = call.engine;
  SecretBuffer& message = call.request.segments.at(0);
  SR_CO_CHECK(RequireMessageSize(message));
  SR_CO_TRY(TokenKeyPtr key,
            co_await OpenKey(engine, call.session.key_user(), request.key(), crypto::KmsUsage::kSignVerify));
  SR_CO_TRY(const SignatureUse use, ReadSignatureUse(*key, request.algorithm(), request.message_type(), message));
  auto work = [key, use, message = std::move(message), signature = std::move(*request.mutable_signature())] {
    return key->pair->public_key().VerifySecret(use.scheme, use.form, message, AsBytes(signature));
  };
  SR_CO_CHECK(co_await engine.crypto.Run(engine.loop, std::move(work), Pace::kQuick));
  call.Answer(proto::VerifyReply());
  co_return Status{};
}
}  // namespace
constinit const CommandRow op::verify{.command = wire::Command::kVerify, .run = &RunVerify, .segments = 1};
}  // namespace strongroom::hsm
