#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdio>

#include "base/testing/temporary_directory.h"
#include "channel/testing/pipe_fixture.h"
#include "secret/peek_for_tests.h"

namespace strongroom::channel {
namespace {
using namespace std::chrono_literals;
using namespace testing;  // NOLINT: our own fixtures
namespace asio = boost::asio;

const TestPki& Pki() {
  static const TestPki pki;
  return pki;
}

wire::Frame Request(std::uint64_t id, std::size_t size = 10) {
  wire::Frame frame;
  frame.id = id;
  frame.message.assign(size, static_cast<std::uint8_t>(id));
  return frame;
}
wire::Frame Reply(std::uint64_t id, std::size_t size = 10) {
  wire::Frame frame = Request(id, size);
  frame.kind = wire::FrameKind::kReply;
  return frame;
}

class PipeTest : public ::testing::Test {
 protected:
  void TearDown() override {
    loop_.restart();
    loop_.poll();
  }
  Loop loop_{1};
};

// ---- garbage instead of a handshake

struct GarbageRow {
  std::string name;
  Bytes bytes;
  Errc want;
};
class GarbageTable : public ::testing::TestWithParam<GarbageRow> {};

Bytes Zeros(std::size_t n) { return Bytes(n); }

Task<void> WriteAndLeave(std::shared_ptr<UnixSocket> socket, Bytes bytes) {
  boost::system::error_code ec;
  asio::use_awaitable_t<LoopExecutor> token;
  auto redirected = asio::redirect_error(token, ec);
  co_await asio::async_write(*socket, asio::buffer(bytes), redirected);
  socket->shutdown(asio::socket_base::shutdown_send, ec);
}

TEST_P(GarbageTable, EndsTheHandshakeAtBothKindsOfEnds) {
  for (const bool is_server : {true, false}) {
    Loop loop(1);
    UnixSocket ours(loop.get_executor());
    auto theirs = std::make_shared<UnixSocket>(loop.get_executor());
    asio::local::connect_pair(ours, *theirs);
    auto pipe = is_server ? TlsPipe::Server(std::move(ours), {Pki().InnerServerContext()})
                          : TlsPipe::Client(std::move(ours), {Pki().InnerClientContext()});
    asio::co_spawn(loop, WriteAndLeave(theirs, GetParam().bytes), asio::detached);
    const Status status = RunTask(loop, pipe->Handshake(Soon()));
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code(), GetParam().want) << status.error();
    EXPECT_FALSE(pipe->open());
    theirs->close();
    loop.restart();
    loop.poll();
  }
}

INSTANTIATE_TEST_SUITE_P(
    Handshake, GarbageTable,
    ::testing::Values(GarbageRow{"NothingAtAll", {}, Errc::kUnavailable},
                      GarbageRow{"Zeros", Zeros(4096), Errc::kSerialization},
                      GarbageRow{"Http", ToBytes(AsBytes("GET / HTTP/1.1\r\nHost: hsm\r\n\r\n")), Errc::kSerialization},
                      GarbageRow{"RecordCutShort", {0x16, 0x03, 0x01, 0x00, 0x80, 0x01}, Errc::kUnavailable},
                      GarbageRow{"RecordTooLong", Bytes{0x16, 0x03, 0x03, 0xff, 0xff, 0x01, 0x02},
                                 Errc::kSerialization}),
    [](const auto& param) { return param.param.name; });

TEST_F(PipeTest, APeerThatStopsMidHandshakeIsLeftAtTheDeadline) {
  for (const Bytes& said : {Bytes{}, Bytes{0x16, 0x03, 0x01, 0x02, 0x00, 0x01}}) {
    UnixSocket ours(loop_.get_executor()), theirs(loop_.get_executor());
    asio::local::connect_pair(ours, theirs);
    if (!said.empty()) asio::write(theirs, asio::buffer(said));
    auto pipe = TlsPipe::Server(std::move(ours), {Pki().InnerServerContext()});
    const Status status = RunTask(loop_, pipe->Handshake(In(30ms)));
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code(), Errc::kTimeout);
    EXPECT_FALSE(pipe->open());
  }
}

// ---- frames

TEST_F(PipeTest, GarbageInsideTheTlsEndsTheConnection) {
  PipePair pair(loop_, Pki().InnerServerContext(), Pki().InnerClientContext());
  auto [server, client] = pair.Shake(loop_);
  ASSERT_TRUE(server.ok() && client.ok());
  Recorder at_server, at_client;
  pair.server->Start(at_server);
  pair.client->Start(at_client);
  ASSERT_TRUE(pair.client->Send(Request(1)).ok());
  wire::Frame broken = Request(2);
  broken.kind = static_cast<wire::FrameKind>(9);
  ASSERT_TRUE(pair.client->Send(broken).ok());
  ASSERT_TRUE(pair.client->Send(Request(3)).ok());
  ASSERT_TRUE(RunUntil(loop_, [&] { return at_server.closed && at_client.closed; }));
  EXPECT_EQ(at_server.closed, Errc::kSerialization);
  EXPECT_EQ(at_client.closed, Errc::kUnavailable);
  EXPECT_EQ(at_server.frames.size(), 1u);
}

TEST_F(PipeTest, AFrameThatIsTooLargeIsNotSent) {
  PipePair pair(loop_, Pki().InnerServerContext(), Pki().InnerClientContext());
  ASSERT_TRUE(pair.Shake(loop_).second.ok());
  EXPECT_EQ(pair.client->Send(Request(1, wire::kMaxFrameBytes)).error().code(), Errc::kRequestTooLarge);
  EXPECT_TRUE(pair.client->open());
  EXPECT_EQ(pair.client->outgoing_bytes(), 0u);
  pair.Close(loop_);
}

Task<void> Trickle(UnixSocket& from, UnixSocket& to) {
  std::array<std::uint8_t, 13> piece;
  for (;;) {
    boost::system::error_code ec;
    asio::use_awaitable_t<LoopExecutor> token;
    auto redirected = asio::redirect_error(token, ec);
    const std::size_t n = co_await from.async_read_some(asio::buffer(piece), redirected);
    if (!ec) co_await asio::async_write(to, asio::buffer(piece.data(), n), redirected);
    if (ec) break;
  }
  boost::system::error_code ignored;
  from.close(ignored);
  to.close(ignored);
}

TEST_F(PipeTest, FramesThatArriveInTinyPiecesAreWhole) {
  UnixSocket a(loop_.get_executor()), b(loop_.get_executor()), c(loop_.get_executor()), d(loop_.get_executor());
  asio::local::connect_pair(a, b);
  asio::local::connect_pair(c, d);
  asio::co_spawn(loop_, Trickle(b, c), asio::detached);
  asio::co_spawn(loop_, Trickle(c, b), asio::detached);
  PipePair pair(loop_, Pki().InnerServerContext(), Pki().InnerClientContext());
  pair.server = TlsPipe::Server(std::move(d), {Pki().InnerServerContext()});
  pair.client = TlsPipe::Client(std::move(a), {Pki().InnerClientContext()});
  auto [server, client] = pair.Shake(loop_);
  ASSERT_TRUE(server.ok() && client.ok());
  Recorder at_server, at_client;
  pair.server->Start(at_server);
  pair.client->Start(at_client);
  for (const std::uint64_t id : {1, 2, 3}) ASSERT_TRUE(pair.client->Send(Request(id, id * 20'000)).ok());
  ASSERT_TRUE(RunUntil(loop_, [&] { return at_server.frames.size() == 3; }));
  for (const std::uint64_t id : {1, 2, 3})
    EXPECT_EQ(at_server.frames[id - 1].message, Request(id, id * 20'000).message);
  pair.Close(loop_);
}

TEST_F(PipeTest, ReadingPausesWhileTooManyRequestsWait) {
  PipeOptions few;
  few.max_in_flight = 4;
  PipePair pair(loop_, Pki().InnerServerContext(), Pki().InnerClientContext(), few);
  ASSERT_TRUE(pair.Shake(loop_).second.ok());
  Recorder at_server, at_client;
  pair.server->Start(at_server);
  pair.client->Start(at_client);
  for (std::uint64_t id = 0; id < 10; ++id) ASSERT_TRUE(pair.client->Send(Request(id)).ok());
  ASSERT_TRUE(RunUntil(loop_, [&] { return at_server.frames.size() >= 4; }));
  loop_.restart();
  while (loop_.poll() > 0) loop_.restart();
  EXPECT_EQ(at_server.frames.size(), 4u);
  for (std::uint64_t id = 0; id < 10; ++id) {
    ASSERT_TRUE(RunUntil(loop_, [&] { return at_server.frames.size() > id; }));
    EXPECT_LE(at_server.frames.size(), id + 4);
    ASSERT_TRUE(pair.server->Send(Reply(id)).ok());
  }
  ASSERT_TRUE(RunUntil(loop_, [&] { return at_client.frames.size() == 10; }));
  pair.Close(loop_);
}

TEST_F(PipeTest, SendingIsRefusedWhenThePeerDoesNotRead) {
  PipeOptions small;
  small.max_outgoing_bytes = 300'000;
  PipePair pair(loop_, Pki().InnerServerContext(), Pki().InnerClientContext(), {}, small);
  ASSERT_TRUE(pair.Shake(loop_).second.ok());
  Recorder at_client;
  pair.client->Start(at_client);  // the server is not started, so it reads nothing
  std::size_t taken = 0;
  Status last;
  for (; taken < 1000 && last.ok(); ++taken) {
    last = pair.client->Send(Request(taken, 100'000));
    loop_.restart();
    loop_.poll();
  }
  ASSERT_FALSE(last.ok());
  EXPECT_EQ(last.error().code(), Errc::kResourceExhausted);
  EXPECT_LT(taken, 100u);
  EXPECT_TRUE(pair.client->open());
  Recorder at_server;
  pair.server->Start(at_server);  // and now everything that was taken arrives
  ASSERT_TRUE(RunUntil(loop_, [&] { return at_server.frames.size() == taken - 1; }));
  pair.Close(loop_);
}

TEST_F(PipeTest, AClientCertificateIsCheckedAndHandedOut) {
  const Identity front_end = MakeSelfSignedIdentity("front end");
  for (const bool accept : {true, false}) {
    std::optional<crypto::Certificate> seen;
    PipePair pair(loop_, Pki().InnerServerContext([&](const crypto::Certificate& shown) {
      seen = shown;
      return accept;
    }),
                  Pki().InnerClientContext(front_end));
    auto [server, client] = pair.Shake(loop_);
    ASSERT_TRUE(client.ok()) << client.error();  // TLS 1.3: the client is done before it is judged
    ASSERT_TRUE(seen.has_value());
    EXPECT_EQ(*seen, front_end.certificate);
    EXPECT_EQ(server.ok(), accept);
    if (accept) {
      ASSERT_TRUE(pair.server->peer_certificate().has_value());
      EXPECT_EQ(*pair.server->peer_certificate(), front_end.certificate);
    } else {
      EXPECT_EQ(server.error().code(), Errc::kUntrusted);
      Recorder at_client;
      pair.client->Start(at_client);
      ASSERT_TRUE(RunUntil(loop_, [&] { return at_client.closed.has_value(); }));
      EXPECT_EQ(at_client.closed, Errc::kUntrusted);
    }
    pair.Close(loop_);
  }
}

TEST_F(PipeTest, AClientCertificateIsOptionalInside) {
  PipePair pair(loop_, Pki().InnerServerContext([](const crypto::Certificate&) { return true; }),
                Pki().InnerClientContext());
  auto [server, client] = pair.Shake(loop_);
  ASSERT_TRUE(server.ok() && client.ok());
  EXPECT_FALSE(pair.server->peer_certificate().has_value());
  pair.Close(loop_);
}

TEST_F(PipeTest, TheControlLinkIsPinnedBothWays) {
  const Identity a = MakeSelfSignedIdentity("strongroomd"), b = MakeSelfSignedIdentity("host"),
                 other = MakeSelfSignedIdentity("host");
  const auto server = Must(ControlServer({b, {a.certificate}}));
  {
    PipePair pair(loop_, server, Must(ControlClient({a, {b.certificate}})));
    auto [s, c] = pair.Shake(loop_);
    EXPECT_TRUE(s.ok() && c.ok());
    pair.Close(loop_);
  }
  {
    PipePair pair(loop_, server, Must(ControlClient({other, {b.certificate}})));
    EXPECT_EQ(pair.Shake(loop_).first.error().code(), Errc::kUntrusted);
    pair.Close(loop_);
  }
  {
    PipePair pair(loop_, server, Must(ControlClient({a, {other.certificate}})));
    EXPECT_EQ(pair.Shake(loop_).second.error().code(), Errc::kUntrusted);
    pair.Close(loop_);
  }
}

// ---- contexts and files

void WriteFile(const std::filesystem::path& file, std::string_view text, mode_t mode) {
  std::FILE* out = std::fopen(file.c_str(), "w");
  std::fwrite(text.data(), 1, text.size(), out);
  std::fclose(out);
  ::chmod(file.c_str(), mode);
}

TEST(IdentityTest, IsReadFromFilesThatOnlyTheOwnerMayRead) {
  TemporaryDirectory dir;
  const auto cert = dir.path() / "client.crt", key = dir.path() / "client.key";
  const Identity made = MakeSelfSignedIdentity("client");
  const SecretBuffer pem = Must(made.key.ToPem());
  WriteFile(cert, made.certificate.ToPem(), 0644);
  EXPECT_EQ(LoadIdentity(cert, key).error().code(), Errc::kNotFound);
  WriteFile(key, AsText(secret::Peek::At(pem)), 0640);
  EXPECT_EQ(LoadIdentity(cert, key).error().code(), Errc::kPermission);
  ::chmod(key.c_str(), 0600);
  const auto loaded = LoadIdentity(cert, key);
  ASSERT_TRUE(loaded.ok()) << loaded.error();
  EXPECT_EQ(loaded->certificate, made.certificate);
  WriteFile(cert, MakeSelfSignedIdentity("client").certificate.ToPem(), 0644);
  EXPECT_EQ(LoadIdentity(cert, key).error().code(), Errc::kInvalidArgument);
  WriteFile(key, "nonsense", 0600);
  EXPECT_EQ(LoadIdentity(cert, key).error().code(), Errc::kInvalidArgument);
}

TEST(ContextTest, RefusesWhatCouldNotWork) {
  const Identity mixed{MakeSelfSignedIdentity("a").certificate, MakeSelfSignedIdentity("b").key};
  EXPECT_EQ(InnerServer({mixed, nullptr}).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(InnerClient({}).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(OuterClient({}).error().code(), Errc::kInvalidArgument);
  OuterClientOptions nowhere;
  nowhere.directory = "/nonexistent/certs";
  EXPECT_EQ(OuterClient(nowhere).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(OuterServer({Pki().host, {}, {}}).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(ControlClient({Pki().host, {}}).error().code(), Errc::kInvalidArgument);
}

}  // namespace
}  // namespace strongroom::channel
