// Key material for KMS (docs/formats.md 5): made here, wrapped under the domain key, kept nowhere.
#include "crypto/random.h"
#include "hsm/commands/all.h"
#include "hsm/commands/answers.h"

namespace strongroom::hsm {
namespace {

/// The spec that is asked for, with a usage that it has. Errors: kUnsupported for one that this HSM cannot make;
/// kInvalidArgument, kWrongKeyUsage.
Result<const crypto::KmsSpec*> ReadSpec(const proto::CreateTokenRequest& request) {
  SR_TRY(const Binding binding, ReadBinding(AsBytes(request.binding())));
  if (binding.spec != request.spec()) return Error(Errc::kInvalidArgument, "The binding is for another key spec.");
  const crypto::KmsSpec* spec = crypto::FindKmsSpec(request.spec());
  const bool known = spec != nullptr && (!spec->pair || crypto::Available(*spec->pair));
  // OpenSSL has no key agreement with SM2.
  const bool sm2_agreement = request.spec() == "SM2" && binding.usage == Name(crypto::KmsUsage::kKeyAgreement);
  if (!known || sm2_agreement) return Error(Errc::kUnsupported, "The key spec is not known here.");
  const auto usage = crypto::FindKmsUsage(binding.usage);
  if (!usage) return Error(Errc::kWrongKeyUsage, "There is no such key usage.");
  return RequireBound(binding, *usage);
}

Task<Status> RunCreateToken(Call& call) {
  proto::CreateTokenRequest request;
  SR_CO_CHECK(wire::ParseMessage(call.request, request));
  SR_CO_TRY(const crypto::KmsSpec* spec, ReadSpec(request));
  proto::CreateTokenReply reply;
  Bytes token;
  if (!spec->pair) {
    SR_CO_TRY(const SecretBuffer material, crypto::RandomSecret(spec->secret_bytes));
    SR_CO_TRY(token,
              Vault::NewToken(call.engine.state(), AsBytes(request.binding()), MaterialKind::kSymmetric, material));
  } else {
    SR_CO_TRY(const crypto::PrivateKey pair, co_await TakeKeyPair(call.engine, *spec->pair));
    SR_CO_TRY(const SecretBuffer material, pair.ToPkcs8());
    SR_CO_TRY(token, Vault::NewToken(call.engine.state(), AsBytes(request.binding()), MaterialKind::kPkcs8, material));
    reply.set_public_key(std::string(AsText(pair.public_key().ToSpki())));
  }
  reply.set_token(std::string(AsText(token)));
  call.Answer(reply);
  co_return Status{};
}

}  // namespace
constinit const CommandRow op::create_token{.command = wire::Command::kCreateToken, .run = &RunCreateToken};
}  // namespace strongroom::hsm
