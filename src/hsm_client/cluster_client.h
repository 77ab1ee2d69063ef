#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hsm_client/connection.h"

namespace strongroom::hsm_client {

/// A login made on every connection of a cluster.
struct Credentials {
  proto::UserType type = proto::CU;
  std::string name;
  SecretBuffer password;
};

struct ClusterOptions {
  std::vector<Endpoint> seeds;                      // any of the members; the rest is learned
  std::optional<Credentials> credentials;           // none: no login (front ends come with an inner client certificate)
  std::uint16_t port = channel::kHsmPort;           // of members that the cluster announces
  std::chrono::milliseconds connect_timeout{5000};  // TCP, both handshakes and login
  std::chrono::milliseconds call_timeout{10000};    // of one call with all its retries, unless it says otherwise
  std::chrono::milliseconds min_backoff{50};
  std::chrono::milliseconds max_backoff{10000};
};

struct ClusterCounters {
  std::uint64_t calls = 0, failures = 0, retries = 0;
  std::uint64_t connects = 0, connect_failures = 0, connections_lost = 0;
  std::uint64_t logins = 0, login_failures = 0;
};

struct MemberState {
  Endpoint endpoint;
  std::string hsm_id;           // empty until the cluster has announced it
  std::size_t connections = 0;  // over all loops
  std::string last_error;       // of the last attempt to connect; empty when it worked
};

struct LoopState;

/// The HSMs of one cluster as one: a connection per HSM and loop, opened when first needed, kept open, opened again
/// after a loss; calls go to the member with the fewest outstanding, and to another one when a member is lost or hangs.
///
/// Promise   repeatable commands are retried until the deadline; changes too, under a client id made here, so that
///           nothing is done twice; commands that belong to a connection are never retried. What one HSM has
///           acknowledged, a later call through any other sees.
/// Threads   any. Call runs on the calling coroutine's loop, which must be one of those given.
/// Lifetime  the loops outlive it. `request` is read until Call is done. Copies of the shared_ptr share one client.
class ClusterClient {
 public:
  /// Connects to nothing yet. `loops` must not be empty.
  static std::shared_ptr<ClusterClient> Create(std::vector<Loop*> loops, ClientTrust trust, ClusterOptions options);
  ~ClusterClient();
  ClusterClient(const ClusterClient&) = delete;
  ClusterClient& operator=(const ClusterClient&) = delete;

  /// One command on whichever member suits; retries as the table in wire/commands.h says.
  /// Errors: what the HSM answers; kUnavailable no member can be reached; kUntrusted the members' certificates are not
  /// the expected ones, or they refuse ours; kLoginFailed, kUserNotFound, kUserLocked the login is refused; kTimeout;
  /// kCancelled after Close.
  Task<Result<wire::Frame>> Call(wire::Command command, const google::protobuf::MessageLite& request,
                                 std::vector<SecretBuffer> segments = {},
                                 std::optional<Clock::time_point> deadline = std::nullopt);

  /// A reply's protobuf with its secret segments.
  template <typename Reply>
  struct Answer {
    Reply reply;
    std::vector<SecretBuffer> segments;
  };
  /// The same with the reply parsed: `auto r = co_await client->Call<proto::SealMessageReply>(...)`.
  template <typename Reply>
  Task<Result<Answer<Reply>>> Call(wire::Command command, const google::protobuf::MessageLite& request,
                                   std::vector<SecretBuffer> segments = {},
                                   std::optional<Clock::time_point> deadline = std::nullopt) {
    auto frame = co_await Call(command, request, std::move(segments), deadline);
    if (!frame.ok()) co_return std::move(frame).error();
    Answer<Reply> answer;
    SR_CO_CHECK(wire::ParseMessage(*frame, answer.reply));
    answer.segments = std::move(frame->segments);
    co_return answer;
  }

  /// What one of the members answered.
  struct MemberAnswer {
    Endpoint endpoint;
    Result<wire::Frame> reply;
  };
  /// A repeatable command, without segments, to each member that is known, all at once. A member that is down is waited
  /// for no longer than until one attempt to connect has failed, one that hangs no longer than Call waits for it.
  /// Errors: kInvalidArgument another command; kInternal, kCancelled as Call; the members' own are in their answers.
  Task<Result<std::vector<MemberAnswer>>> CallEach(wire::Command command, const google::protobuf::MessageLite& request,
                                                   Clock::time_point deadline);

  /// One attempt to reach and log in to any member, for "connect" operations: success or the most telling error.
  Task<Status> Probe(Clock::time_point deadline);

  /// Later logins use this password. Connections that are logged in stay so.
  Status SetPassword(const SecretBuffer& password);

  std::vector<MemberState> Members() const;
  ClusterCounters Counters() const;

  /// Ends all connections and back-offs; calls under way fail with kCancelled. Idempotent. To be called (or the last
  /// shared_ptr dropped) while the loops still run.
  void Close();

  struct Shared;
  explicit ClusterClient(std::shared_ptr<Shared> shared) noexcept : shared_(std::move(shared)) {}

 private:
  std::shared_ptr<Shared> shared_;
};

}  // namespace strongroom::hsm_client
