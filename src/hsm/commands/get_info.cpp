#include "cluster.pb.h"
#include "hsm/commands/all.h"
#include "hsm/commands/answers.h"

namespace strongroom::hsm {
namespace {
Status RunGetInfo(Call& call) {
  proto::GetInfoRequest request;
  SR_CHECK(wire::ParseMessage(call.request, request));
  const replica::State& state = call.engine.state();
  proto::GetInfoReply reply;
  reply.set_hsm_id(call.engine.replica.device().hsm_id());
  reply.set_cluster_id(state.identity().cluster_id);
  reply.set_lifecycle(state.lifecycle());
  for (const proto::Member& member : call.engine.replica.Members()) *reply.add_members() = member;
  reply.set_version(call.engine.options.version);
  reply.set_feature_level(state.feature_level());
  reply.set_fips(state.identity().fips);
  reply.set_head(call.engine.replica.head());
  reply.set_users(static_cast<std::uint32_t>(state.users().size()));
  reply.set_keys(static_cast<std::uint32_t>(state.keys().size()));
  reply.set_sessions(static_cast<std::uint32_t>(call.engine.sessions.size()));
  reply.set_changes_possible(call.engine.replica.changes_possible());
  reply.set_log_problem(call.engine.replica.LogProblem());
  call.Answer(reply);
  return {};
}
}  // namespace
constinit const CommandRow op::get_info{.command = wire::Command::kGetInfo, .run_now = &RunGetInfo};
}  // namespace strongroom::hsm
