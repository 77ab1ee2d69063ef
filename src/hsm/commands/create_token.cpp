// Key material for KMS (docs/formats.md 5): made here, wrapped under the domain key, kept nowhere.
#include "crypto/random.h"
#include "hsm/commands/all.h"
#include "hsm/commands/answers.h"

namespace strongroom::hsm {
namespace {

/// Bytes of material of a symmetric spec; 0 for others. Source: KMS API Reference, KeySpec (an HMAC key is as long as
/// its hash).
std::size_t SymmetricBytes(std::string_view spec) noexcept {
  if (spec == "SYMMETRIC_DEFAULT" || spec == "HMAC_256") return 32;
  if (spec == "HMAC_224") return 28;
  if (spec == "HMAC_384") return 48;
  if (spec == "HMAC_512") return 64;
  return 0;
}

Task<Status> Run(Call& call) {
  proto::CreateTokenRequest request;
  SR_CO_CHECK(wire::ParseMessage(call.request, request));
  SR_CO_TRY(const Binding binding, ReadBinding(AsBytes(request.binding())));
  if (binding.spec != request.spec()) co_return Error(Errc::kInvalidArgument, "The binding is for another key spec.");
  proto::CreateTokenReply reply;
  Bytes token;
  if (const std::size_t size = SymmetricBytes(request.spec()); size != 0) {
    SR_CO_TRY(const SecretBuffer material, crypto::RandomSecret(size));
    SR_CO_TRY(token,
              Vault::NewToken(call.engine.state(), AsBytes(request.binding()), MaterialKind::kSymmetric, material));
  } else {
    const auto spec = KeySpecOfKms(request.spec());
    if (!spec) co_return Error(Errc::kUnsupported, "The key spec is not known here.");
    SR_CO_TRY(const crypto::PrivateKey pair, co_await TakeKeyPair(call.engine, *spec));
    SR_CO_TRY(const SecretBuffer material, pair.ToPkcs8());
    SR_CO_TRY(token, Vault::NewToken(call.engine.state(), AsBytes(request.binding()), MaterialKind::kPkcs8, material));
    reply.set_public_key(std::string(AsText(pair.public_key().ToSpki())));
  }
  reply.set_token(std::string(AsText(token)));
  call.Answer(reply);
  co_return Status{};
}

}  // namespace
constinit const CommandRow op::create_token{.command = wire::Command::kCreateToken, .run = &Run};
}  // namespace strongroom::hsm
