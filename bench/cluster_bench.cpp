// Durable key creations by a crypto user, with a number of them outstanding, through the client library: on the HSMs
// that are named, each with its share (create), or on a cluster as a client sees it, which goes on when an HSM dies
// (pause). The password comes on standard input; the result goes out as JSON. bench/cluster.py runs it.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio.hpp>
#include <cstdio>
#include <limits>
#include <thread>
#include <vector>

#include "channel/waiter.h"
#include "cmu/client_home.h"
#include "cmu/client_trust.h"
#include "crypto/random.h"
#include "hsm_client/cluster_client.h"
#include "keys.pb.h"
#include "messages.pb.h"

namespace strongroom {
namespace {
namespace asio = boost::asio;
using hsm_client::Clock;
using hsm_client::ClusterClient;
using hsm_client::HsmConnection;

struct Options {
  std::vector<std::string> servers;
  std::string user = "bench";
  std::size_t outstanding = 64, keys = 0;
  double seconds = 5, warm_up = 0.5, pace_millis = 0;
};

struct Bench {
  Options options;
  Loop loop{1};
  std::vector<std::shared_ptr<HsmConnection>> connections;
  std::shared_ptr<ClusterClient> cluster;
  Clock::time_point measured_from, end, last;
  std::size_t started = 0, created = 0, measured = 0, failed = 0, running = 0;
  double longest_pause = 0;
  std::vector<float> micros;
  std::string first_error;
};

double Seconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }
Clock::duration Duration(double seconds) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

void Note(Bench& bench, Clock::time_point asked, const Status& outcome) {
  const auto now = Clock::now();
  if (!outcome.ok()) {
    if (bench.failed++ == 0) bench.first_error = outcome.error().ForLog();
    return;
  }
  ++bench.created;
  if (now < bench.measured_from) return;
  ++bench.measured;
  bench.longest_pause = std::max(bench.longest_pause, Seconds(now - std::max(bench.last, bench.measured_from)));
  bench.last = now;
  bench.micros.push_back(static_cast<float>(Seconds(now - asked) * 1e6));
}

/// One creation after the other, until the time is over or all keys are made.
Task<void> Create(Bench& bench, std::size_t number) {
  proto::GenerateKeyRequest request;
  request.set_type(proto::AES);
  request.set_size_bits(256);
  const std::size_t most = bench.options.keys > 0 ? bench.options.keys : std::numeric_limits<std::size_t>::max();
  while (bench.started < most && Clock::now() < bench.end && bench.failed <= 100) {
    request.set_label("bench-" + std::to_string(bench.started++));
    const auto asked = Clock::now();
    Result<wire::Frame> made = Error(Errc::kInternal, "not asked");
    if (bench.cluster) {
      made = co_await bench.cluster->Call(wire::Command::kGenerateKey, request);
    } else {
      hsm_client::CallOptions call;
      (void)crypto::Random(call.client_id.emplace());
      call.deadline = asked + std::chrono::seconds(60);
      const auto connection = bench.connections[number % bench.connections.size()];
      made = co_await connection->Call(wire::Command::kGenerateKey, request, {}, call);
    }
    Note(bench, asked, made.ok() ? Status() : Status(made.error()));
    if (bench.options.pace_millis <= 0) continue;
    channel::LoopTimer pause(bench.loop.get_executor(), Duration(bench.options.pace_millis / 1000));
    constexpr auto kToken = asio::as_tuple(asio::use_awaitable_t<LoopExecutor>{});
    co_await pause.async_wait(kToken);
  }
  --bench.running;
}

Result<SecretBuffer> ReadPassword() {
  return SecretBuffer::Produce(256, [](std::span<std::uint8_t> room) -> Result<std::size_t> {
    std::size_t used = 0;
    for (int c = 0; used < room.size() && (c = std::fgetc(stdin)) != EOF && c != '\n';)
      room[used++] = static_cast<std::uint8_t>(c);
    return used;
  });
}

Result<hsm_client::ClientTrust> Trust() {
  const cmu::ClientHome home = cmu::ClientHome::Find();
  return cmu::LoadTrust(
      {home.etc() / "certs", home.etc() / "client.crt", home.etc() / "client.key", home.etc() / "customerCA.crt"});
}

Task<Status> LogIn(Bench& bench) {
  SR_CO_TRY(const SecretBuffer password, ReadPassword());
  for (const std::string& server : bench.options.servers) {
    SR_CO_TRY(auto trust, Trust());
    hsm_client::Endpoint endpoint;
    endpoint.address = server;
    const auto deadline = Clock::now() + std::chrono::seconds(30);
    SR_CO_TRY(auto connection, co_await HsmConnection::Open(endpoint, std::move(trust), deadline));
    SR_CO_TRY(SecretBuffer copy, password.Clone());
    SR_CO_CHECK(co_await connection->Login(proto::CU, bench.options.user, std::move(copy)));
    bench.connections.push_back(std::move(connection));
  }
  co_return Status();
}

Task<Status> ReachCluster(Bench& bench) {
  hsm_client::ClusterOptions options;
  for (const std::string& server : bench.options.servers) options.seeds.emplace_back().address = server;
  options.credentials.emplace().name = bench.options.user;
  SR_CO_TRY(options.credentials->password, ReadPassword());
  options.call_timeout = std::chrono::seconds(30);
  SR_CO_TRY(auto trust, Trust());
  bench.cluster = ClusterClient::Create({&bench.loop}, std::move(trust), std::move(options));
  const auto deadline = Clock::now() + std::chrono::seconds(30);
  co_return co_await bench.cluster->Probe(deadline);
}

/// One attempt to hear an HSM.
Task<Status> Hear(const std::string& server) {
  SR_CO_TRY(auto trust, Trust());
  hsm_client::Endpoint endpoint;
  endpoint.address = server;
  const auto deadline = Clock::now() + std::chrono::seconds(5);
  SR_CO_TRY(auto connection, co_await HsmConnection::Open(endpoint, std::move(trust), deadline));
  const proto::GetInfoRequest request;
  SR_CO_CHECK(co_await connection->Call(wire::Command::kGetInfo, request));
  co_return Status();
}

Status RunNow(Loop& loop, Task<Status> task) {
  std::optional<Status> outcome;
  asio::co_spawn(loop, std::move(task), [&](std::exception_ptr thrown, Status status) {
    outcome = thrown ? Status(Error(Errc::kInternal, "an exception")) : std::move(status);
  });
  loop.restart();
  while (!outcome && loop.run_one() > 0) {
  }
  return outcome ? std::move(*outcome) : Status(Error(Errc::kInternal, "the loop has nothing to do"));
}

float Percentile(std::vector<float>& values, double part) {
  if (values.empty()) return 0;
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(static_cast<double>(values.size() - 1) * part);
  std::ranges::nth_element(values, at);
  return *at;
}

int Measure(Bench& bench, bool through_cluster) {
  const Status in = RunNow(bench.loop, through_cluster ? ReachCluster(bench) : LogIn(bench));
  if (!in.ok()) {
    std::fprintf(stderr, "%s\n", in.error().ForLog().c_str());
    return 1;
  }
  std::printf("started\n");
  std::fflush(stdout);
  const auto start = Clock::now();
  bench.measured_from = start + Duration(bench.options.warm_up);
  bench.end = bench.measured_from + Duration(bench.options.seconds);
  bench.running = bench.options.outstanding;
  for (std::size_t i = 0; i < bench.options.outstanding; ++i)
    asio::co_spawn(bench.loop, Create(bench, i), asio::detached);
  bench.loop.restart();
  while (bench.running > 0 && bench.loop.run_one() > 0) {
  }
  const double took = Seconds(Clock::now() - bench.measured_from);
  std::printf(
      "{\"created\": %zu, \"keys\": %zu, \"failed\": %zu, \"seconds\": %.3f, \"rate\": %.1f, \"p50_us\": %.0f, "
      "\"p99_us\": %.0f, "
      "\"longest_pause_ms\": %.1f}\n",
      bench.created, bench.measured, bench.failed, took, static_cast<double>(bench.measured) / took,
      Percentile(bench.micros, 0.5), Percentile(bench.micros, 0.99), bench.longest_pause * 1e3);
  std::fflush(stdout);
  if (bench.failed > 0) std::fprintf(stderr, "%s\n", bench.first_error.c_str());
  if (bench.measured == 0) std::fprintf(stderr, "Nothing was created after the warm-up.\n");
  return bench.failed > 0 || bench.measured == 0 ? 1 : 0;
}

int WaitUntilHeard(Bench& bench) {
  const auto start = Clock::now();
  while (!RunNow(bench.loop, Hear(bench.options.servers.front())).ok()) {
    if (Seconds(Clock::now() - start) > 120) return 1;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  std::printf("{\"seconds\": %.4f}\n", Seconds(Clock::now() - start));
  std::fflush(stdout);
  return 0;
}

}  // namespace
}  // namespace strongroom

int main(int argc, char** argv) {
  strongroom::Bench bench;
  strongroom::Options& options = bench.options;
  CLI::App app("Creates keys in a cluster as fast as it takes them; the password comes on standard input.");
  app.require_subcommand(1);
  app.add_option("--server", options.servers, "Address of an HSM; again for each")->required();
  app.add_option("--user", options.user, "A crypto user");
  app.add_option("--outstanding", options.outstanding, "Creations at once");
  app.add_option("--keys", options.keys, "No more than that; 0: as many as the time allows");
  app.add_option("--seconds", options.seconds, "Measured time");
  app.add_option("--pace", options.pace_millis, "Milliseconds between a creation and the next one");
  app.add_option("--warm-up", options.warm_up, "Seconds before it");
  app.add_subcommand("create", "On a connection to each of the servers")->fallthrough();
  const CLI::App* pause = app.add_subcommand("pause", "Through the cluster's client")->fallthrough();
  const CLI::App* up = app.add_subcommand("up", "Waits until the server answers")->fallthrough();
  CLI11_PARSE(app, argc, argv);
  const int status = up->parsed() ? strongroom::WaitUntilHeard(bench) : strongroom::Measure(bench, pause->parsed());
  // Connections end with the process.
  std::_Exit(status);
}
