#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/task.h"
#include "channel/connect.h"
#include "channel/tls_context.h"
#include "cluster.pb.h"
#include "secret/secret_buffer.h"
#include "users.pb.h"
#include "wire/commands.h"
#include "wire/frame.h"

namespace strongroom::hsm_client {

using Clock = std::chrono::steady_clock;

/// Where an HSM is reached.
struct Endpoint {
  std::string address;  // IPv4 or IPv6 literal
  std::uint16_t port = channel::kHsmPort;
  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

/// Whom a client believes and as whom it comes: channel::OuterClient and channel::InnerClient contexts.
struct ClientTrust {
  channel::TlsContext outer;
  channel::TlsContext inner;
};

/// A failed call, and whether the HSM may have executed the command all the same.
enum class Executed : std::uint8_t {
  kNo,       // the HSM said so, or the command never left
  kPerhaps,  // sent, but the answer was lost or late
};

struct CallOptions {
  Clock::time_point deadline = Clock::now() + std::chrono::seconds(10);
  std::optional<wire::ClientId> client_id = std::nullopt;  // changes only
  Executed* executed = nullptr;                            // set when the call fails; outlives the call
  /// May end before its deadline, with kUnavailable, when the HSM is silent and OnSilence's handler says so.
  bool leaves_when_silent = false;
};

/// The newest position token that this client has seen, shared by all connections of a loop or cluster.
class PositionKeeper {
 public:
  virtual ~PositionKeeper() = default;
  /// Changes whenever newest() does; 0 while there is none.
  virtual std::uint64_t version() const noexcept = 0;
  virtual Bytes newest() const = 0;
  /// Takes the token if it is newer than the one kept; returns the version it got then, and 0 otherwise.
  virtual std::uint64_t Offer(ByteView token) = 0;
};
/// For one loop alone.
std::shared_ptr<PositionKeeper> MakePositionKeeper();
/// For many threads; version() is one atomic load.
std::shared_ptr<PositionKeeper> MakeSharedPositionKeeper();

/// One connection to one HSM through both TLS layers: thousands of calls outstanding, answers in any order.
///
/// Threads   belongs to one loop; every call is made there.
/// Lifetime  shared_ptr; calls under way keep it alive. Dropping the last one outside a call closes it.
class HsmConnection : public std::enable_shared_from_this<HsmConnection> {
 public:
  using MembershipHandler = std::function<void(const proto::MembershipEvent&)>;
  using ClosedHandler = std::function<void(const Error&)>;
  using SilenceHandler = std::function<bool()>;

  /// An HSM that owes answers and says nothing is sent an Echo after kAskAfter, is silent() after kSilentAfter and lost
  /// after kLostAfter. Only time in which this loop could have heard it counts.
  static constexpr std::chrono::milliseconds kAskAfter{100}, kSilentAfter{250}, kLostAfter{20'000};

  /// Connects on the calling coroutine's loop. Errors: those of channel::ConnectNested.
  static Task<Result<std::shared_ptr<HsmConnection>>> Open(Endpoint endpoint, ClientTrust trust,
                                                           Clock::time_point deadline,
                                                           std::shared_ptr<PositionKeeper> position = nullptr,
                                                           std::shared_ptr<channel::ConnectAttempt> attempt = nullptr);

  /// One command. A reply with a status becomes an Error with that Errc and the HSM's message. `request` is read before
  /// the first suspension and not kept.
  /// Errors: what the HSM answers; kTimeout at the deadline; kUnavailable when the connection is or gets lost
  /// (options.executed tells); kRequestTooLarge; kThrottled when more than 65,536 calls or the outgoing bound wait.
  Task<Result<wire::Frame>> Call(wire::Command command, const google::protobuf::MessageLite& request,
                                 std::vector<SecretBuffer> segments = {}, CallOptions options = {});

  /// The same, with the segments left to the caller, who may send them again to another HSM. Both references are read
  /// before the first suspension and not kept.
  Task<Result<wire::Frame>> CallKeeping(wire::Command command, const google::protobuf::MessageLite& request,
                                        std::vector<SecretBuffer>& segments, CallOptions options = {});

  /// Logs this connection in; the HSM forgets it with the connection.
  /// Errors: kLoginFailed, kUserNotFound, kUserLocked, kUserBusy, and those of Call.
  Task<Result<proto::UserInfo>> Login(proto::UserType type, std::string name, SecretBuffer password,
                                      CallOptions options = {});
  Task<Status> Logout(CallOptions options = {});

  void OnMembership(MembershipHandler handler);  // also told at once what came before the handler was set
  void OnClosed(ClosedHandler handler);          // once; not for one's own Close
  /// Asked again and again while the HSM is silent: whether the calls that may leave shall, since others would answer.
  void OnSilence(SilenceHandler handler);

  /// Fails all outstanding calls with kUnavailable. Idempotent.
  void Close();
  bool open() const noexcept;
  /// The HSM hangs, or the way to it does; until it is heard again.
  bool silent() const noexcept;
  std::size_t outstanding() const noexcept;
  const Endpoint& endpoint() const noexcept;

  ~HsmConnection();
  HsmConnection(const HsmConnection&) = delete;
  HsmConnection& operator=(const HsmConnection&) = delete;

  struct Impl;
  explicit HsmConnection(std::shared_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace strongroom::hsm_client
