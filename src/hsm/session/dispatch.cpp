// The way of a request through the HSM: row, rights, position, command, answer.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <utility>

#include "base/log.h"
#include "hsm/commands/all.h"
#include "hsm/session/engine.h"
#include "hsm/session/session.h"
#include "wire/status.h"

namespace strongroom::hsm {
namespace {

constexpr std::size_t kMaxHeldBytes = 1024 * 1024;  // of one connection's requests that wait
constexpr std::size_t kCommandNumbers = 128;

static_assert(kAllRows.size() == wire::kCommands.size(), "each command has one file in commands/");

struct Entry {
  const wire::CommandRow* rules = nullptr;
  const CommandRow* row = nullptr;
};
std::array<Entry, kCommandNumbers> MakeTable() noexcept {
  std::array<Entry, kCommandNumbers> table{};
  for (const CommandRow* row : kAllRows) {
    const auto number = static_cast<std::uint16_t>(row->command);
    table[number] = {wire::FindCommand(number), row};
  }
  return table;
}
Entry Find(std::uint16_t number) noexcept {
  static const std::array<Entry, kCommandNumbers> table = MakeTable();
  return number < table.size() ? table[number] : Entry{};
}

Status NeedsLogin() { return Error(Errc::kNotLoggedIn, "The command needs a login."); }
Status NotPermitted() { return Error(Errc::kPermission, "The user's role does not permit the command."); }

Status CheckRights(wire::Needs needs, const Session& session) {
  const proto::UserType type = session.login() ? session.login()->type : proto::USER_TYPE_UNSPECIFIED;
  const bool logged_in = session.login().has_value();
  switch (needs) {
    case wire::Needs::kNothing: return {};
    case wire::Needs::kLogin: return logged_in ? Status{} : NeedsLogin();
    case wire::Needs::kCryptoUser:
      if (!logged_in) return NeedsLogin();
      return type == proto::CU ? Status{} : NotPermitted();
    case wire::Needs::kOfficer:
      if (!logged_in) return NeedsLogin();
      return type == proto::CO ? Status{} : NotPermitted();
    case wire::Needs::kKeyUser:
      if (session.front_end() || type == proto::CU) return {};
      return logged_in ? NotPermitted() : NeedsLogin();
    case wire::Needs::kFrontEnd: return session.front_end() ? Status{} : NotPermitted();
  }
  return NotPermitted();
}

}  // namespace

const CommandRow* FindRow(std::uint16_t number) noexcept { return Find(number).row; }

Status Session::Admit(const wire::CommandRow& rules, const CommandRow& row, const wire::Frame& frame) const {
  if (!engine_.replica.serving()) return Error(Errc::kUnavailable, "This HSM does not serve.");
  SR_CHECK(CheckRights(rules.needs, *this));
  if (rules.repeat == wire::Repeat::kDeduplicated && !frame.client_id)
    return Error(Errc::kInvalidArgument, "A change needs a client id.");
  if (frame.segments.size() != row.segments)
    return Error(Errc::kInvalidArgument, "The command has a wrong number of secret fields.");
  return {};
}

void Session::OnFrame(wire::Frame& frame) {
  if (frame.kind != wire::FrameKind::kRequest) {
    Close(Error(Errc::kSerialization, "A client sends requests only."));
    return;
  }
  const Entry entry = Find(frame.code);
  Call call{.engine = engine_, .session = *this, .request = frame};
  if (entry.row == nullptr) {
    Reply(nullptr, call, Error(Errc::kUnknownOperation, "There is no such command."));
    return;
  }
  Pass(*entry.row, SessionStep::kReceived);
  Revalidate();
  if (sink_ == nullptr) return;
  Status admitted = Admit(*entry.rules, *entry.row, frame);
  if (!admitted) {
    Reply(entry.row, call, admitted);
    return;
  }
  Pass(*entry.row, SessionStep::kAdmitted);
  engine_.pairs.NoteCommand();
  if (entry.row->run_now != nullptr && engine_.replica.HasReached(frame.position)) {
    const Status status = entry.row->run_now(call);
    if (status.ok() || status.error().code() != Errc::kNotFound) {
      Reply(entry.row, call, status);
      return;
    }
    // What is not there may be news from another HSM: asked again after catching up.
    call.segments.clear();
  }
  const std::size_t bytes = frame.message.size();
  if (held_bytes_ + bytes > kMaxHeldBytes) {
    Reply(entry.row, call, Error(Errc::kThrottled, "Too much waits on this connection."));
    return;
  }
  held_bytes_ += bytes;
  boost::asio::co_spawn(engine_.loop.get_executor(), RunLater(shared_from_this(), entry.row, std::move(frame)),
                        boost::asio::detached);
}

Status Session::StillPermitted(wire::Needs needs) {
  Revalidate();
  if (!engine_.replica.serving()) return Error(Errc::kUnavailable, "This HSM does not serve.");
  return CheckRights(needs, *this);
}

Task<void> Session::RunLater(std::shared_ptr<Session> self, const CommandRow* row, wire::Frame frame) {
  Engine& engine = self->engine_;
  const std::size_t bytes = frame.message.size();
  const wire::Needs needs = Find(frame.code).rules->needs;
  Call call{.engine = engine, .session = *self, .request = frame};
  Status status;
  bool caught_up = false;
  if (!engine.replica.HasReached(frame.position)) {
    Bytes position = frame.position;
    status = co_await engine.replica.WaitFor(std::move(position));
  } else if (row->run_now != nullptr) {
    // Here because something was not found. If the store is away, what there is decides.
    (void)co_await engine.replica.CatchUp(replica::Reason::kNegativeAnswer);
    caught_up = true;
  }
  // The waiting may have ended the login.
  if (status.ok()) status = self->StillPermitted(needs);
  if (status.ok() && row->run != nullptr) {
    status = co_await row->run(call);
  } else if (status.ok()) {
    status = row->run_now(call);
    if (!status.ok() && status.error().code() == Errc::kNotFound && !caught_up) {
      call.segments.clear();
      (void)co_await engine.replica.CatchUp(replica::Reason::kNegativeAnswer);
      status = self->StillPermitted(needs);
      if (status.ok()) status = row->run_now(call);
    }
  }
  self->held_bytes_ -= bytes;
  self->Reply(row, call, status);
}

void Session::Pass(const CommandRow& row, SessionStep step) const {
  if (!engine_.options.at_step) return;
  if (Find(static_cast<std::uint16_t>(row.command)).rules->repeat == wire::Repeat::kDeduplicated)
    engine_.options.at_step(step);
}

void Session::Reply(const CommandRow* row, Call& call, const Status& status) {
  if (row != nullptr && !row->audit.opcode_name.empty()) engine_.audit.Write(*row, call, status);
  if (sink_ == nullptr) return;
  reply_.kind = wire::FrameKind::kReply;
  reply_.id = call.request.id;
  reply_.client_id.reset();
  reply_.position.clear();
  reply_.message.clear();
  reply_.segments.clear();
  const google::protobuf::MessageLite* message = nullptr;
  proto::Failure failure;
  if (status.ok()) {
    reply_.code = 0;
    reply_.segments = std::move(call.segments);
    if (call.kept != nullptr)
      message = call.kept;
    else
      reply_.message = std::move(call.answer);
  } else {
    reply_.code = wire::StatusOf(status.error().code());
    failure.set_message(status.error().public_message());
    message = &failure;
    if (status.error().code() == Errc::kInternal || status.error().code() == Errc::kCorrupted)
      LogError("a command failed", status.error());
  }
  if (const std::uint64_t head = engine_.replica.head(); head != position_sent_) {
    reply_.position = engine_.replica.Position();
    position_sent_ = head;
  }
  if (row != nullptr) Pass(*row, SessionStep::kAnswering);
  const Status sent = sink_->Send(reply_, message);
  if (row != nullptr) Pass(*row, SessionStep::kAnswered);
  reply_.segments.clear();
  if (sent.ok() || sink_ == nullptr) return;
  if (sent.error().code() != Errc::kRequestTooLarge) {
    Close(sent.error());
    return;
  }
  reply_.code = wire::StatusOf(Errc::kLimitExceeded);
  failure.set_message("The answer is too large.");
  if (const Status again = sink_->Send(reply_, &failure); !again) Close(again.error());
}

}  // namespace strongroom::hsm
