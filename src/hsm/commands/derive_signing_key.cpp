// What a front end checks SigV4 signatures with for one day, Region and service. The secret access key stays here.
#include "hsm/commands/all.h"
#include "hsm/commands/answers.h"
#include "hsm/vault/signing_secret.h"
#include "hsm/vault_sealer.h"
#include "signing.pb.h"

namespace strongroom::hsm {
namespace {
Status RunDeriveSigningKey(Call& call) {
  proto::DeriveSigningKeyRequest request;
  SR_CHECK(wire::ParseMessage(call.request, request));
  const SigningTerms terms{request.terms().binding(), request.terms().expires_millis()};
  const crypto::SigningScope scope{request.date(), request.region(), request.service()};
  SR_CHECK(CheckSigningScope(scope, terms, call.engine.options.now_millis()));
  SR_TRY(const SecretBuffer* material,
         call.engine.vault.Material(call.engine.state(), call.session.key_user(), request.key(), KeyUse::kOpen));
  SR_TRY(const OpenedSigningSecret opened, OpenSigningSecret(*material, terms, request.sealed()));
  SR_TRY(const SecretBuffer start, VaultSealer::Between(AsBytes("AWS4"), opened.secret, {}));
  SR_TRY(SecretBuffer key, crypto::DeriveSigningKey(start, scope));
  proto::DeriveSigningKeyReply reply;
  reply.set_claims(std::string(AsText(opened.claims)));
  call.segments.push_back(std::move(key));
  call.Answer(reply);
  return {};
}
}  // namespace
constinit const CommandRow op::derive_signing_key{.command = wire::Command::kDeriveSigningKey,
                                                  .run_now = &RunDeriveSigningKey};
}  // namespace strongroom::hsm
