// Source: cloudhsm.md 5.2 and 6.2: the owner alone shares a key, with crypto users, who may then use it but neither
// destroy nor share it. A deleted user's shares go with it.
#include <algorithm>

#include "hsm/commands/all.h"
#include "hsm/commands/answers.h"

namespace strongroom::hsm {
namespace {

Result<replica::Proposal> DecideShareKey(const replica::State& state, const proto::ShareKeyRequest& request,
                                         std::uint32_t asker) {
  SR_CHECK(replica::RequireLevel(state, replica::kLevelOfSharing));
  const replica::KeyPtr key = state.FindKey(request.handle());
  if (!key || !MayUse(key->info, asker)) return NoSuchKey();
  if (key->info.owner() != asker) return Error(Errc::kPermission, "Only its owner shares a key.");
  if (key->info.key_class() == proto::PUBLIC)
    return Error(Errc::kUnsupported, "A public key cannot be shared: it is no secret.");
  const replica::User* user = state.FindUser(request.user());
  if (user == nullptr) return NoSuchUser();
  if (request.user() == asker) return Error(Errc::kInvalidArgument, "The owner has the key already.");
  if (user->info.type() != proto::CU) return Error(Errc::kInvalidArgument, "A key is shared with crypto users only.");
  const bool shared = replica::IsSharedWith(key->info, request.user());
  if (!shared && !request.shared()) return Error(Errc::kInvalidState, "The key is not shared with this user.");

  replica::Proposal proposal;
  proto::ShareKeyReply reply;
  *reply.mutable_key() = key->info;
  auto& sharers = *reply.mutable_key()->mutable_shared_with();
  if (!request.shared()) {
    sharers.erase(std::ranges::find(sharers, request.user()));
  } else if (!shared) {
    sharers.Add(request.user());
    std::ranges::sort(sharers);
  }
  proposal.answer = Serialised(reply);
  if (shared == request.shared()) return proposal;
  auto* change = proposal.changes.emplace_back().mutable_key_shared();
  change->set_handle(request.handle());
  change->set_user_id(request.user());
  change->set_shared(request.shared());
  return proposal;
}

Task<Status> RunShareKey(Call& call) {
  proto::ShareKeyRequest request;
  SR_CO_CHECK(wire::ParseMessage(call.request, request));
  call.audit_key = request.handle();
  replica::Decide decide = [request, asker = call.session.login()->user_id](const replica::State& state) {
    return DecideShareKey(state, request, asker);
  };
  SR_CO_TRY(call.answer,
            co_await call.engine.replica.Change(call.client_id(), wire::Command::kShareKey, std::move(decide)));
  co_return Status{};
}

}  // namespace
constinit const CommandRow op::share_key{
    .command = wire::Command::kShareKey,
    .run = &RunShareKey,
    .audit = {.opcode_name = "CN_SHARE_OBJECT", .opcode = 0x12, .detail = AuditRow::Detail::kKey}};
}  // namespace strongroom::hsm
