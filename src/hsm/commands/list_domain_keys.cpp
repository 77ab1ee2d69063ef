#include "domain_keys.pb.h"
#include "hsm/commands/all.h"
#include "hsm/commands/answers.h"

namespace strongroom::hsm {
namespace {
Status RunListDomainKeys(Call& call) {
  proto::ListDomainKeysRequest request;
  SR_CHECK(wire::ParseMessage(call.request, request));
  proto::ListDomainKeysReply reply;
  for (const auto& [generation, secret] : call.engine.state().domain_keys()) reply.add_generations(generation);
  call.Answer(reply);
  return {};
}
}  // namespace
constinit const CommandRow op::list_domain_keys{.command = wire::Command::kListDomainKeys,
                                                .run_now = &RunListDomainKeys};
}  // namespace strongroom::hsm
