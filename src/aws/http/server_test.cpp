#include "aws/http/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "aws/dispatch/fake_service_for_tests.h"
#include "aws/http/tls_for_tests.h"

namespace strongroom::aws {
namespace {
using testing_kit::RawReply;
using testing_kit::RawTlsClient;

const testing_kit::TemporaryCertificate& Certificate() {
  static const testing_kit::TemporaryCertificate certificate;
  return certificate;
}

/// The fake endpoint behind a real server on loopback.
class Server {
 public:
  explicit Server(HttpLimits limits = {}, std::size_t count = 2) : endpoint(count), loops(count) {
    loops.Start();
    HttpServerConfig config;
    config.certificate_chain = Certificate().certificate_path();
    config.private_key = Certificate().key_path();
    config.limits = limits;
    auto started = HttpServer::Start(config, loops, *endpoint.dispatcher);
    if (!started) throw std::runtime_error(started.error().ForLog());
    server = std::move(*started);
  }
  ~Server() {
    server->Stop(std::chrono::milliseconds(100));
    loops.Stop();
  }
  std::string Encrypt(std::string_view key = "k") const {
    return endpoint.Signed("kms", "TrentService.Encrypt", fmt::format(R"({{"KeyId":"{}","Plaintext":"aGk="}})", key));
  }
  /// The server still serves others.
  void ExpectHealthy() {
    RawTlsClient other(server->port());
    ASSERT_TRUE(other.Send(Encrypt()));
    EXPECT_EQ(other.Receive().status, 200u);
  }
  /// The same where the server has little patience: on a busy machine a client may be too late for it, if not always.
  void ExpectHealthyAtLast() {
    unsigned status = 0;
    for (int i = 0; i < 50 && status == 0; ++i) {
      try {
        RawTlsClient other(server->port());
        if (other.Send(Encrypt())) status = other.Receive().status;
      } catch (const boost::system::system_error&) {
      }
    }
    EXPECT_EQ(status, 200u);
  }
  testing_kit::FakeEndpoint endpoint;
  LoopGroup loops;
  std::unique_ptr<HttpServer> server;
};

struct Abuse {
  std::string name, bytes;
  unsigned status;  // 0: closed without an answer
};
std::string Repeat(std::string_view text, std::size_t count) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += text;
  return all;
}
const Abuse kAbuses[] = {
    {"Garbage", "\x01\x02\x03\xff garbage\r\n\r\n", 400},
    {"NoTarget", "POST\r\n\r\n", 400},
    {"OldVersion", "POST / HTTP/0.9\r\nHost: a\r\n\r\n", 505},
    {"Http2Preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
    {"NoHost", "GET /healthz HTTP/1.1\r\n\r\n", 400},
    {"TwoHosts", "GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
    {"NoLength", "POST / HTTP/1.1\r\nHost: a\r\n\r\n", 411},
    {"NegativeLength", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400},
    {"HugeLength", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 400},
    {"TwoLengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400},
    {"LengthAndChunked",
     "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
    {"OtherCoding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
    {"BodyOverLimit", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n", 413},
    {"ChunkOverLimit", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n", 413},
    {"BadChunk", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n", 400},
    {"FoldedHeader", "GET /healthz HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\n\r\n", 400},
    {"SpaceBeforeColon", "GET /healthz HTTP/1.1\r\nHost : a\r\n\r\n", 400},
    {"OneLongHeader", "GET / HTTP/1.1\r\nHost: a\r\nX-A: " + std::string(20'000, 'a'), 431},
    {"ManyHeaders", "GET / HTTP/1.1\r\nHost: a\r\n" + Repeat("X-A: b\r\n", 200) + "\r\n", 431},
    {"EndlessHeader", "GET / HTTP/1.1\r\nHost: a\r\n" + Repeat("X: " + std::string(500, 'a') + "\r\n", 60), 431},
    {"OtherExpectation", "POST / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nContent-Length: 1\r\n\r\n", 417},
};
class HttpAbuse : public ::testing::TestWithParam<Abuse> {};
TEST_P(HttpAbuse, IsRefusedAndOthersAreServed) {
  Server server;
  RawTlsClient client(server.server->port());
  client.Send(GetParam().bytes);
  const RawReply reply = client.Receive();
  EXPECT_EQ(reply.status, GetParam().status) << reply.head;
  EXPECT_THAT(reply.head, ::testing::HasSubstr("Connection: close"));
  EXPECT_TRUE(client.ServerCloses());
  EXPECT_EQ(server.server->stats().bad_requests, 1u);
  EXPECT_EQ(server.endpoint.kms.calls, 0);
  server.ExpectHealthy();
}
INSTANTIATE_TEST_SUITE_P(Http, HttpAbuse, ::testing::ValuesIn(kAbuses), [](const auto& row) { return row.param.name; });

TEST(Http, KeepAliveServesManyRequestsOnOneConnection) {
  Server server;
  RawTlsClient client(server.server->port());
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(client.Send(server.Encrypt()));
    const RawReply reply = client.Receive();
    ASSERT_EQ(reply.status, 200u) << reply.body;
    EXPECT_EQ(reply.body, R"({"KeyId":"arn:\"k\"","CiphertextBlob":"aGk="})");
    EXPECT_THAT(reply.head, ::testing::HasSubstr("Content-Type: application/x-amz-json-1.1\r\n"));
    EXPECT_THAT(reply.head, testing::ContainsRegex("x-amzn-RequestId: [0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-"));
    EXPECT_THAT(reply.head, ::testing::HasSubstr("Date: "));
    EXPECT_THAT(reply.head, ::testing::HasSubstr("Cache-Control: no-cache, no-store, must-revalidate, private\r\n"));
  }
  EXPECT_EQ(server.server->stats().accepted, 1u);
  EXPECT_EQ(server.server->stats().requests, 20u);
}

TEST(Http, PipelinedRequestsAreAnsweredInOrder) {
  Server server;
  RawTlsClient client(server.server->port());
  std::string all;
  for (int i = 0; i < 50; ++i) all += server.Encrypt(fmt::format("key-{}", i));
  ASSERT_TRUE(client.Send(all));
  for (int i = 0; i < 50; ++i) {
    const RawReply reply = client.Receive();
    ASSERT_EQ(reply.status, 200u);
    EXPECT_THAT(reply.body, ::testing::HasSubstr(fmt::format("key-{}\\\"", i)));
  }
}

TEST(Http, RequestsArriveByteByByte) {
  Server server;
  RawTlsClient client(server.server->port());
  for (const char c : server.Encrypt()) ASSERT_TRUE(client.Send({&c, 1}));
  EXPECT_EQ(client.Receive().status, 200u);
}

TEST(Http, ContinueIsSentBeforeTheBody) {
  Server server;
  RawTlsClient client(server.server->port());
  std::string request = server.Encrypt();
  request.insert(request.find("Content-Length"), "Expect: 100-continue\r\n");
  const std::size_t split = request.find("\r\n\r\n") + 4;
  ASSERT_TRUE(client.Send(request.substr(0, split)));
  EXPECT_EQ(client.Receive().status, 100u);
  ASSERT_TRUE(client.Send(request.substr(split)));
  EXPECT_EQ(client.Receive().status, 200u);
}

TEST(Http, ChunkedBodiesAreJoined) {
  Server server;
  RawTlsClient client(server.server->port());
  std::string request = server.Encrypt();
  const std::size_t length = request.find("Content-Length"), split = request.find("\r\n\r\n") + 4;
  const std::string body = request.substr(split);
  request.erase(length);
  request += fmt::format("Transfer-Encoding: chunked\r\n\r\n5\r\n{}\r\n{:x};ext=1\r\n{}\r\n0\r\nX-Trailer: t\r\n\r\n",
                         body.substr(0, 5), body.size() - 5, body.substr(5));
  ASSERT_TRUE(client.Send(request + request));
  EXPECT_EQ(client.Receive().status, 200u);
  EXPECT_EQ(client.Receive().status, 200u);
}

TEST(Http, LargestBodyIsTaken) {
  Server server;
  RawTlsClient client(server.server->port());
  const std::string body = R"({"KeyId":"k","Plaintext":"aGk=","X":")" + std::string(1024 * 1024 - 39, 'x') + "\"}";
  ASSERT_EQ(body.size(), 1024u * 1024u);
  ASSERT_TRUE(client.Send(server.endpoint.Signed("kms", "TrentService.Encrypt", body)));
  EXPECT_EQ(client.Receive().status, 200u);
}

TEST(Http, AClientThatLeavesMidRequestCostsNothing) {
  Server server;
  for (int i = 0; i < 5; ++i) {
    RawTlsClient client(server.server->port());
    client.Send(server.Encrypt().substr(0, 40u * static_cast<unsigned>(i)));
  }
  server.ExpectHealthy();
}

/// Little patience in one thing.
HttpLimits Hasty(std::chrono::milliseconds HttpLimits::*limit) {
  HttpLimits limits;
  limits.*limit = std::chrono::milliseconds(150);
  limits.tick = std::chrono::milliseconds(20);
  return limits;
}

TEST(Http, SlowHeaderIsCutOff) {
  Server server(Hasty(&HttpLimits::header));
  RawTlsClient client(server.server->port());
  ASSERT_TRUE(client.Send("POST / HTTP/1.1\r\n"));
  EXPECT_TRUE(client.ServerCloses());
  EXPECT_EQ(server.server->stats().expired, 1u);
  server.ExpectHealthyAtLast();
}
TEST(Http, SlowBodyIsCutOff) {
  Server server(Hasty(&HttpLimits::body));
  RawTlsClient client(server.server->port());
  ASSERT_TRUE(client.Send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc"));
  EXPECT_TRUE(client.ServerCloses());
  EXPECT_EQ(server.server->stats().expired, 1u);
}
TEST(Http, IdleConnectionIsClosed) {
  Server server(Hasty(&HttpLimits::idle));
  // One whose first request comes too late for that is closed, too.
  for (int i = 0; i < 50; ++i) {
    RawTlsClient client(server.server->port());
    const bool sent = client.Send(server.Encrypt());
    const unsigned status = client.Receive().status;
    if (status == 0) continue;
    EXPECT_TRUE(sent);
    EXPECT_EQ(status, 200u);
    EXPECT_TRUE(client.ServerCloses());
    return;
  }
  ADD_FAILURE() << "no request was in time";
}
TEST(Http, SilentHandshakeIsCutOff) {
  Server server(Hasty(&HttpLimits::handshake));
  boost::asio::io_context loop;
  boost::asio::ip::tcp::socket socket(loop);
  socket.connect({boost::asio::ip::make_address("127.0.0.1"), server.server->port()});
  char byte;
  boost::system::error_code ec;
  EXPECT_EQ(socket.read_some(boost::asio::buffer(&byte, 1), ec), 0u);
  EXPECT_TRUE(ec);
  server.ExpectHealthyAtLast();
}

TEST(Http, ConnectionsOverTheCapAreClosedAtOnce) {
  HttpLimits limits;
  limits.connections = 1;
  Server server(limits);
  {
    RawTlsClient first(server.server->port());
    ASSERT_TRUE(first.Send(server.Encrypt()));
    ASSERT_EQ(first.Receive().status, 200u);
    EXPECT_THROW(RawTlsClient(server.server->port()), boost::system::system_error);
    EXPECT_EQ(server.server->stats().refused, 1u);
  }
}

TEST(Http, StopClosesIdleConnectionsAndRefusesNewOnes) {
  Server server;
  RawTlsClient client(server.server->port());
  ASSERT_TRUE(client.Send(server.Encrypt()));
  ASSERT_EQ(client.Receive().status, 200u);
  server.server->Stop(std::chrono::seconds(5));
  EXPECT_TRUE(client.ServerCloses());
  EXPECT_EQ(server.server->stats().open, 0u);
  EXPECT_THROW(RawTlsClient(server.server->port()), boost::system::system_error);
}

TEST(Http, HealthAndMetricsNeedNoSignature) {
  Server server;
  server.endpoint.dispatcher->AddMetrics(server.server->metrics());
  RawTlsClient client(server.server->port());
  ASSERT_TRUE(client.Send(server.Encrypt() + server.Encrypt("missing")));
  client.Receive();
  client.Receive();
  ASSERT_TRUE(client.Send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"));
  const RawReply health = client.Receive();
  EXPECT_EQ(health.status, 200u);
  EXPECT_EQ(health.body, "ok\n");
  const RawReply metrics = client.Receive();
  EXPECT_EQ(metrics.status, 200u);
  EXPECT_THAT(metrics.body, ::testing::HasSubstr("outcome=\"ok\"} 1"));
  EXPECT_THAT(metrics.body, ::testing::HasSubstr("outcome=\"not-found\"} 1"));
  EXPECT_THAT(metrics.body, ::testing::HasSubstr("strongroom_aws_request_seconds_count{service=\"kms\"} 2"));
  EXPECT_THAT(metrics.body, ::testing::HasSubstr("strongroom_http_connections 1"));
}

TEST(Http, HeadHasNoBodyWhateverIsAnswered) {
  Server server;
  RawTlsClient client(server.server->port());
  ASSERT_TRUE(
      client.Send("HEAD /healthz HTTP/1.1\r\nHost: a\r\n\r\nHEAD /nothing HTTP/1.1\r\nHost: a\r\n\r\n"
                  "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"));
  const RawReply health = client.Receive(true);
  EXPECT_EQ(health.status, 200u);
  EXPECT_THAT(health.head, ::testing::HasSubstr("Content-Length: 3\r\n")) << "as GET's";
  EXPECT_EQ(client.Receive(true).status, 404u);
  const RawReply after = client.Receive();
  EXPECT_EQ(after.status, 200u);
  EXPECT_EQ(after.body, "ok\n");
}

TEST(Http, StartSaysWhatIsWrong) {
  testing_kit::FakeEndpoint endpoint;
  LoopGroup loops(1);
  HttpServerConfig config{.certificate_chain = "/nonexistent", .private_key = Certificate().key_path()};
  auto started = HttpServer::Start(config, loops, *endpoint.dispatcher);
  ASSERT_FALSE(started.ok());
  EXPECT_THAT(started.error().public_message(), ::testing::HasSubstr("/nonexistent"));
  Server other;
  config.certificate_chain = Certificate().certificate_path();
  config.port = other.server->port();
  started = HttpServer::Start(config, loops, *endpoint.dispatcher);
  ASSERT_FALSE(started.ok());
  EXPECT_EQ(started.error().code(), Errc::kAlreadyExists);
}

TEST(Http, Tls11AndForeignProtocolsAreRefused) {
  Server server;
  const auto handshake = [&](auto prepare) {
    boost::asio::io_context loop;
    boost::asio::ssl::context context(boost::asio::ssl::context::tls_client);
    boost::asio::ssl::stream<boost::asio::ip::tcp::socket> stream(loop, context);
    prepare(stream.native_handle());
    stream.next_layer().connect({boost::asio::ip::make_address("127.0.0.1"), server.server->port()});
    boost::system::error_code ec;
    stream.handshake(boost::asio::ssl::stream_base::client, ec);
    return !ec;
  };
  EXPECT_TRUE(handshake([](SSL* ssl) { SSL_set_max_proto_version(ssl, TLS1_2_VERSION); }));
  EXPECT_FALSE(handshake([](SSL* ssl) { SSL_set_max_proto_version(ssl, TLS1_1_VERSION); }));
  const unsigned char h2[] = "\x02h2";
  EXPECT_FALSE(handshake([&](SSL* ssl) { SSL_set_alpn_protos(ssl, h2, 3); }));
  const unsigned char both[] = "\x02h2\x08http/1.1";
  EXPECT_TRUE(handshake([&](SSL* ssl) { SSL_set_alpn_protos(ssl, both, 12); }));
}

}  // namespace
}  // namespace strongroom::aws
