#pragma once

#include <memory>

#include "hsm_client/cluster_client.h"
#include "hsm_client/connection.h"

namespace strongroom::hsm_client {

/// One HSM, blocking, for command-line tools: a connection on a loop and thread of its own.
///
/// Threads   one at a time.
class SyncConnection {
 public:
  static Result<std::unique_ptr<SyncConnection>> Open(Endpoint endpoint, ClientTrust trust,
                                                      std::chrono::milliseconds timeout = std::chrono::seconds(5));
  ~SyncConnection();
  SyncConnection(const SyncConnection&) = delete;
  SyncConnection& operator=(const SyncConnection&) = delete;

  Result<wire::Frame> Call(wire::Command command, const google::protobuf::MessageLite& request,
                           std::vector<SecretBuffer> segments = {}, CallOptions options = {});
  template <typename Reply>
  Result<ClusterClient::Answer<Reply>> Call(wire::Command command, const google::protobuf::MessageLite& request,
                                            std::vector<SecretBuffer> segments = {}, CallOptions options = {}) {
    SR_TRY(wire::Frame frame, Call(command, request, std::move(segments), options));
    ClusterClient::Answer<Reply> answer;
    SR_CHECK(wire::ParseMessage(frame, answer.reply));
    answer.segments = std::move(frame.segments);
    return answer;
  }
  Result<proto::UserInfo> Login(proto::UserType type, std::string name, SecretBuffer password);
  Status Logout();
  bool open() const;
  /// The members that the HSM last announced.
  std::vector<proto::Member> Members() const;

 private:
  struct Impl;
  explicit SyncConnection(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

/// A cluster, blocking. The same rules as ClusterClient.
class SyncClient {
 public:
  static std::unique_ptr<SyncClient> Create(ClientTrust trust, ClusterOptions options);
  ~SyncClient();
  SyncClient(const SyncClient&) = delete;
  SyncClient& operator=(const SyncClient&) = delete;

  Result<wire::Frame> Call(wire::Command command, const google::protobuf::MessageLite& request,
                           std::vector<SecretBuffer> segments = {});
  template <typename Reply>
  Result<ClusterClient::Answer<Reply>> Call(wire::Command command, const google::protobuf::MessageLite& request,
                                            std::vector<SecretBuffer> segments = {}) {
    SR_TRY(wire::Frame frame, Call(command, request, std::move(segments)));
    ClusterClient::Answer<Reply> answer;
    SR_CHECK(wire::ParseMessage(frame, answer.reply));
    answer.segments = std::move(frame.segments);
    return answer;
  }
  Status Probe(std::chrono::milliseconds timeout = std::chrono::seconds(5));
  ClusterClient& cluster();

 private:
  struct Impl;
  explicit SyncClient(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace strongroom::hsm_client
