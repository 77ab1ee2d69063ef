// KMS's Sign. The private-key work is a worker's, unless it takes less time than handing it over does.
#include "hsm/commands/all.h"
#include "hsm/session/token_keys.h"

namespace strongroom::hsm {
namespace {

/// Some 20 us, where a worker's answer costs three processes a wake-up and a write of its own.
bool IsQuick(crypto::KeySpec spec) { return spec == crypto::KeySpec::kP256 || spec == crypto::KeySpec::kEd25519; }

Task<Status> RunSign(Call& call) {
  proto::SignRequest request;
  SR_CO_CHECK(wire::ParseMessage(call.request, request));
  Engine& engine = call.engine;
  SecretBuffer& message = call.request.segments.at(0);
  SR_CO_CHECK(RequireMessageSize(message));
  SR_CO_TRY(TokenKeyPtr key,
            co_await OpenKey(engine, call.session.key_user(), request.key(), crypto::KmsUsage::kSignVerify));
  SR_CO_TRY(const SignatureUse use, ReadSignatureUse(*key, request.algorithm(), request.message_type(), message));
  auto work = [key, use, message = std::move(message)] { return key->pair->SignSecret(use.scheme, use.form, message); };
  Bytes signature;
  if (IsQuick(key->pair->spec())) {
    SR_CO_TRY(signature, work());
  } else {
    SR_CO_TRY(signature, co_await engine.crypto.Run(engine.loop, std::move(work), Pace::kQuick));
  }
  proto::SignReply reply;
  reply.set_signature(signature.data(), signature.size());
  call.Answer(reply);
  co_return Status{};
}

}  // namespace
constinit const CommandRow op::sign{.command = wire::Command::kSign, .run = &RunSign, .segments = 1};
}  // namespace strongroom::hsm
