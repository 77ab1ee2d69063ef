// The HSM behind real TLS over socket pairs.
#include "hsm/session/server.h"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/local/connect_pair.hpp>

#include "hsm/session/testing/test_hsm.h"
#include "messages.pb.h"

namespace strongroom::hsm {
namespace {

using testing::TestHsm;
using wire::Command;

/// The frames that a client has got.
struct Frames final : channel::PipeEvents {
  std::vector<wire::Frame> got;
  std::optional<Errc> closed;
  void OnFrame(wire::Frame& frame) override { got.push_back(std::move(frame)); }
  void OnClosed(const Error& why) override { closed = why.code(); }
};

class Tunnels : public ::testing::Test {
 protected:
  void SetUp() override {
    hsm.CreateCluster();
    ServerOptions options;
    options.handshake_deadline = std::chrono::milliseconds(3000);
    options.max_sessions = 4;
    server.emplace(*hsm.engine, options);
  }
  void TearDown() override {
    server->Stop();
    hsm.RunUntil([&] { return server->connections() == 0; });
  }
  /// A connected pair: the far end is the HSM's.
  int Tunnel() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    server->Serve(Wrap(ends[1]));
    return ends[0];
  }
  channel::StreamSocket Wrap(int descriptor) {
    channel::StreamSocket socket(hsm.loop.get_executor());
    socket.assign(boost::asio::generic::stream_protocol(AF_UNIX, 0), descriptor);
    return socket;
  }
  channel::TlsContext ClientContext(bool with_identity, bool enrolled = true) {
    channel::InnerClientOptions options;
    options.owners.push_back(*crypto::Certificate::FromDer(hsm.replica->state().identity().trust_anchor));
    if (with_identity) {
      const crypto::PrivateKey key =
          enrolled ? *hsm.front_end_private : *crypto::PrivateKey::Generate(crypto::KeySpec::kP256);
      auto certificate = crypto::MakeSelfSigned({{"CN", "front end"}}, key, {});
      options.identity = channel::Identity{*certificate, key};
    }
    return *channel::InnerClient(options);
  }
  std::shared_ptr<channel::TlsPipe> Pipe(channel::TlsContext context) {
    std::vector<channel::TlsContext> layers;
    layers.push_back(std::move(context));
    return channel::TlsPipe::Client(Wrap(Tunnel()), std::move(layers));
  }
  Status Shake(channel::TlsPipe& pipe) {
    return hsm.Await(pipe.Handshake(std::chrono::steady_clock::now() + std::chrono::seconds(20)));
  }
  template <typename Message>
  static wire::Frame Request(Command command, std::uint64_t id, const Message& message) {
    wire::Frame frame;
    frame.code = static_cast<std::uint16_t>(command);
    frame.id = id;
    frame.message = Serialised(message);
    return frame;
  }
  /// The descriptor is at its end: the HSM has closed its side.
  bool Ended(int descriptor) {
    char byte = 0;
    const auto got = ::recv(descriptor, &byte, 1, MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN);
  }
  TestHsm hsm{TestHsm::Kind::kDomain};
  std::optional<Server> server;
};

TEST_F(Tunnels, AFrontEndIsKnownByItsCertificate) {
  auto pipe = Pipe(ClientContext(true));
  ASSERT_TRUE(Shake(*pipe).ok());
  Frames frames;
  pipe->Start(frames);
  proto::GenerateRandomRequest random;
  random.set_number_of_bytes(16);
  ASSERT_TRUE(pipe->Send(Request(Command::kGenerateRandom, 1, random)).ok());
  hsm.RunUntil([&] { return frames.got.size() == 2; });
  EXPECT_EQ(frames.got[0].kind, wire::FrameKind::kEvent);
  EXPECT_EQ(frames.got[1].id, 1u);
  EXPECT_EQ(frames.got[1].code, 0);
  EXPECT_EQ(frames.got[1].segments.at(0).size(), 16u);
  pipe->Close();
}

TEST_F(Tunnels, AStrangerMayAskButNotUse) {
  auto pipe = Pipe(ClientContext(false));
  ASSERT_TRUE(Shake(*pipe).ok());
  Frames frames;
  pipe->Start(frames);
  proto::GenerateRandomRequest random;
  random.set_number_of_bytes(16);
  ASSERT_TRUE(pipe->Send(Request(Command::kGetInfo, 1, proto::GetInfoRequest())).ok());
  ASSERT_TRUE(pipe->Send(Request(Command::kGenerateRandom, 2, random)).ok());
  hsm.RunUntil([&] { return frames.got.size() == 3; });
  EXPECT_EQ(frames.got[1].code, 0);
  EXPECT_EQ(wire::ErrcOf(frames.got[2].code), Errc::kNotLoggedIn);
  pipe->Close();
}

TEST_F(Tunnels, AnUnknownClientCertificateIsRefused) {
  auto pipe = Pipe(ClientContext(true, false));
  // With TLS 1.3 the client may learn of it only after its own half of the handshake.
  if (Shake(*pipe).ok()) {
    Frames frames;
    pipe->Start(frames);
    hsm.RunUntil([&] { return frames.closed.has_value(); });
    EXPECT_TRUE(frames.got.empty());
  }
  hsm.RunUntil([&] { return server->connections() == 0; });
  EXPECT_EQ(hsm.engine->sessions.size(), 0u);
}

TEST_F(Tunnels, ThousandsOfCommandsInOneBatchAreAllAnswered) {
  auto pipe = Pipe(ClientContext(true));
  ASSERT_TRUE(Shake(*pipe).ok());
  Frames frames;
  pipe->Start(frames);
  proto::EchoRequest echo;
  echo.set_data(std::string(100, 'e'));
  for (std::uint64_t id = 1; id <= 2000; ++id) ASSERT_TRUE(pipe->Send(Request(Command::kEcho, id, echo)).ok());
  hsm.RunUntil([&] { return frames.got.size() == 2001; });
  for (std::uint64_t id = 1; id <= 2000; ++id) EXPECT_EQ(frames.got[id].id, id);
  pipe->Close();
}

TEST_F(Tunnels, MembersArePushedWhenTheyChange) {
  auto pipe = Pipe(ClientContext(false));
  ASSERT_TRUE(Shake(*pipe).ok());
  Frames frames;
  pipe->Start(frames);
  hsm.RunUntil([&] { return frames.got.size() == 1; });
  hsm.engine->sessions.PushMembership();
  hsm.RunUntil([&] { return frames.got.size() == 2; });
  proto::MembershipEvent event;
  ASSERT_TRUE(wire::ParseMessage(frames.got[1], event).ok());
  EXPECT_EQ(event.members(0).hsm_id(), "hsm-aaaaaaaaaaa");
  pipe->Close();
}

TEST_F(Tunnels, GarbageEndsOnlyItsOwnConnection) {
  auto good = Pipe(ClientContext(false));
  ASSERT_TRUE(Shake(*good).ok());
  Frames frames;
  good->Start(frames);
  const int garbage = Tunnel();
  ASSERT_GT(::write(garbage, "GET / HTTP/1.1\r\n\r\n", 18), 0);
  const int silent = Tunnel();  // stops in mid-handshake
  ASSERT_GT(::write(silent, "\x16\x03\x01\x02", 4), 0);
  const int gone = Tunnel();
  ::close(gone);
  hsm.RunUntil([&] { return Ended(garbage) && Ended(silent) && server->connections() == 1; });
  ASSERT_TRUE(good->Send(Request(Command::kGetInfo, 5, proto::GetInfoRequest())).ok());
  hsm.RunUntil([&] { return frames.got.size() == 2; });
  EXPECT_EQ(frames.got[1].code, 0);
  ::close(garbage);
  ::close(silent);
  good->Close();
}

TEST_F(Tunnels, AFrameThatIsNotARequestEndsTheConnection) {
  auto pipe = Pipe(ClientContext(false));
  ASSERT_TRUE(Shake(*pipe).ok());
  Frames frames;
  pipe->Start(frames);
  wire::Frame event;
  event.kind = wire::FrameKind::kEvent;
  ASSERT_TRUE(pipe->Send(event).ok());
  hsm.RunUntil([&] { return frames.closed.has_value() && server->connections() == 0; });
  EXPECT_EQ(hsm.engine->sessions.size(), 0u);
}

TEST_F(Tunnels, BeyondTheLimitTunnelsAreClosedAtOnce) {
  std::vector<int> ends;
  for (int i = 0; i < 4; ++i) ends.push_back(Tunnel());
  hsm.RunUntil([&] { return server->connections() == 4; });
  const int fifth = Tunnel();
  EXPECT_TRUE(Ended(fifth));
  EXPECT_FALSE(Ended(ends[0]));
  for (const int end : ends) ::close(end);
  ::close(fifth);
}

TEST(Tunnel, IsClosedAtOnceWhileThereIsNoCertificate) {
  TestHsm hsm(TestHsm::Kind::kCustomer);
  Server server(*hsm.engine, {});
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  channel::StreamSocket socket(hsm.loop.get_executor());
  socket.assign(boost::asio::generic::stream_protocol(AF_UNIX, 0), ends[1]);
  server.Serve(std::move(socket));
  char byte = 0;
  EXPECT_EQ(::recv(ends[0], &byte, 1, MSG_DONTWAIT), 0);
  EXPECT_EQ(server.connections(), 0u);
  ::close(ends[0]);
}

}  // namespace
}  // namespace strongroom::hsm
