// Domain cluster only: another HSM's device key under both of the deployment's roots (cloudhsm.md 3.1).
#include "cluster.pb.h"
#include "hsm/commands/all.h"
#include "hsm/commands/answers.h"
#include "hsm/replica/identity.h"

namespace strongroom::hsm {
namespace {
Task<Status> RunCertifyDevice(Call& call) {
  proto::CertifyDeviceRequest request;
  SR_CO_CHECK(wire::ParseMessage(call.request, request));
  if (request.device_csr().empty() || request.device_csr().size() > 4096)
    co_return Error(Errc::kInvalidArgument, "A device's certificate request has 1 to 4096 bytes.");
  if (request.hsm_id().empty() || request.hsm_id().size() > 64)
    co_return Error(Errc::kInvalidArgument, "The HSM's id is missing or too long.");
  // Several RSA operations: on a worker, with a copy of the identity, whose secrets are shared and not copied.
  auto work = [identity = call.engine.state().identity(), csr = ToBytes(AsBytes(request.device_csr()))] {
    return replica::CertifyDevice(identity, csr);
  };
  SR_CO_TRY(const proto::CertifyDeviceReply reply, co_await call.engine.crypto.Run(call.engine.loop, std::move(work)));
  call.Answer(reply);
  co_return Status{};
}
}  // namespace
constinit const CommandRow op::certify_device{
    .command = wire::Command::kCertifyDevice,
    .run = &RunCertifyDevice,
    .audit = {.opcode_name = "CN_CERT_AUTH_STORE_CERT", .opcode = 0xe8, .detail = AuditRow::Detail::kMinimal}};
}  // namespace strongroom::hsm
