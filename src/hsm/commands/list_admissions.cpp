#include "cluster.pb.h"
#include "crypto/hash.h"
#include "hsm/commands/all.h"
#include "hsm/commands/answers.h"

namespace strongroom::hsm {
namespace {
Status RunListAdmissions(Call& call) {
  proto::ListAdmissionsRequest request;
  SR_CHECK(wire::ParseMessage(call.request, request));
  const replica::State& state = call.engine.state();
  proto::ListAdmissionsReply reply;
  reply.set_approval(state.admission_needs_approval());
  for (const auto& [hsm_id, admission] : state.admissions()) {
    proto::PendingAdmission& shown = *reply.add_admissions();
    shown.set_hsm_id(hsm_id);
    shown.set_address(admission.member.address());
    shown.set_zone(admission.member.zone());
    shown.set_fingerprint(std::string(AsText(crypto::Sha256(admission.device_certificate))));
    shown.set_approved(admission.approved_by != 0);
  }
  call.Answer(reply);
  return {};
}
}  // namespace
constinit const CommandRow op::list_admissions{.command = wire::Command::kListAdmissions,
                                               .run_now = &RunListAdmissions};
}  // namespace strongroom::hsm
