#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "aws/http/loops.h"
#include "aws/http/server.h"
#include "aws/http/tls_for_tests.h"
#include "aws/sigv4/verify.h"
#include "xks_client/network.h"
#include "xks_protocol/answers.h"

namespace strongroom::xks::testing {

/// An external key store proxy on a port of 127.0.0.1, with TLS, SigV4 and AES-256 keys in memory.
class FakeProxy final : public aws::HttpHandler {
 public:
  static constexpr std::string_view kAccessKeyId = "AAAABBBBCCCC22223333";
  static constexpr std::string_view kSecret = "fake/raw/secret/access/key/of/forty/three/cha";
  static constexpr std::string_view kPath = "/prefix/kms/xks/v1";
  static constexpr std::string_view kEndpoint = "https://localhost";

  FakeProxy();
  ~FakeProxy() override;

  /// Options by which kEndpoint is this proxy, with patience for a busy machine.
  Options options() const;
  /// Closes the port and all connections; the keys stay.
  void StopListening();
  void Listen();

  struct Key {
    SecretBuffer material;
    KeyMetadataAnswer shown{"AES_256", {"ENCRYPT", "DECRYPT"}, "ENABLED"};
    Bytes metadata;  // ciphertextMetadata of what it encrypts
  };
  /// Makes the key if there is none of that id.
  void SetKey(const std::string& id, KeyMetadataAnswer shown = {"AES_256", {"ENCRYPT", "DECRYPT"}, "ENABLED"},
              Bytes metadata = {});
  void RemoveKey(const std::string& id);

  struct Script {
    unsigned status = 200;
    std::string body;
    std::chrono::milliseconds delay{0};
    bool close = false;  // ends the connection after the answer
  };
  /// The next calls are answered with these, whatever they are; an empty body is answered as if nothing was scripted.
  void AnswerNext(std::vector<Script> scripts);
  void SetHealth(Health health);

  struct Seen {
    std::string target, body, host;
  };
  std::vector<Seen> TakeSeen();
  std::uint64_t connections() const;
  std::uint16_t port() const noexcept { return port_; }

  Task<void> Handle(const aws::HttpRequest& request, aws::HttpResponse& response) override;
  void Refuse(std::string_view reason, std::string_view, aws::HttpResponse& response) override;

 private:
  struct Credentials;
  std::string Answer(const aws::HttpRequest& request, unsigned& status);
  std::string AnswerKey(std::string_view id, std::string_view api, std::string_view body, unsigned& status);

  aws::testing_kit::TemporaryCertificate certificate_;
  std::unique_ptr<Credentials> credentials_;
  std::unique_ptr<aws::SigV4Verifier> verifier_;
  aws::LoopGroup loops_{1};
  boost::asio::io_context holding_;
  boost::asio::ip::tcp::socket holder_{holding_};  // nobody else gets the port while the proxy does not listen
  std::uint16_t port_ = 0;
  std::unique_ptr<aws::HttpServer> server_;
  std::mutex mutex_;
  std::map<std::string, Key, std::less<>> keys_;
  std::vector<Script> scripts_;
  std::vector<Seen> seen_;
  Health health_ = Health::kActive;
};

}  // namespace strongroom::xks::testing
