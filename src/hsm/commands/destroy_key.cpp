// Source: cloudhsm.md 9.2: the owner alone destroys a key; who has it shared may only use it.
#include "hsm/commands/all.h"
#include "hsm/commands/answers.h"

namespace strongroom::hsm {
namespace {

Result<replica::Proposal> DecideDestroyKey(const replica::State& state, const proto::DestroyKeyRequest& request,
                                           std::uint32_t user_id) {
  const replica::KeyPtr key = state.FindKey(request.handle());
  if (!key || !MayUse(key->info, user_id)) return NoSuchKey();
  if (!request.label().empty() && request.label() != key->info.label()) return NoSuchKey();
  if (key->info.owner() != user_id) return Error(Errc::kPermission, "Only its owner destroys a key.");
  replica::Proposal proposal;
  proposal.changes.emplace_back().mutable_key_removed()->set_handle(request.handle());
  proposal.answer = Serialised(proto::DestroyKeyReply());
  return proposal;
}

Task<Status> RunDestroyKey(Call& call) {
  proto::DestroyKeyRequest request;
  SR_CO_CHECK(wire::ParseMessage(call.request, request));
  call.audit_key = request.handle();
  replica::Decide decide = [request, user_id = call.session.login()->user_id](const replica::State& state) {
    return DecideDestroyKey(state, request, user_id);
  };
  SR_CO_TRY(call.answer,
            co_await call.engine.replica.Change(call.client_id(), wire::Command::kDestroyKey, std::move(decide)));
  co_return Status{};
}

}  // namespace
constinit const CommandRow op::destroy_key{
    .command = wire::Command::kDestroyKey,
    .run = &RunDestroyKey,
    .audit = {.opcode_name = "CN_DESTROY_OBJECT", .opcode = 0x11, .detail = AuditRow::Detail::kKey}};
}  // namespace strongroom::hsm
