#include "hsm/session/session.h"

#include <utility>

#include "base/log.h"
#include "cluster.pb.h"
#include "hsm/session/engine.h"

namespace strongroom::hsm {

std::shared_ptr<Session> Session::Make(Engine& engine, ReplySink& sink, Bytes front_end_key) {
  return std::shared_ptr<Session>(new Session(engine, sink, std::move(front_end_key)));
}

Session::Session(Engine& engine, ReplySink& sink, Bytes front_end_key)
    : engine_(engine), sink_(&sink), front_end_key_(std::move(front_end_key)), handle_(engine.sessions.NextHandle()) {
  engine_.sessions.Add(*this);
}

Session::~Session() { Detach(); }

void Session::Detach() {
  sink_ = nullptr;
  login_.reset();
  engine_.sessions.Remove(*this);
}

void Session::Close(const Error& why) {
  if (sink_ == nullptr) return;
  log::Info("session {:#x} closed: {}", handle_, why.public_message());
  ReplySink& sink = *sink_;
  const auto alive = shared_from_this();  // the sink may drop its reference
  Detach();
  sink.Close();
}

void Session::Revalidate() {
  const std::uint64_t head = engine_.replica.head();
  if (head == checked_head_) return;
  checked_head_ = head;
  const replica::State& state = engine_.state();
  if (login_) {
    const replica::User* user = state.FindUser(login_->user_id);
    const bool same_password =
        user != nullptr && (user->password_hash == login_->password_hash ||
                            (!login_->next_hash.empty() && user->password_hash == login_->next_hash));
    if (!same_password) {
      log::Info("session {:#x}: the login of {} ends, the user was changed or deleted", handle_, login_->name);
      login_.reset();
    } else {
      login_->type = user->info.type();
    }
  }
  if (front_end() && !state.front_ends().contains(front_end_key_))
    Close(Error(Errc::kUntrusted, "The front end is no longer enrolled."));
}

void Session::SendMembership() {
  if (sink_ == nullptr) return;
  proto::MembershipEvent event;
  for (const proto::Member& member : engine_.replica.Members()) *event.add_members() = member;
  wire::Frame frame;
  frame.kind = wire::FrameKind::kEvent;
  frame.code = static_cast<std::uint16_t>(wire::Event::kMembership);
  if (const Status sent = sink_->Send(frame, &event); !sent) Close(sent.error());
}

}  // namespace strongroom::hsm
