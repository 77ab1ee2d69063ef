// The way out of a forked log (docs/architecture.md): an officer says which side is forgotten.
#include "cluster.pb.h"
#include "hsm/commands/all.h"
#include "hsm/commands/answers.h"

namespace strongroom::hsm {
namespace {

Task<Status> RunChooseLog(Call& call) {
  proto::ChooseLogRequest request;
  SR_CO_CHECK(wire::ParseMessage(call.request, request));
  if (request.side() != proto::ChooseLogRequest::THIS_HSM && request.side() != proto::ChooseLogRequest::STORE)
    co_return Error(Errc::kInvalidArgument, "One of this HSM and the store must be chosen.");
  SR_CO_TRY(const proto::ChooseLogReply reply, co_await call.engine.replica.ChooseLog(request.side()));
  call.Answer(reply);
  co_return Status{};
}

}  // namespace
constinit const CommandRow op::choose_log{.command = wire::Command::kChooseLog,
                                          .run = &RunChooseLog,
                                          .audit = {.opcode_name = "CN_CHOOSE_LOG", .opcode = 0x1f3}};
}  // namespace strongroom::hsm
