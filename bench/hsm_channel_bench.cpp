// A command's way to an HSM and back, through both TLS layers and a relay like the host's, beside the same bytes
// through asio's TLS streams without frames, calls or protobuf. Client, relay and HSM have a thread each.
#include <algorithm>
#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <cstdio>
#include <thread>

#include "base/testing/temporary_directory.h"
#include "channel/connect.h"
#include "channel/testing/pipe_fixture.h"
#include "hsm_client/testing/client_fixture.h"

namespace strongroom::hsm_client {
namespace {
using namespace testing;  // NOLINT: certificates and the HSM's double
namespace asio = boost::asio;
using asio::ip::tcp;

constexpr std::size_t kBytes = 100;
constexpr std::size_t kOutstanding = 64;
constexpr std::size_t kPings = 20'000;
constexpr std::size_t kCalls = 400'000;
constexpr std::size_t kHandshakes = 300;

struct Figures {
  double ping_micros = 0, calls_per_second = 0, handshakes_per_second = 0;
};

double Seconds(Clock::time_point since) { return std::chrono::duration<double>(Clock::now() - since).count(); }
double Median(std::vector<double>& values) {
  std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2));
  return values[values.size() / 2];
}
void Require(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "failed: %s\n", what);
  std::exit(1);
}

// ---- ours

Task<Status> PingPong(std::shared_ptr<HsmConnection> connection, std::vector<double>& micros) {
  const proto::EchoRequest request = EchoOf(std::string(kBytes, 'x'));
  for (std::size_t i = 0; i < kPings; ++i) {
    const auto start = Clock::now();
    auto reply = co_await connection->Call(wire::Command::kEcho, request);
    if (!reply.ok()) co_return std::move(reply).error();
    micros.push_back(Seconds(start) * 1e6);
  }
  co_return Status();
}
Task<void> Caller(std::shared_ptr<HsmConnection> connection, std::size_t calls, std::size_t& done) {
  const proto::EchoRequest request = EchoOf(std::string(kBytes, 'x'));
  for (std::size_t i = 0; i < calls; ++i) {
    auto reply = co_await connection->Call(wire::Command::kEcho, request);
    Require(reply.ok(), "a pipelined call");
  }
  ++done;
}

Figures MeasureOurs() {
  HsmDouble hsm(Pki(), NewCluster());
  const ClientTrust trust = TrustFor(Pki());
  Loop loop(1);
  Figures figures;
  auto connection = Must(RunTask(loop, HsmConnection::Open(hsm.endpoint(), trust, Soon())));
  std::vector<double> micros;
  Require(RunTask(loop, PingPong(connection, micros)).ok(), "ping-pong");
  figures.ping_micros = Median(micros);

  std::size_t done = 0;
  const auto start = Clock::now();
  for (std::size_t i = 0; i < kOutstanding; ++i)
    asio::co_spawn(loop, Caller(connection, kCalls / kOutstanding, done), asio::detached);
  loop.restart();
  while (done < kOutstanding) loop.run_one();
  figures.calls_per_second = static_cast<double>(kCalls) / Seconds(start);
  connection->Close();

  const auto first = Clock::now();
  for (std::size_t i = 0; i < kHandshakes; ++i) {
    auto pipe = Must(RunTask(
        loop, channel::ConnectNested(hsm.endpoint().address, hsm.endpoint().port, trust.outer, trust.inner, Soon())));
    pipe->Close();
  }
  figures.handshakes_per_second = static_cast<double>(kHandshakes) / Seconds(first);
  return figures;
}

// ---- bare

using UnixSocket = asio::local::stream_protocol::socket;

void EchoBytes(asio::local::stream_protocol::acceptor& acceptor, asio::ssl::context& context) {
  boost::system::error_code ec;
  for (;;) {
    UnixSocket socket(acceptor.get_executor());
    acceptor.accept(socket, ec);
    if (ec) return;
    asio::ssl::stream<UnixSocket> tls(std::move(socket), context);
    tls.handshake(asio::ssl::stream_base::server, ec);
    std::vector<char> buffer(64 * 1024);
    while (!ec) {
      const std::size_t n = tls.read_some(asio::buffer(buffer), ec);
      if (!ec) asio::write(tls, asio::buffer(buffer.data(), n), ec);
    }
  }
}

struct BareClient {
  BareClient(Loop& loop, std::uint16_t port, asio::ssl::context& outer, asio::ssl::context& inner)
      : host(loop, outer), hsm(host, inner) {
    host.lowest_layer().connect({asio::ip::make_address("127.0.0.1"), port});
    host.lowest_layer().set_option(tcp::no_delay(true));
    host.handshake(asio::ssl::stream_base::client);
    hsm.handshake(asio::ssl::stream_base::client);
  }
  void Exchange(std::vector<char>& bytes) {
    asio::write(hsm, asio::buffer(bytes));
    asio::read(hsm, asio::buffer(bytes));
  }
  asio::ssl::stream<tcp::socket> host;
  asio::ssl::stream<asio::ssl::stream<tcp::socket>&> hsm;
};

Figures MeasureBare() {
  const TemporaryDirectory directory;
  Loop loop(1), hsm_loop(1);
  const auto path = directory.path() / "hsm";
  asio::local::stream_protocol::acceptor acceptor(hsm_loop, path.string());
  const channel::TlsContext inner_server = Pki().InnerServerContext();
  std::thread hsm([&] { EchoBytes(acceptor, inner_server.asio()); });
  channel::testing::TestRelay relay(Pki().OuterServerContext(), path);
  const ClientTrust trust = TrustFor(Pki());
  Figures figures;
  {
    BareClient client(loop, relay.port(), trust.outer.asio(), trust.inner.asio());
    std::vector<char> one(kBytes), many(kBytes * kOutstanding);
    std::vector<double> micros;
    for (std::size_t i = 0; i < kPings; ++i) {
      const auto start = Clock::now();
      client.Exchange(one);
      micros.push_back(Seconds(start) * 1e6);
    }
    figures.ping_micros = Median(micros);
    const auto start = Clock::now();
    for (std::size_t i = 0; i < kCalls / kOutstanding; ++i) client.Exchange(many);
    figures.calls_per_second = static_cast<double>(kCalls) / Seconds(start);
  }
  const auto first = Clock::now();
  for (std::size_t i = 0; i < kHandshakes; ++i) BareClient(loop, relay.port(), trust.outer.asio(), trust.inner.asio());
  figures.handshakes_per_second = static_cast<double>(kHandshakes) / Seconds(first);
  ::shutdown(acceptor.native_handle(), SHUT_RDWR);  // ends accept(2) in the other thread, which a close would not
  hsm.join();
  return figures;
}

}  // namespace
}  // namespace strongroom::hsm_client

int main() {
  using namespace strongroom::hsm_client;
  const Figures bare = MeasureBare();
  const Figures ours = MeasureOurs();
  std::printf("%-44s %12s %12s %8s\n", "nested TLS through a relay", "bare", "ours", "ratio");
  std::printf("%-44s %12.1f %12.1f %8.2f\n", "100-byte ping-pong, p50, microseconds", bare.ping_micros,
              ours.ping_micros, bare.ping_micros / ours.ping_micros);
  std::printf("%-44s %12.0f %12.0f %8.2f\n", "64 outstanding of 100 bytes, per second", bare.calls_per_second,
              ours.calls_per_second, ours.calls_per_second / bare.calls_per_second);
  std::printf("%-44s %12.0f %12.0f %8.2f\n", "nested mutual handshakes, per second", bare.handshakes_per_second,
              ours.handshakes_per_second, ours.handshakes_per_second / bare.handshakes_per_second);
  return 0;
}
