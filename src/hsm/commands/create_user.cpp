// Source: cloudhsm.md 5.3; AWS CloudHSM User Guide, createUser.
#include "crypto/password.h"
#include "hsm/commands/all.h"
#include "hsm/commands/answers.h"
#include "hsm/users/rules.h"

namespace strongroom::hsm {
namespace {

Result<replica::Proposal> DecideCreateUser(const replica::State& state, const proto::CreateUserRequest& request,
                                           const std::string& hash) {
  if (state.FindUser(request.name()) != nullptr) return Error(Errc::kAlreadyExists, "The user name is taken.");
  if (state.users().size() >= kMaxUsers) return Error(Errc::kLimitExceeded, "A cluster has at most 1024 users.");
  replica::Proposal proposal;
  auto* put = proposal.changes.emplace_back().mutable_user_put();
  put->mutable_user()->set_id(state.next_user_id());
  put->mutable_user()->set_type(request.type());
  put->mutable_user()->set_name(request.name());
  put->set_password_hash(hash);
  proto::CreateUserReply reply;
  *reply.mutable_user() = put->user();
  proposal.answer = Serialised(reply);
  return proposal;
}

Task<Status> RunCreateUser(Call& call) {
  proto::CreateUserRequest request;
  SR_CO_CHECK(wire::ParseMessage(call.request, request));
  SR_CO_CHECK(CheckUserName(request.name()));
  call.audit_user = request.name();
  call.audit_user_type = request.type();
  if (request.type() != proto::CU && request.type() != proto::CO)
    co_return Error(Errc::kInvalidArgument, "A new user is a CU or a CO.");
  SR_CO_CHECK(PasswordCheck::Rules(call.request.segments.at(0)));
  auto password = std::move(call.request.segments.at(0));
  auto work = [password = std::move(password)] { return crypto::HashPassword(password); };
  SR_CO_TRY(std::string hash, co_await call.engine.passwords.Run(call.engine.loop, std::move(work)));
  replica::Decide decide = [request = std::move(request), hash = std::move(hash)](const replica::State& state) {
    return DecideCreateUser(state, request, hash);
  };
  SR_CO_TRY(call.answer,
            co_await call.engine.replica.Change(call.client_id(), wire::Command::kCreateUser, std::move(decide)));
  co_return Status{};
}

}  // namespace
constinit const CommandRow op::create_user{
    .command = wire::Command::kCreateUser,
    .run = &RunCreateUser,
    .segments = 1,
    .audit = {.opcode_name = "CN_CREATE_USER", .opcode = 0x3, .detail = AuditRow::Detail::kUser}};
}  // namespace strongroom::hsm
