// A user changes its own password, an officer anybody's; PRECO's own change makes it a CO and the cluster ACTIVE.
//
// "Cannot change the password of a user who is currently logged in" (cloudhsm.md 5.3): refused while the user has a
// session on this HSM other than the one that asks. Sessions that the same client process opened (LoginRequest's
// client_instance) count as one, so that a service with several connections can renew its own password; they stay
// logged in. Logins on other HSMs end when the record arrives there.
#include "crypto/password.h"
#include "hsm/commands/all.h"
#include "hsm/commands/answers.h"
#include "hsm/users/rules.h"

namespace strongroom::hsm {
namespace {

struct Asker {
  std::uint32_t user_id = 0;
  proto::UserType type = proto::USER_TYPE_UNSPECIFIED;
  std::string client_instance;
  const Session* session = nullptr;  // compared, never followed
};

bool OneClient(const Asker& asker, const Session& other) {
  if (&other == asker.session) return true;
  return !asker.client_instance.empty() && other.login()->client_instance == asker.client_instance;
}

Result<replica::Proposal> DecideChangePassword(const Engine& engine, const replica::State& state,
                                               const proto::ChangePasswordRequest& request, const Asker& asker,
                                               const std::string& hash) {
  const replica::User* user = FindUser(state, request.name(), request.type());
  if (user == nullptr) return NoSuchUser();
  const bool own = user->info.id() == asker.user_id;
  if (!own && asker.type != proto::CO) return Error(Errc::kPermission, "Only an officer changes another's password.");
  if (user->info.type() == proto::AU || (!own && user->info.type() == proto::PRECO))
    return Error(Errc::kPermission, "This user's password cannot be changed.");
  for (const Session* other : engine.sessions.Of(user->info.id()))
    if (!own || !OneClient(asker, *other)) return Error(Errc::kUserBusy, "The user is logged in.");

  replica::Proposal proposal;
  auto* put = proposal.changes.emplace_back().mutable_user_put();
  *put->mutable_user() = user->info;
  put->mutable_user()->set_login_failures(0);
  put->mutable_user()->set_locked(false);
  if (user->info.type() == proto::PRECO) put->mutable_user()->set_type(proto::CO);
  put->set_password_hash(hash);
  proto::ChangePasswordReply reply;
  *reply.mutable_user() = put->user();
  proposal.answer = Serialised(reply);
  return proposal;
}

/// The asking process's own sessions outlive the change: until it is decided, both passwords are theirs.
void ExpectHash(Engine& engine, const Asker& asker, const std::string& hash) {
  for (Session* session : engine.sessions.Of(asker.user_id))
    if (OneClient(asker, *session)) session->mutable_login()->next_hash = hash;
}
void SettleHash(Engine& engine, const Asker& asker, const std::string& hash) {
  const replica::User* user = engine.state().FindUser(asker.user_id);
  for (Session* session : engine.sessions.Of(asker.user_id)) {
    Login& login = *session->mutable_login();
    if (login.next_hash != hash) continue;
    if (user != nullptr && user->password_hash == hash) login.password_hash = hash;
    login.next_hash.clear();
  }
}

Task<Status> RunChangePassword(Call& call) {
  proto::ChangePasswordRequest request;
  SR_CO_CHECK(wire::ParseMessage(call.request, request));
  SR_CO_CHECK(CheckUserName(request.name()));
  call.audit_user = request.name();
  call.audit_user_type = request.type();
  SR_CO_CHECK(PasswordCheck::Rules(call.request.segments.at(0)));
  Engine& engine = call.engine;
  const Login& login = *call.session.login();
  const Asker asker{login.user_id, login.type, login.client_instance, &call.session};
  const bool own = SameUserName(login.name, request.name());
  auto password = std::move(call.request.segments.at(0));
  auto work = [password = std::move(password)] { return crypto::HashPassword(password); };
  SR_CO_TRY(const std::string hash, co_await engine.passwords.Run(engine.loop, std::move(work)));
  engine.sessions.Revalidate();  // a login that has ended by news from the log keeps nobody busy
  if (own) ExpectHash(engine, asker, hash);
  replica::Decide decide = [&engine, request = std::move(request), asker, hash](const replica::State& state) {
    return DecideChangePassword(engine, state, request, asker, hash);
  };
  auto changed = co_await engine.replica.Change(call.client_id(), wire::Command::kChangePassword, std::move(decide));
  if (own) SettleHash(engine, asker, hash);
  if (!changed) co_return std::move(changed).error();
  call.answer = std::move(*changed);
  proto::ChangePasswordReply reply;
  if (reply.ParseFromArray(call.answer.data(), static_cast<int>(call.answer.size())))
    engine.lockout.Forget(reply.user().id());
  engine.sessions.Revalidate();  // takes over PRECO's new type
  co_return Status{};
}

}  // namespace
constinit const CommandRow op::change_password{
    .command = wire::Command::kChangePassword,
    .run = &RunChangePassword,
    .segments = 1,
    .audit = {.opcode_name = "CN_CHANGE_PSWD", .opcode = 0x9, .detail = AuditRow::Detail::kUser}};
}  // namespace strongroom::hsm
