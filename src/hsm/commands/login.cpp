// Source: cloudhsm.md 5.3 (lock-out, error numbers) and 5.2 (who may log in).
#include "base/log.h"
#include "crypto/password.h"
#include "hsm/commands/all.h"
#include "hsm/commands/answers.h"
#include "hsm/users/rules.h"

namespace strongroom::hsm {
namespace {

Error WrongPassword() { return Error(Errc::kLoginFailed, "The password is wrong."); }
Error Locked() {
  return Error(Errc::kUserLocked,
               "The user is locked; an officer, or for an officer the cluster's owner, must set a new password.");
}

Task<Result<bool>> Verify(Engine& engine, std::shared_ptr<const SecretBuffer> password, std::string hash) {
  if (hash.empty()) co_return false;  // no password ever matches
  auto work = [password = std::move(password), hash = std::move(hash)] {
    return crypto::VerifyPassword(*password, hash);
  };
  auto verified = co_await engine.passwords.Run(engine.loop, std::move(work));
  co_return verified;
}

Task<Status> RunOne(Call& call, proto::LoginRequest request) {
  Engine& engine = call.engine;
  Session& session = call.session;
  auto password = std::make_shared<const SecretBuffer>(std::move(call.request.segments.at(0)));
  if (session.next_login > std::chrono::steady_clock::now()) co_await WaitUntil(engine, session.next_login);

  const replica::User* user = FindUser(engine.state(), request.name(), request.type());
  if (user == nullptr || engine.lockout.Locked(*user)) {
    (void)co_await engine.replica.CatchUp(replica::Reason::kNegativeAnswer);
    user = FindUser(engine.state(), request.name(), request.type());
    if (user == nullptr) {
      session.next_login = std::chrono::steady_clock::now() + engine.options.login_pause;
      co_return NoSuchUser();
    }
    if (engine.lockout.Locked(*user)) co_return Locked();
  }
  const std::uint32_t user_id = user->info.id();
  std::string hash = user->password_hash;
  SR_CO_TRY(bool right, co_await Verify(engine, password, hash));
  if (!right) {
    // The password may have been changed on another HSM.
    (void)co_await engine.replica.CatchUp(replica::Reason::kNegativeAnswer);
    user = engine.state().FindUser(user_id);
    if (user == nullptr) co_return NoSuchUser();
    if (user->password_hash != hash) {
      hash = user->password_hash;
      SR_CO_TRY(right, co_await Verify(engine, password, hash));
    }
  }
  user = engine.state().FindUser(user_id);
  if (user == nullptr) co_return NoSuchUser();
  // Looked at again, since guesses on other connections may have locked the user while this one was being hashed.
  if (engine.lockout.Locked(*user)) co_return Locked();
  if (!right) {
    session.next_login = std::chrono::steady_clock::now() + engine.options.login_pause;
    co_await engine.lockout.CountFailure(user_id);
    co_return WrongPassword();
  }
  co_await engine.lockout.Reset(user_id);
  user = engine.state().FindUser(user_id);
  if (user == nullptr || user->password_hash != hash) co_return WrongPassword();

  Login login{.user_id = user_id, .type = user->info.type(), .name = user->info.name()};
  login.password_hash = std::move(hash);
  login.client_instance = request.client_instance();
  session.SetLogin(std::move(login));
  proto::LoginReply reply;
  *reply.mutable_user() = Shown(engine, *user);
  call.Answer(reply);
  co_return Status{};
}

Task<Status> RunLogin(Call& call) {
  proto::LoginRequest request;
  SR_CO_CHECK(wire::ParseMessage(call.request, request));
  // Before the name is known to be one, it is not written to the audit log.
  SR_CO_CHECK(CheckUserName(request.name()));
  call.audit_user = request.name();
  call.audit_user_type = request.type();
  if (request.type() == proto::AU) co_return Error(Errc::kPermission, "The appliance user cannot log in.");
  if (request.type() != proto::CU && request.type() != proto::CO && request.type() != proto::PRECO)
    co_return Error(Errc::kInvalidArgument, "Users log in as CU, CO or PRECO.");
  if (request.client_instance().size() > 64) co_return Error(Errc::kInvalidArgument, "The client's name is too long.");
  if (call.session.login_running) co_return Error(Errc::kThrottled, "One login at a time on a connection.");
  if (call.session.login()) co_return Error(Errc::kInvalidState, "This connection has logged in already.");
  call.session.login_running = true;
  Status status = co_await RunOne(call, std::move(request));
  call.session.login_running = false;
  co_return status;
}

}  // namespace
constinit const CommandRow op::login{
    .command = wire::Command::kLogin,
    .run = &RunLogin,
    .segments = 1,
    .audit = {.opcode_name = "CN_LOGIN", .opcode = 0xd, .detail = AuditRow::Detail::kUser}};
}  // namespace strongroom::hsm
