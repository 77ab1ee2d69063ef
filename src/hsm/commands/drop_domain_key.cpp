// The end of a generation of the domain key: a key that has not been wrapped anew is lost for ever, which is what
// deletion is for.
#include "domain_keys.pb.h"
#include "hsm/commands/all.h"
#include "hsm/commands/answers.h"

namespace strongroom::hsm {
namespace {

Result<replica::Proposal> DecideDropDomainKey(const replica::State& state, std::uint32_t generation) {
  SR_CHECK(replica::RequireLevel(state, replica::kLevelOfDroppedDomainKeys));
  const std::uint32_t newest = state.newest_domain_key();
  if (newest == 0) return Error(Errc::kUnsupported, "This cluster has no domain key.");
  if (generation == 0 || generation > newest)
    return Error(Errc::kInvalidArgument, "There has never been such a generation of the domain key.");
  if (generation == newest) return Error(Errc::kInvalidState, "The newest generation of the domain key is in use.");
  replica::Proposal proposal;
  proposal.answer = Serialised(proto::DropDomainKeyReply());
  if (state.domain_keys().contains(generation))
    proposal.changes.emplace_back().mutable_domain_key_dropped()->set_generation(generation);
  return proposal;
}

Task<Status> RunDropDomainKey(Call& call) {
  proto::DropDomainKeyRequest request;
  SR_CO_CHECK(wire::ParseMessage(call.request, request));
  replica::Decide decide = [generation = request.generation()](const replica::State& state) {
    return DecideDropDomainKey(state, generation);
  };
  SR_CO_TRY(call.answer,
            co_await call.engine.replica.Change(nullptr, wire::Command::kDropDomainKey, std::move(decide)));
  co_return Status{};
}

}  // namespace
constinit const CommandRow op::drop_domain_key{.command = wire::Command::kDropDomainKey, .run = &RunDropDomainKey};
}  // namespace strongroom::hsm
