#pragma once

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/testing/temporary_directory.h"
#include "base/unique_fd.h"
#include "channel/tls_context.h"
#include "control/host_link.h"
#include "hsm_host/host_directory.h"

namespace strongroom::hsm_host::testing {

/// A copy of a host directory that is made once per test program, since RSA keys take their time.
void CopyPreparedHost(const std::filesystem::path& root);

struct CommandResult {
  int status = -1;
  std::string output;
};
CommandResult RunCommand(const std::string& command);

/// A blocking TLS client, as simple as OpenSSL allows. Reads and writes stop at errors.
class TlsClient {
 public:
  TlsClient(const std::string& address, std::uint16_t port, const channel::TlsContext& tls);
  ~TlsClient();
  bool connected() const noexcept { return connected_; }
  bool Write(const std::string& bytes);
  /// Until `bytes` have come or the connection has ended.
  std::string Read(std::size_t bytes);
  /// Sends and receives at once, until as many have come back.
  std::string Exchange(const std::string& bytes);
  /// Writes without reading until the peer takes no more for 300 ms; what was taken.
  std::size_t WriteUntilFull(std::size_t at_most);
  void ShutdownSending();

 private:
  UniqueFd fd_;
  SSL* ssl_ = nullptr;
  bool connected_ = false;
};

/// TCP without TLS; negative when refused.
UniqueFd ConnectTcp(const std::string& address, std::uint16_t port);
/// What the peer sends until it closes.
std::string ReadToEnd(int fd);

/// A strongroom-hsm-host with fake HSMs on addresses of its own, and front ends that connect to it.
class HostFixture : public ::testing::Test {
 protected:
  HostFixture();
  ~HostFixture() override;

  void StartHost();
  /// Sends the signal and waits for the end; the exit status, or -signal.
  int EndHost(int signal);
  pid_t host_pid() const noexcept { return host_; }

  struct FrontEnd {
    std::unique_ptr<control::HostLink> link;
    std::vector<proto::Control> questions, notices;
    bool answers = true;  // false: never
    int answered_by = 0;
  };
  /// Enrolled under that name; waits until it is connected unless told otherwise.
  std::unique_ptr<FrontEnd> ConnectFrontEnd(const std::string& name, int number, bool wait = true);
  void StopFrontEnd(std::unique_ptr<FrontEnd> front_end);

  Result<proto::Control> Ask(FrontEnd& via, const std::string& hsm_id, proto::Control question);
  Status StartHsm(FrontEnd& via, const std::string& hsm_id, const std::string& address);
  /// Asks until the HSM answers.
  proto::HsmStatus Status_(FrontEnd& via, const std::string& hsm_id);
  proto::RunningHsm Listed(FrontEnd& via, const std::string& hsm_id);

  template <typename Condition>
  void RunUntil(Condition condition) {
    loop_.restart();
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!condition()) {
      ASSERT_LT(std::chrono::steady_clock::now(), give_up) << "the condition did not come true";
      loop_.run_one_for(std::chrono::milliseconds(20));
      if (loop_.stopped()) loop_.restart();
    }
  }
  /// With the default client certificate, or another one, or none.
  channel::TlsContext ClientTls(std::optional<channel::Identity> identity);
  channel::Identity DefaultClient();
  std::string HsmAddress(int number) const { return network_ + std::to_string(10 + number); }

  Loop loop_{1};
  TemporaryDirectory temporary_;
  std::filesystem::path root_;
  std::string network_;
  pid_t host_ = 0;
};

}  // namespace strongroom::hsm_host::testing
