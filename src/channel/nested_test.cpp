#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <cstdio>

#include "base/testing/temporary_directory.h"
#include "channel/connect.h"
#include "channel/testing/pipe_fixture.h"

namespace strongroom::channel {
namespace {
using namespace std::chrono_literals;
using namespace testing;  // NOLINT: our own fixtures

constexpr std::string_view kMarker = "a plaintext that nobody on the way may read";

const TestPki& Pki() {
  static const TestPki pki;
  return pki;
}

/// Relay and echoing HSM, and a client's way in.
struct Deployment {
  explicit Deployment(const TestPki& pki = Pki(), std::optional<TlsContext> inner = std::nullopt)
      : hsm(loop, directory.path() / "hsm", inner ? *inner : pki.InnerServerContext()),
        relay(pki.OuterServerContext(), directory.path() / "hsm") {
    relay.Capture();
  }
  ~Deployment() {
    hsm.Stop();
    loop.restart();
    loop.poll();
  }
  Result<std::shared_ptr<TlsPipe>> Connect(TlsContext outer, TlsContext inner) {
    return RunTask(loop, ConnectNested("127.0.0.1", relay.port(), std::move(outer), std::move(inner), Soon()));
  }
  Loop loop{1};
  TemporaryDirectory directory;
  EchoServer hsm;
  TestRelay relay;
};

wire::Frame Request(std::uint64_t id, std::string_view text) {
  wire::Frame frame;
  frame.code = 1;
  frame.id = id;
  frame.message = ToBytes(AsBytes(text));
  return frame;
}

TEST(NestedTest, FramesOfAllSizesComeBackInOrderAndTheHostReadsNothing) {
  Deployment d;
  auto pipe = d.Connect(Pki().OuterClientContext(), Pki().InnerClientContext());
  ASSERT_TRUE(pipe.ok()) << pipe.error();
  EXPECT_EQ((*pipe)->peer_certificate()->version(), 1);  // as `openssl x509 -req` makes it
  Recorder events;
  (*pipe)->Start(events);
  std::vector<std::string> sent;
  for (const std::size_t repeats : {0, 1, 3, 400, 1200, 2900}) {
    std::string text = "#" + std::to_string(repeats);
    for (std::size_t i = 0; i < repeats; ++i) text += kMarker;
    wire::Frame frame = Request(sent.size(), text);
    frame.segments.push_back(Must(SecretBuffer::CopyOf(AsBytes(kMarker))));
    ASSERT_TRUE((*pipe)->Send(frame).ok());
    sent.push_back(text);
  }
  ASSERT_TRUE(RunUntil(d.loop, [&] { return events.frames.size() == sent.size(); }));
  for (std::size_t i = 0; i < sent.size(); ++i) {
    EXPECT_EQ(events.frames[i].id, i);
    EXPECT_TRUE(AsText(events.frames[i].message) == sent[i]);
    ASSERT_EQ(events.frames[i].segments.size(), 1u);
    EXPECT_TRUE(events.frames[i].segments[0].EqualsInConstantTime(AsBytes(kMarker)));
  }
  const Bytes seen = d.relay.Captured();
  EXPECT_GT(seen.size(), 300'000u);
  EXPECT_EQ(AsText(seen).find(kMarker.substr(0, 16)), std::string_view::npos);
  (*pipe)->Close();
}

TEST(NestedTest, WhatIsSentTogetherLeavesTogether) {
  Deployment d;
  auto pipe = d.Connect(Pki().OuterClientContext(), Pki().InnerClientContext());
  ASSERT_TRUE(pipe.ok()) << pipe.error();
  Recorder events;
  (*pipe)->Start(events);
  for (std::uint64_t i = 0; i < 64; ++i) ASSERT_TRUE((*pipe)->Send(Request(i, "x")).ok());
  ASSERT_TRUE(RunUntil(d.loop, [&] { return events.frames.size() == 64; }));
  EXPECT_EQ((*pipe)->counters().flushes, 1u);
  (*pipe)->Close();
}

/// Sends one frame in each turn of the loop, until `frames` are sent.
struct OnePerTurn {
  Loop& loop;
  TlsPipe& pipe;
  std::uint64_t frames;
  std::uint64_t sent = 0;
  void Go() {
    if (sent >= frames) return;
    boost::asio::post(loop, [this] { Go(); });
    EXPECT_TRUE(pipe.Send(Request(sent++, "x")).ok());
  }
};

TEST(NestedTest, WhatIsSentInTurnsThatFollowLeavesTogether) {
  Deployment d;
  auto pipe = d.Connect(Pki().OuterClientContext(), Pki().InnerClientContext());
  ASSERT_TRUE(pipe.ok()) << pipe.error();
  Recorder events;
  (*pipe)->Start(events);
  OnePerTurn sender{d.loop, **pipe, 4};
  sender.Go();
  ASSERT_TRUE(RunUntil(d.loop, [&] { return events.frames.size() == 4; }));
  EXPECT_EQ((*pipe)->counters().flushes, 1u);
  (*pipe)->Close();
}

TEST(NestedTest, AndDoesNotWaitForWhoSendsWithoutEnd) {
  Deployment d;
  auto pipe = d.Connect(Pki().OuterClientContext(), Pki().InnerClientContext());
  ASSERT_TRUE(pipe.ok()) << pipe.error();
  Recorder events;
  (*pipe)->Start(events);
  OnePerTurn sender{d.loop, **pipe, 1000};
  sender.Go();
  ASSERT_TRUE(RunUntil(d.loop, [&] { return (*pipe)->counters().flushes == 2; }));
  EXPECT_LT(sender.sent, 100u);
  sender.frames = 0;
  d.loop.restart();
  d.loop.poll();
  (*pipe)->Close();
}

TEST(NestedTest, AFinishedPipeSendsWhatWaits) {
  Deployment d;
  auto pipe = d.Connect(Pki().OuterClientContext(), Pki().InnerClientContext());
  ASSERT_TRUE(pipe.ok()) << pipe.error();
  Recorder events;
  (*pipe)->Start(events);
  ASSERT_TRUE((*pipe)->Send(Request(1, "last words")).ok());
  (*pipe)->Finish();
  EXPECT_FALSE((*pipe)->Send(Request(2, "too late")).ok());
  ASSERT_TRUE(RunUntil(d.loop, [&] { return d.hsm.closed.size() == 1; }));
  EXPECT_EQ(d.hsm.frames, 1u);
  EXPECT_EQ(events.closed, Errc::kCancelled);
}

// ---- who is refused, and when

struct TrustRow {
  std::string name;
  std::function<TlsContext()> outer, inner;
  std::optional<Errc> want;  // none: the client gets in
  bool reaches_hsm = false;  // the outer handshake succeeds for the host too
};

TlsContext OuterAs(std::optional<Identity> identity) {
  OuterClientOptions options;
  options.hosts = {Pki().host.certificate};
  options.identity = std::move(identity);
  return Must(OuterClient(options));
}
TlsContext OuterTrusting(const crypto::Certificate& host) {
  OuterClientOptions options;
  options.hosts = {host};
  options.identity = Pki().default_client;
  return Must(OuterClient(options));
}
TlsContext GoodOuter() { return Pki().OuterClientContext(); }
TlsContext GoodInner() { return Pki().InnerClientContext(); }

class TrustTable : public ::testing::TestWithParam<TrustRow> {};

TEST_P(TrustTable, EndsAsTheRowSays) {
  Deployment d;
  auto pipe = d.Connect(GetParam().outer(), GetParam().inner());
  if (!GetParam().want) {
    ASSERT_TRUE(pipe.ok()) << pipe.error();
    (*pipe)->Close();
  } else {
    ASSERT_FALSE(pipe.ok());
    EXPECT_EQ(pipe.error().code(), *GetParam().want) << pipe.error();
  }
  EXPECT_EQ(d.relay.accepted(), GetParam().reaches_hsm ? 1u : 0u);
  if (!GetParam().reaches_hsm) {
    EXPECT_TRUE(d.relay.Captured().empty());  // no inner byte was sent
  }
  EXPECT_EQ(d.hsm.frames, 0u);
}

INSTANTIATE_TEST_SUITE_P(
    Nested, TrustTable,
    ::testing::Values(
        TrustRow{"DefaultClientIsAccepted", GoodOuter, GoodInner, std::nullopt, true},
        TrustRow{"ClientIssuedByTheOwnerIsAccepted", [] { return OuterAs(MakeIssuedIdentity("app", Pki().owner)); },
                 GoodInner, std::nullopt, true},
        TrustRow{"Version1ClientIssuedByTheOwnerIsAccepted",
                 [] { return OuterAs(MakeVersion1Identity("app", Pki().owner)); }, GoodInner, std::nullopt, true},
        TrustRow{"NoClientCertificateIsRefused", [] { return OuterAs(std::nullopt); }, GoodInner, Errc::kUntrusted},
        TrustRow{"OtherSelfSignedClientIsRefused", [] { return OuterAs(MakeSelfSignedIdentity("default client")); },
                 GoodInner, Errc::kUntrusted},
        TrustRow{"ExpiredClientIsRefused", [] { return OuterAs(MakeVersion1Identity("app", Pki().owner, -1)); },
                 GoodInner, Errc::kUntrusted},
        TrustRow{"ClientOfAnotherOwnerIsRefused",
                 [] { return OuterAs(MakeIssuedIdentity("app", MakeSelfSignedIdentity("customer CA", true))); },
                 GoodInner, Errc::kUntrusted},
        TrustRow{"OtherHostIsRefused", [] { return OuterTrusting(MakeSelfSignedIdentity("host").certificate); },
                 GoodInner, Errc::kUntrusted},
        TrustRow{"HsmOfAnotherOwnerIsRefused", GoodOuter,
                 [] {
                   return Must(InnerClient({{MakeSelfSignedIdentity("customer CA", true).certificate}, std::nullopt}));
                 },
                 Errc::kUntrusted, true},
        TrustRow{"TwoOwnersMayBeTrusted", GoodOuter,
                 [] {
                   return Must(InnerClient(
                       {{MakeSelfSignedIdentity("old CA", true).certificate, Pki().owner.certificate}, std::nullopt}));
                 },
                 std::nullopt, true}),
    [](const auto& param) { return param.param.name; });

TEST(NestedTest, AnExpiredClusterCertificateIsRefused) {
  TestPki pki;
  pki.hsm = MakeVersion1Identity("HSM:1:PARTN:1, for FIPS mode", pki.owner, -1);
  Deployment d(pki);
  auto pipe = d.Connect(pki.OuterClientContext(), pki.InnerClientContext());
  ASSERT_FALSE(pipe.ok());
  EXPECT_EQ(pipe.error().code(), Errc::kUntrusted);
  EXPECT_EQ(pipe.error().public_message(), "The HSM's certificate has expired.");
}

TEST(NestedTest, AnExpiredHostCertificateIsRefused) {
  TestPki pki;
  pki.host = MakeExpiredSelfSigned("host");
  Deployment d(pki);
  auto pipe = d.Connect(pki.OuterClientContext(), pki.InnerClientContext());
  ASSERT_FALSE(pipe.ok());
  EXPECT_EQ(pipe.error().public_message(), "The host's certificate has expired.");
  EXPECT_EQ(d.relay.accepted(), 0u);
}

TEST(NestedTest, HostCertificatesAreFoundInTheirDirectory) {
  Deployment d;
  TemporaryDirectory certs;
  OuterClientOptions options;
  options.directory = certs.path();
  options.identity = Pki().default_client;
  const TlsContext outer = Must(OuterClient(options));
  EXPECT_FALSE(d.Connect(outer, GoodInner()).ok());
  const auto name = [&](char digit) { return certs.path() / (Pki().host.certificate.subject_hash() + "." + digit); };
  const auto write = [](const std::filesystem::path& file, const std::string& text) {
    std::FILE* out = std::fopen(file.c_str(), "w");
    std::fputs(text.c_str(), out);
    std::fclose(out);
  };
  write(name('0'), MakeSelfSignedIdentity("host").certificate.ToPem());  // same name, other key
  EXPECT_FALSE(d.Connect(outer, GoodInner()).ok());
  write(name('1'), Pki().host.certificate.ToPem());
  auto pipe = d.Connect(outer, GoodInner());
  ASSERT_TRUE(pipe.ok()) << pipe.error();
  (*pipe)->Close();
}

TEST(NestedTest, SClientWithoutCertificateStillSeesTheHosts) {
  Deployment d;
  const std::string command = "openssl s_client -connect 127.0.0.1:" + std::to_string(d.relay.port()) +
                              " < /dev/null 2>/dev/null | openssl x509 -noout -subject 2>&1";
  std::FILE* out = ::popen(command.c_str(), "r");
  ASSERT_NE(out, nullptr);
  char line[256] = "";
  const bool got = std::fgets(line, sizeof line, out) != nullptr;
  ::pclose(out);
  ASSERT_TRUE(got);
  EXPECT_STREQ(line, "subject=CN = host\n");
  EXPECT_EQ(d.relay.accepted(), 0u);
}

TEST(NestedTest, NobodyListeningIsUnavailable) {
  std::uint16_t port = 0;
  {
    Deployment d;
    port = d.relay.port();
  }
  Loop loop(1);
  auto pipe = RunTask(loop, ConnectNested("127.0.0.1", port, GoodOuter(), GoodInner(), Soon()));
  ASSERT_FALSE(pipe.ok());
  EXPECT_EQ(pipe.error().code(), Errc::kUnavailable);
  auto name = RunTask(loop, ConnectNested("hsm.example", port, GoodOuter(), GoodInner(), Soon()));
  ASSERT_FALSE(name.ok());
  EXPECT_EQ(name.error().code(), Errc::kInvalidArgument);
}

}  // namespace
}  // namespace strongroom::channel
