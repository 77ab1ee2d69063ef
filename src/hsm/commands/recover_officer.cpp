// The second half of an officer's recovery: with the owner's signature the officer gets a new password, is unlocked,
// and all logins under the old password end. Needs no login; a signature that is wrong costs the connection the same
// pause as a wrong password, and is looked at by the same single worker.
#include "base/log.h"
#include "crypto/password.h"
#include "hsm/commands/all.h"
#include "hsm/commands/answers.h"
#include "hsm/users/officer_recovery.h"
#include "hsm/users/rules.h"

namespace strongroom::hsm {
namespace {

constexpr auto kNumber = static_cast<std::uint32_t>(wire::Command::kRecoverOfficer);

Result<const replica::User*> Check(const Engine& engine, const replica::State& state,
                                   const proto::RecoverOfficerRequest& request) {
  const SharedSecret secret = engine.replica.device().SecretOf(state.epoch());
  if (!secret) return Error(Errc::kUnavailable, "This HSM does not serve.");
  return CheckOwnerChallenge(state, *secret, request.name(), request.challenge(), engine.replica.head(),
                             engine.options.now_millis());
}

Result<replica::Proposal> DecideRecoverOfficer(const Engine& engine, const replica::State& state,
                                               const proto::RecoverOfficerRequest& request, const std::string& hash) {
  // Again, on the state that the change is made to: of two with one challenge, only one may have an effect.
  SR_TRY(const replica::User* officer, Check(engine, state, request));
  replica::Proposal proposal;
  auto* put = proposal.changes.emplace_back().mutable_user_put();
  *put->mutable_user() = officer->info;
  put->mutable_user()->set_login_failures(0);
  put->mutable_user()->set_locked(false);
  put->set_password_hash(hash);
  proto::RecoverOfficerReply reply;
  *reply.mutable_user() = put->user();
  proposal.answer = Serialised(reply);
  return proposal;
}

void PauseNext(const Engine& engine, Session& session) {
  session.next_login = std::chrono::steady_clock::now() + engine.options.login_pause;
}

Task<Status> RunOne(Call& call, proto::RecoverOfficerRequest request) {
  Engine& engine = call.engine;
  Session& session = call.session;
  if (session.next_login > std::chrono::steady_clock::now()) co_await WaitUntil(engine, session.next_login);

  // A repeat: its challenge is used up, by itself.
  const auto remembered = [&] { return engine.state().Remembered(*call.client_id(), kNumber); };
  auto checked = Check(engine, engine.state(), request);
  if (!checked.ok() && remembered() == nullptr) {
    (void)co_await engine.replica.CatchUp(replica::Reason::kNegativeAnswer);
    checked = Check(engine, engine.state(), request);
  }
  if (const Bytes* answer = remembered()) {
    call.answer = *answer;
    co_return Status{};
  }
  if (!checked.ok()) {
    PauseNext(engine, session);
    co_return std::move(checked).error();
  }
  const std::uint32_t user_id = (*checked)->info.id();

  auto work = [anchor = engine.state().identity().trust_anchor, challenge = request.challenge(),
               signature = request.signature(),
               password = std::move(call.request.segments.at(0))]() -> Result<std::string> {
    SR_CHECK(VerifyOwnerSignature(anchor, challenge, AsBytes(signature)));
    return crypto::HashPassword(password);
  };
  auto hash = co_await engine.passwords.Run(engine.loop, std::move(work));
  if (!hash.ok()) {
    if (hash.error().code() == Errc::kBadSignature) PauseNext(engine, session);
    co_return std::move(hash).error();
  }
  replica::Decide decide = [&engine, request, hash = std::move(*hash)](const replica::State& state) {
    return DecideRecoverOfficer(engine, state, request, hash);
  };
  SR_CO_TRY(call.answer,
            co_await engine.replica.Change(call.client_id(), wire::Command::kRecoverOfficer, std::move(decide)));
  log::Warn("officer {} has got a new password by the word of the cluster's owner", request.name());
  engine.lockout.Forget(user_id);
  engine.sessions.Revalidate();
  co_return Status{};
}

Task<Status> RunRecoverOfficer(Call& call) {
  proto::RecoverOfficerRequest request;
  SR_CO_CHECK(wire::ParseMessage(call.request, request));
  SR_CO_CHECK(CheckUserName(request.name()));
  call.audit_user = request.name();
  call.audit_user_type = proto::CO;
  if (request.challenge().size() > kMaxChallengeBytes || request.signature().size() > kMaxOwnerSignatureBytes)
    co_return Error(Errc::kInvalidArgument, "The challenge or the signature is too long.");
  SR_CO_CHECK(PasswordCheck::Rules(call.request.segments.at(0)));
  if (call.session.login_running) co_return Error(Errc::kThrottled, "One login at a time on a connection.");
  call.session.login_running = true;
  Status status = co_await RunOne(call, std::move(request));
  call.session.login_running = false;
  co_return status;
}

}  // namespace
constinit const CommandRow op::recover_officer{
    .command = wire::Command::kRecoverOfficer,
    .run = &RunRecoverOfficer,
    .segments = 1,
    .audit = {.opcode_name = "CN_RECOVER_OFFICER", .opcode = 0x1f4, .detail = AuditRow::Detail::kUser}};
}  // namespace strongroom::hsm
