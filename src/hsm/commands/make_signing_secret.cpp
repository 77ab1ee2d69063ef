// A secret access key for IAM and STS: shown once in the answer, otherwise only sealed.
#include "hsm/commands/all.h"
#include "hsm/commands/answers.h"
#include "hsm/vault/signing_secret.h"
#include "signing.pb.h"

namespace strongroom::hsm {
namespace {
Status RunMakeSigningSecret(Call& call) {
  proto::MakeSigningSecretRequest request;
  SR_CHECK(wire::ParseMessage(call.request, request));
  SR_TRY(const SecretBuffer* material,
         call.engine.vault.Material(call.engine.state(), call.session.key_user(), request.key(), KeyUse::kSeal));
  SR_TRY(SecretBuffer secret, NewSecretAccessKey());
  const SigningTerms terms{request.terms().binding(), request.terms().expires_millis()};
  SR_TRY(const Bytes sealed, SealSigningSecret(*material, terms, secret, request.claims()));
  proto::MakeSigningSecretReply reply;
  reply.set_sealed(std::string(AsText(sealed)));
  call.segments.push_back(std::move(secret));
  call.Answer(reply);
  return {};
}
}  // namespace
constinit const CommandRow op::make_signing_secret{.command = wire::Command::kMakeSigningSecret,
                                                   .run_now = &RunMakeSigningSecret};
}  // namespace strongroom::hsm
