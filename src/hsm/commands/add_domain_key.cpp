// A new generation of the domain key: what is wrapped from now on is wrapped under it.
#include "crypto/random.h"
#include "domain_keys.pb.h"
#include "hsm/commands/all.h"
#include "hsm/commands/answers.h"

namespace strongroom::hsm {
namespace {

Result<replica::Proposal> DecideAddDomainKey(const replica::State& state, std::uint32_t wanted) {
  const std::uint32_t newest = state.newest_domain_key();
  if (newest == 0) return Error(Errc::kUnsupported, "This cluster has no domain key.");
  replica::Proposal proposal;
  proposal.answer = Serialised(proto::AddDomainKeyReply());
  if (state.domain_keys().contains(wanted)) return proposal;
  if (wanted != newest + 1)
    return Error(Errc::kInvalidArgument,
                 "The next generation of the domain key is " + std::to_string(newest + 1) + ".");
  SR_TRY(SecretBuffer secret, crypto::RandomSecret(32));
  auto* generation = proposal.changes.emplace_back().mutable_domain_key_generation();
  generation->set_generation(wanted);
  generation->set_segment(0);
  proposal.segments.push_back(Share(std::move(secret)));
  return proposal;
}

Task<Status> RunAddDomainKey(Call& call) {
  proto::AddDomainKeyRequest request;
  SR_CO_CHECK(wire::ParseMessage(call.request, request));
  replica::Decide decide = [wanted = request.generation()](const replica::State& state) {
    return DecideAddDomainKey(state, wanted);
  };
  SR_CO_TRY(call.answer, co_await call.engine.replica.Change(nullptr, wire::Command::kAddDomainKey, std::move(decide)));
  co_return Status{};
}

}  // namespace
constinit const CommandRow op::add_domain_key{.command = wire::Command::kAddDomainKey, .run = &RunAddDomainKey};
}  // namespace strongroom::hsm
