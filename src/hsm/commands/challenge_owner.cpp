// The first half of an officer's recovery: a text for the cluster's owner to sign. Asking changes and keeps nothing, so
// anybody may ask.
#include "hsm/commands/all.h"
#include "hsm/commands/answers.h"
#include "hsm/users/officer_recovery.h"
#include "hsm/users/rules.h"

namespace strongroom::hsm {
namespace {

Result<std::string> Make(const Engine& engine, const std::string& name) {
  const replica::State& state = engine.state();
  const SharedSecret secret = engine.replica.device().SecretOf(state.epoch());
  if (!secret) return Error(Errc::kUnavailable, "This HSM does not serve.");
  return MakeOwnerChallenge(state, *secret, name, engine.replica.head(), engine.options.now_millis());
}

Task<Status> RunChallengeOwner(Call& call) {
  proto::ChallengeOwnerRequest request;
  SR_CO_CHECK(wire::ParseMessage(call.request, request));
  SR_CO_CHECK(CheckUserName(request.name()));
  auto challenge = Make(call.engine, request.name());
  if (!challenge.ok()) {
    // The officer may be news from another HSM.
    (void)co_await call.engine.replica.CatchUp(replica::Reason::kNegativeAnswer);
    challenge = Make(call.engine, request.name());
  }
  if (!challenge.ok()) co_return std::move(challenge).error();
  proto::ChallengeOwnerReply reply;
  reply.set_challenge(std::move(*challenge));
  call.Answer(reply);
  co_return Status{};
}

}  // namespace
constinit const CommandRow op::challenge_owner{.command = wire::Command::kChallengeOwner, .run = &RunChallengeOwner};
}  // namespace strongroom::hsm
