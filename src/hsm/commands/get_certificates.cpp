// The certificates by which anyone can verify this HSM and its cluster (cloudhsm.md 3.1; CMU's getCert).
#include "cluster.pb.h"
#include "hsm/commands/all.h"
#include "hsm/commands/answers.h"

namespace strongroom::hsm {
namespace {
Status RunGetCertificates(Call& call) {
  proto::GetCertificatesRequest request;
  SR_CHECK(wire::ParseMessage(call.request, request));
  const auto put = [](std::string* to, const Bytes& der) { to->assign(AsText(der)); };
  const replica::Identity& identity = call.engine.state().identity();
  const replica::Device::Certificates& device = call.engine.replica.device().certificates();
  proto::GetCertificatesReply reply;
  put(reply.mutable_manufacturer_root(),
      device.manufacturer_root.empty() ? identity.manufacturer_root : device.manufacturer_root);
  put(reply.mutable_manufacturer_hardware(), device.manufacturer_hardware);
  put(reply.mutable_customer_root(), identity.trust_anchor);
  put(reply.mutable_cluster(), identity.cluster_certificate);
  put(reply.mutable_aws_root(), device.aws_root.empty() ? identity.aws_root : device.aws_root);
  put(reply.mutable_aws_hardware(), device.aws_hardware);
  put(reply.mutable_hsm(), device.hsm);
  call.Answer(reply);
  return {};
}
}  // namespace
constinit const CommandRow op::get_certificates{.command = wire::Command::kGetCertificates,
                                                .run_now = &RunGetCertificates};
}  // namespace strongroom::hsm
