// An officer approves a device, not a name: the fingerprint is of the certificate that the HSM's own key was given.
#include <algorithm>

#include "cluster.pb.h"
#include "crypto/hash.h"
#include "hsm/commands/all.h"
#include "hsm/commands/answers.h"

namespace strongroom::hsm {
namespace {

Result<replica::Proposal> DecideApproveAdmission(const replica::State& state, const Bytes& fingerprint,
                                                 std::uint32_t officer) {
  SR_CHECK(replica::RequireLevel(state, replica::kLevelOfAdmissionRules));
  if (!state.admission_needs_approval())
    return Error(Errc::kInvalidState, "The cluster does not demand an officer's approval of new HSMs.");
  for (const auto& [hsm_id, admission] : state.admissions()) {
    if (!std::ranges::equal(crypto::Sha256(admission.device_certificate), fingerprint)) continue;
    replica::Proposal proposal;
    proto::ApproveAdmissionReply reply;
    reply.set_hsm_id(hsm_id);
    proposal.answer = Serialised(reply);
    if (admission.approved_by != 0) return proposal;
    auto* approved = proposal.changes.emplace_back().mutable_admission_approved();
    approved->set_hsm_id(hsm_id);
    approved->set_fingerprint(std::string(AsText(fingerprint)));
    approved->set_approved_by(officer);
    return proposal;
  }
  return Error(Errc::kNotFound, "No HSM with this fingerprint waits for approval.");
}

Task<Status> RunApproveAdmission(Call& call) {
  proto::ApproveAdmissionRequest request;
  SR_CO_CHECK(wire::ParseMessage(call.request, request));
  if (request.fingerprint().size() != crypto::Sha256Digest{}.size())
    co_return Error(Errc::kInvalidArgument, "A fingerprint has 32 bytes.");
  const Bytes fingerprint = ToBytes(AsBytes(request.fingerprint()));
  replica::Decide decide = [fingerprint, officer = call.session.login()->user_id](const replica::State& state) {
    return DecideApproveAdmission(state, fingerprint, officer);
  };
  SR_CO_TRY(call.answer,
            co_await call.engine.replica.Change(call.client_id(), wire::Command::kApproveAdmission, std::move(decide)));
  co_return Status{};
}

}  // namespace
constinit const CommandRow op::approve_admission{.command = wire::Command::kApproveAdmission,
                                                 .run = &RunApproveAdmission,
                                                 .audit = {.opcode_name = "CN_APPROVE_HSM", .opcode = 0x1f2}};
}  // namespace strongroom::hsm
