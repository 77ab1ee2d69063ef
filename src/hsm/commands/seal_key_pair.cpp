// KMS's GenerateDataKeyPair: the pair is made and its PKCS#8 form sealed here.
#include "hsm/commands/all.h"
#include "hsm/commands/answers.h"
#include "messages.pb.h"

namespace strongroom::hsm {
namespace {
Task<Status> RunSealKeyPair(Call& call) {
  proto::SealKeyPairRequest request;
  SR_CO_CHECK(wire::ParseMessage(call.request, request));
  const crypto::KmsSpec* spec = crypto::FindKmsSpec(request.spec());
  // KMS makes no ML-DSA pairs for use elsewhere.
  if (spec == nullptr || !spec->pair || !crypto::Available(*spec->pair) || crypto::IsMlDsa(*spec->pair))
    co_return Error(Errc::kUnsupported, "The key pair spec is not known here.");
  Engine& engine = call.engine;
  const KeyUser user = call.session.key_user();
  // Asked before a pair is spent, and again afterwards, since the state may have changed meanwhile.
  auto first = engine.vault.Material(engine.state(), user, request.key(), KeyUse::kSeal);
  if (!first && first.error().code() == Errc::kNotFound) {
    (void)co_await engine.replica.CatchUp(replica::Reason::kNegativeAnswer);
    first = engine.vault.Material(engine.state(), user, request.key(), KeyUse::kSeal);
  }
  if (!first) co_return std::move(first).error();
  SR_CO_TRY(const crypto::PrivateKey pair, co_await TakeKeyPair(engine, *spec->pair));
  SR_CO_TRY(SecretBuffer pkcs8, pair.ToPkcs8());
  SR_CO_TRY(const SecretBuffer* material, engine.vault.Material(engine.state(), user, request.key(), KeyUse::kSeal));
  proto::SealKeyPairReply reply;
  SR_CO_CHECK(engine.vault.Seal(*material, request.header(), request.context(), pkcs8, *reply.mutable_sealed()));
  reply.set_public_key(std::string(AsText(pair.public_key().ToSpki())));
  if (request.return_plaintext()) call.segments.push_back(std::move(pkcs8));
  call.Answer(reply);
  co_return Status{};
}
}  // namespace
constinit const CommandRow op::seal_key_pair{.command = wire::Command::kSealKeyPair, .run = &RunSealKeyPair};
}  // namespace strongroom::hsm
