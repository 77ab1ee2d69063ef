// KMS's ReEncrypt: opened under one key and sealed under another, here, so that the plaintext stays here.
#include "hsm/commands/all.h"
#include "hsm/session/token_keys.h"

namespace strongroom::hsm {
namespace {

constexpr std::string_view kSymmetric = "SYMMETRIC_DEFAULT";

/// Material for one side, after catching up when the key is not known yet. Valid until the next wait.
Task<Result<const SecretBuffer*>> MaterialOf(Engine& engine, KeyUser user, const proto::ReSealSide& side, KeyUse use) {
  auto material = engine.vault.Material(engine.state(), user, side.key(), use);
  if (material.ok() || material.error().code() != Errc::kNotFound) co_return material;
  (void)co_await engine.replica.CatchUp(replica::Reason::kNegativeAnswer);
  co_return engine.vault.Material(engine.state(), user, side.key(), use);
}

Task<Result<SecretBuffer>> OpenSide(Engine& engine, KeyUser user, const proto::ReSealSide& side,
                                    const std::string& sealed) {
  if (side.algorithm() != kSymmetric) co_return co_await DecryptFor(engine, user, side.key(), side.algorithm(), sealed);
  SR_CO_TRY(const SecretBuffer* material, co_await MaterialOf(engine, user, side, KeyUse::kOpen));
  co_return engine.vault.Open(*material, side.header(), side.context(), sealed);
}

Task<Result<std::string>> SealSide(Engine& engine, KeyUser user, const proto::ReSealSide& side,
                                   SecretBuffer plaintext) {
  if (side.algorithm() != kSymmetric) {
    SR_CO_TRY(const Bytes sealed,
              co_await EncryptFor(engine, user, side.key(), side.algorithm(), std::move(plaintext)));
    co_return std::string(AsText(sealed));
  }
  SR_CO_TRY(const SecretBuffer* material, co_await MaterialOf(engine, user, side, KeyUse::kSeal));
  std::string sealed;
  SR_CO_CHECK(engine.vault.Seal(*material, side.header(), side.context(), plaintext, sealed));
  co_return sealed;
}

Task<Status> RunReSeal(Call& call) {
  proto::ReSealRequest request;
  SR_CO_CHECK(wire::ParseMessage(call.request, request));
  const KeyUser user = call.session.key_user();
  SR_CO_TRY(SecretBuffer plaintext, co_await OpenSide(call.engine, user, request.source(), request.sealed()));
  proto::ReSealReply reply;
  SR_CO_TRY(*reply.mutable_sealed(), co_await SealSide(call.engine, user, request.destination(), std::move(plaintext)));
  call.Answer(reply);
  co_return Status{};
}

}  // namespace
constinit const CommandRow op::re_seal{.command = wire::Command::kReSeal, .run = &RunReSeal};
}  // namespace strongroom::hsm
