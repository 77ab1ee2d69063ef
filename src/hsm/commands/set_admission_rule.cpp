// Whether a new HSM needs an officer's approval before it is given the cluster's secrets.
#include "cluster.pb.h"
#include "hsm/commands/all.h"
#include "hsm/commands/answers.h"

namespace strongroom::hsm {
namespace {

Task<Status> RunSetAdmissionRule(Call& call) {
  proto::SetAdmissionRuleRequest request;
  SR_CO_CHECK(wire::ParseMessage(call.request, request));
  replica::Decide decide = [approval = request.approval()](const replica::State& state) -> Result<replica::Proposal> {
    SR_CHECK(replica::RequireLevel(state, replica::kLevelOfAdmissionRules));
    replica::Proposal proposal;
    proposal.answer = Serialised(proto::SetAdmissionRuleReply());
    if (state.admission_needs_approval() != approval)
      proposal.changes.emplace_back().mutable_admission_rule()->set_approval(approval);
    return proposal;
  };
  SR_CO_TRY(call.answer,
            co_await call.engine.replica.Change(call.client_id(), wire::Command::kSetAdmissionRule, std::move(decide)));
  co_return Status{};
}

}  // namespace
constinit const CommandRow op::set_admission_rule{.command = wire::Command::kSetAdmissionRule,
                                                  .run = &RunSetAdmissionRule,
                                                  .audit = {.opcode_name = "CN_SET_HSM_APPROVAL", .opcode = 0x1f1}};
}  // namespace strongroom::hsm
