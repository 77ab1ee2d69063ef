#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "hsm/session/command_row.h"
#include "hsm/vault/vault.h"
#include "users.pb.h"
#include "wire/frame.h"

namespace strongroom::hsm {

enum class SessionStep : std::uint8_t;

/// Where a session's answers go: a TlsPipe, or a test.
class ReplySink {
 public:
  virtual Status Send(const wire::Frame& frame, const google::protobuf::MessageLite* message) = 0;
  /// Ends the connection; the session hears no more of it.
  virtual void Close() = 0;

 protected:
  ~ReplySink() = default;
};

/// A user who has logged in on a connection. Logins are the HSM's own and not in the log.
struct Login {
  std::uint32_t user_id = 0;
  proto::UserType type = proto::USER_TYPE_UNSPECIFIED;
  std::string name;
  std::string password_hash;  // the one that was right; a session ends when the user's is another
  std::string next_hash;      // while its own process changes the password: this one is right too
  std::string client_instance;
};

/// One connection's state and the way of its requests: row, rights, position, command, answer.
///
/// Promise   each request gets exactly one answer while the connection lives; answers may overtake each other.
/// Threads   the loop of the HSM.
/// Lifetime  shared: requests under way keep it alive after the connection is gone, and their answers are dropped.
class Session : public std::enable_shared_from_this<Session> {
 public:
  /// `front_end_key`: the enrolled public key (DER SubjectPublicKeyInfo) whose possession the handshake has proved, or
  /// empty. `sink` is used until Detach.
  static std::shared_ptr<Session> Make(Engine& engine, ReplySink& sink, Bytes front_end_key);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// One request. Anything but a request ends the connection.
  void OnFrame(wire::Frame& frame);
  /// The connection is gone.
  void Detach();
  void Close(const Error& why);
  void SendMembership();

  const std::optional<Login>& login() const noexcept { return login_; }
  Login* mutable_login() noexcept { return login_ ? &*login_ : nullptr; }
  void SetLogin(Login login) { login_ = std::move(login); }
  void ClearLogin() { login_.reset(); }
  bool front_end() const noexcept { return !front_end_key_.empty(); }
  KeyUser key_user() const noexcept { return {login_ ? login_->user_id : 0, front_end()}; }
  std::uint32_t handle() const noexcept { return handle_; }

  /// Whether the login and the front end's enrolment still stand in the state.
  void Revalidate();

  /// One login at a time per connection, and a pause after a wrong password.
  bool login_running = false;
  std::chrono::steady_clock::time_point next_login{};

 private:
  Session(Engine& engine, ReplySink& sink, Bytes front_end_key);

  Status Admit(const wire::CommandRow& rules, const CommandRow& row, const wire::Frame& frame) const;
  Status StillPermitted(wire::Needs needs);
  static Task<void> RunLater(std::shared_ptr<Session> self, const CommandRow* command, wire::Frame frame);
  void Reply(const CommandRow* command, Call& call, const Status& status);
  void Pass(const CommandRow& command, SessionStep step) const;

  Engine& engine_;
  ReplySink* sink_;
  Bytes front_end_key_;
  const std::uint32_t handle_;
  std::optional<Login> login_;
  std::uint64_t checked_head_ = 0;   // the login was found valid at this head
  std::uint64_t position_sent_ = 0;  // head whose position token the client has
  std::size_t held_bytes_ = 0;       // of requests that wait
  wire::Frame reply_;                // kept, so that an answer costs no allocation
};

}  // namespace strongroom::hsm
