// Source: cloudhsm.md 5.3. A user that is logged in on another HSM loses that login when the record arrives there.
#include <algorithm>

#include "hsm/commands/all.h"
#include "hsm/commands/answers.h"
#include "hsm/users/rules.h"

namespace strongroom::hsm {
namespace {

Result<replica::Proposal> DecideDeleteUser(const Engine& engine, const replica::State& state,
                                           const proto::DeleteUserRequest& request) {
  const replica::User* user = FindUser(state, request.name(), request.type());
  if (user == nullptr) return NoSuchUser();
  if (user->info.type() == proto::AU) return Error(Errc::kPermission, "The appliance user cannot be deleted.");
  const std::uint32_t id = user->info.id();
  const bool last_officer =
      user->info.type() == proto::CO && std::ranges::count_if(state.users(), [](const auto& entry) {
                                          return entry.second.info.type() == proto::CO;
                                        }) == 1;
  if (last_officer) return Error(Errc::kInvalidState, "The last officer cannot be deleted.");
  if (!engine.sessions.Of(id).empty()) return Error(Errc::kUserBusy, "The user is logged in.");
  const bool owns_keys =
      std::ranges::any_of(state.keys(), [id](const auto& entry) { return entry.second->info.owner() == id; });
  if (owns_keys) return Error(Errc::kInvalidState, "The user owns keys.");
  replica::Proposal proposal;
  proposal.changes.emplace_back().mutable_user_removed()->set_id(id);
  proposal.answer = Serialised(proto::DeleteUserReply());
  return proposal;
}

Task<Status> RunDeleteUser(Call& call) {
  proto::DeleteUserRequest request;
  SR_CO_CHECK(wire::ParseMessage(call.request, request));
  SR_CO_CHECK(CheckUserName(request.name()));
  call.audit_user = request.name();
  call.audit_user_type = request.type();
  call.engine.sessions.Revalidate();  // a login that has ended by news from the log keeps nobody busy
  const Engine& engine = call.engine;
  replica::Decide decide = [&engine, request = std::move(request)](const replica::State& state) {
    return DecideDeleteUser(engine, state, request);
  };
  SR_CO_TRY(call.answer,
            co_await call.engine.replica.Change(call.client_id(), wire::Command::kDeleteUser, std::move(decide)));
  co_return Status{};
}

}  // namespace
constinit const CommandRow op::delete_user{
    .command = wire::Command::kDeleteUser,
    .run = &RunDeleteUser,
    .audit = {.opcode_name = "CN_DELETE_USER", .opcode = 0xa1, .detail = AuditRow::Detail::kUser}};
}  // namespace strongroom::hsm
