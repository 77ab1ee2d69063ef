#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "channel/testing/test_pki.h"
#include "channel/testing/test_relay.h"
#include "hsm_client/cluster_client.h"
#include "hsm_client/connection.h"
#include "keys.pb.h"
#include "users.pb.h"

namespace strongroom::hsm_client::testing {

/// What the HSMs of one cluster have in common, in memory. Thread-safe; copies of the pointer make a cluster of
/// doubles.
struct DoubleCluster {
  struct User {
    proto::UserInfo info;
    SecretBuffer password;
  };
  struct Key {
    proto::KeyInfo info;
    SecretBuffer material;
  };
  DoubleCluster();
  void AddUser(proto::UserType type, const std::string& name, const std::string& password);

  std::mutex mutex;
  std::map<std::pair<proto::UserType, std::string>, User> users;
  std::map<std::uint32_t, Key> keys;
  std::map<wire::ClientId, Bytes> answers;  // of changes, so that a repeat does nothing twice
  std::uint64_t number = 1;                 // of the newest change: what position tokens say
  std::uint32_t next_id = 1;
  SecretBuffer domain_key;                                  // generation 1
  std::map<std::uint32_t, SecretBuffer> later_domain_keys;  // from generation 2 on
  bool first_domain_key_dropped = false;
  /// Null when it is not there.
  const SecretBuffer* DomainKey(std::uint32_t generation) const;
  std::uint32_t newest_domain_key() const { return later_domain_keys.empty() ? 1 : later_domain_keys.rbegin()->first; }
  std::vector<proto::Member> members;
  std::vector<std::string> forgotten;  // bindings, each as often as any of the HSMs was told
};

/// One client's connection as the double knows it.
struct DoubleSession {
  std::optional<proto::UserInfo> user;
  bool front_end = false;  // showed a client certificate in the inner TLS
  std::uint64_t told_position = 0;
};

/// What a command answers: its reply with segments, or an error.
struct DoubleReply {
  Bytes message;
  std::vector<SecretBuffer> segments;
};
/// Executes one request as an HSM would, with real sealing (docs/formats.md): Echo, GetInfo, Login, Logout, users,
/// keys, tokens, SealMessage, OpenMessage, SealRandom, SealKeyPair, GenerateRandom, AesGcmEncrypt and AesGcmDecrypt,
/// and what token keys do. Everything else: kUnsupported.
Result<DoubleReply> ExecuteOnDouble(DoubleCluster& cluster, DoubleSession& session, wire::Frame& request);

/// An HSM with its host, in this process: real sockets and both TLS layers, on two threads of their own.
class HsmDouble {
 public:
  struct Options {
    std::string hsm_id = "hsm-double00001";
    std::string address = "127.0.0.1";  // any of 127.0.0.0/8
    std::uint16_t port = 0;             // 0: the kernel's choice
    bool ask_for_client_certificate = true;
  };
  HsmDouble(const channel::testing::TestPki& pki, std::shared_ptr<DoubleCluster> cluster, Options options);
  HsmDouble(const channel::testing::TestPki& pki, std::shared_ptr<DoubleCluster> cluster);
  ~HsmDouble();  // as if killed
  HsmDouble(const HsmDouble&) = delete;
  HsmDouble& operator=(const HsmDouble&) = delete;

  Endpoint endpoint() const;
  proto::Member member() const;
  channel::testing::TestRelay& relay();

  /// Tells every connected client (and later ones) who the members are.
  void PushMembership(const std::vector<proto::Member>& members);
  /// Keeps `count` replies back and sends them in reverse.
  void ReverseReplies(std::size_t count);
  /// Takes commands and answers none of them until told otherwise, but is there: an Echo of nothing is answered.
  void Hold(bool hold);
  /// As SIGSTOP and SIGCONT: nothing is done meanwhile, all of it afterwards. Nothing else may be called in between.
  void Freeze();
  void Thaw();
  /// The next `count` commands get this failure instead of being executed.
  void FailNext(Errc code, std::size_t count = 1);
  enum class Cut { kBeforeExecution, kBeforeAnswer };
  /// The next command ends its connection at this point.
  void CutNext(Cut when);
  /// Ends all connections; new ones are accepted.
  void CutAll();

  std::size_t executed(wire::Command command) const;  // times, repeats of remembered ones left out
  std::size_t connections() const;
  std::size_t connections_ever() const;
  std::uint64_t newest_position_seen() const;  // of requests

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

/// Trust and identity of a client of the doubles made with `pki`.
ClientTrust TrustFor(const channel::testing::TestPki& pki, bool as_front_end = false);

}  // namespace strongroom::hsm_client::testing
