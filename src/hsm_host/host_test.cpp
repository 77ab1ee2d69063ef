// The whole host, as processes: supervisor, relay, and fake HSMs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <list>
#include <map>
#include <set>

#include "hsm_host/front_ends.h"
#include "hsm_host/key_file.h"
#include "hsm_host/testing/host_fixture.h"

namespace strongroom::hsm_host {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class HostTest : public testing::HostFixture {
 protected:
  static proto::Control LogRead(const std::string& cluster) {
    proto::Control question;
    question.mutable_log_read()->set_cluster_id(cluster);
    return question;
  }
  static proto::Control Crash() {
    proto::Control question;
    question.mutable_make_snapshot()->set_kind("crash");
    return question;
  }
  static proto::Control Stop(const std::string& hsm_id) {
    proto::Control question;
    question.mutable_stop_hsm()->set_hsm_id(hsm_id);
    return question;
  }
  static proto::Control Destroy(const std::string& hsm_id) {
    proto::Control question;
    question.mutable_destroy_hsm()->set_hsm_id(hsm_id);
    return question;
  }
  static Task<void> AskInto(FrontEnd& via, std::string hsm_id, proto::Control question,
                            std::optional<Result<proto::Control>>& out) {
    out.emplace(co_await via.link->Ask(std::move(hsm_id), std::move(question), std::chrono::seconds(30)));
  }
  /// Until the HSM closes, which it does with all that have no certificate.
  std::string SClient(const std::string& arguments, const std::string& after = "") {
    return testing::RunCommand("timeout 60 openssl s_client -ign_eof -connect " + HsmAddress(0) + ":2223 " + arguments +
                               " 2>&1 < /dev/null " + after)
        .output;
  }
};

TEST_F(HostTest, AnHsmStartsAnswersAndIsIsolated) {
  StartHost();
  auto front_end = ConnectFrontEnd("fe", 1);
  ASSERT_TRUE(StartHsm(*front_end, "hsm-a", HsmAddress(0)).ok());
  const auto status = Status_(*front_end, "hsm-a");
  EXPECT_EQ(status.cluster_id(), "hsm-a");
  EXPECT_EQ(status.head(), 1U);
  EXPECT_THAT(status.version(), HasSubstr(";open=0,1,2,3,4,5,;"));
  EXPECT_THAT(status.version(), HasSubstr("NoNewPrivs:\t1"));
  // At most the right to lock its own memory, where the limit cannot be raised.
  const auto kept = [](const std::string& set) {
    return ::testing::AnyOf(HasSubstr(set + ":\t0000000000000000;"), HasSubstr(set + ":\t0000000000004000;"));
  };
  EXPECT_THAT(status.version(), kept("CapEff"));
  if (::geteuid() == 0) {
    EXPECT_THAT(status.version(), HasSubstr("uid=61742;gid=61742;"));
    EXPECT_THAT(status.version(), kept("CapBnd"));
    struct stat info {};
    ASSERT_EQ(::stat((temporary_.path() / "hsm" / "hsm-a").c_str(), &info), 0);
    EXPECT_EQ(info.st_uid, 61742U);
    EXPECT_EQ(info.st_mode & 0777, 0700U);
  }
#if !defined(STRONGROOM_SANITIZED)
  EXPECT_THAT(status.version(), ::testing::EndsWith(";env=PATH,LANG,"));
#endif
  EXPECT_EQ(status.csr().size(), 32U);
  EXPECT_NE(status.csr(), *ReadTextFile(HostDirectory{root_}.root_key(), 100)) << "the host's own key went out";
  const auto listed = Listed(*front_end, "hsm-a");
  EXPECT_EQ(listed.address(), HsmAddress(0));
  EXPECT_EQ(listed.restarts(), 0U);
  EXPECT_TRUE(listed.serving());
  StopFrontEnd(std::move(front_end));
}

TEST_F(HostTest, AKilledHsmIsStartedAgainWithTheSameKey) {
  StartHost();
  auto front_end = ConnectFrontEnd("fe", 1);
  ASSERT_TRUE(StartHsm(*front_end, "hsm-a", HsmAddress(0)).ok());
  const auto before = Status_(*front_end, "hsm-a");
  const pid_t pid = static_cast<pid_t>(Listed(*front_end, "hsm-a").pid());
  ASSERT_GT(pid, 1);
  ASSERT_EQ(::kill(pid, SIGKILL), 0);
  RunUntil([&] { return Listed(*front_end, "hsm-a").restarts() == 1; });
  const auto after = Status_(*front_end, "hsm-a");
  EXPECT_EQ(after.head(), 2U);
  EXPECT_EQ(after.csr(), before.csr());
  EXPECT_NE(Listed(*front_end, "hsm-a").pid(), pid);
  testing::TlsClient client(HsmAddress(0), 2223, ClientTls(DefaultClient()));
  ASSERT_TRUE(client.connected());
  EXPECT_EQ(client.Exchange("again"), "again");
  StopFrontEnd(std::move(front_end));
}

TEST_F(HostTest, AnHsmThatDiesWhileAskedGivesUnavailable) {
  StartHost();
  auto front_end = ConnectFrontEnd("fe", 1);
  ASSERT_TRUE(StartHsm(*front_end, "hsm-a", HsmAddress(0)).ok());
  Status_(*front_end, "hsm-a");
  EXPECT_EQ(Ask(*front_end, "hsm-a", Crash()).error().code(), Errc::kUnavailable);
  EXPECT_EQ(Status_(*front_end, "hsm-a").head(), 2U);
  EXPECT_EQ(Ask(*front_end, "hsm-nobody", Crash()).error().code(), Errc::kNotFound);
  StopFrontEnd(std::move(front_end));
}

TEST_F(HostTest, StopKeepsTheStateAndDestroyRemovesIt) {
  StartHost();
  auto front_end = ConnectFrontEnd("fe", 1);
  ASSERT_TRUE(StartHsm(*front_end, "hsm-a", HsmAddress(0)).ok());
  Status_(*front_end, "hsm-a");
  ASSERT_TRUE(Ask(*front_end, "", Stop("hsm-a")).ok());
  EXPECT_EQ(Listed(*front_end, "hsm-a").pid(), 0);
  EXPECT_FALSE(Listed(*front_end, "hsm-a").serving());
  EXPECT_FALSE(testing::ConnectTcp(HsmAddress(0), 2223));
  EXPECT_TRUE(Ask(*front_end, "", Stop("hsm-a")).ok());
  const auto state = temporary_.path() / "hsm" / "hsm-a";
  EXPECT_EQ(*ReadTextFile(state / "boots", 10), "1");
  ASSERT_TRUE(StartHsm(*front_end, "hsm-a", HsmAddress(0)).ok());
  EXPECT_EQ(Status_(*front_end, "hsm-a").head(), 2U);
  ASSERT_TRUE(StartHsm(*front_end, "hsm-a", HsmAddress(0)).ok()) << "starting is idempotent";
  EXPECT_EQ(Status_(*front_end, "hsm-a").head(), 2U);
  ASSERT_TRUE(Ask(*front_end, "", Destroy("hsm-a")).ok());
  EXPECT_FALSE(std::filesystem::exists(state));
  EXPECT_EQ(Listed(*front_end, "hsm-a").hsm_id(), "");
  EXPECT_TRUE(Ask(*front_end, "", Destroy("hsm-a")).ok());
  EXPECT_EQ(Ask(*front_end, "", Stop("hsm-a")).error().code(), Errc::kNotFound);
  StopFrontEnd(std::move(front_end));
}

TEST_F(HostTest, WhatCannotBeStartedIsRefusedAndForgotten) {
  StartHost();
  auto front_end = ConnectFrontEnd("fe", 1);
  ASSERT_TRUE(StartHsm(*front_end, "hsm-a", HsmAddress(0)).ok());
  EXPECT_EQ(StartHsm(*front_end, "hsm-b", HsmAddress(0)).error().code(), Errc::kAlreadyExists);
  EXPECT_EQ(StartHsm(*front_end, "hsm-a", HsmAddress(1)).error().code(), Errc::kAlreadyExists);
  EXPECT_EQ(StartHsm(*front_end, "hsm-c", "192.0.2.1").error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(StartHsm(*front_end, "../hsm", HsmAddress(2)).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(StartHsm(*front_end, "hsm-d", "localhost").error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(Ask(*front_end, "", Destroy("../host")).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(Ask(*front_end, "", Crash()).error().code(), Errc::kUnsupported);
  proto::Control question;
  question.mutable_list_hsms();
  EXPECT_EQ(Ask(*front_end, "", question)->list_hsms().hsms_size(), 1);
  EXPECT_TRUE(std::filesystem::exists(root_ / "hsms.json"));
  StopFrontEnd(std::move(front_end));
}

TEST_F(HostTest, ARestartedHostStartsItsHsmsAgain) {
  StartHost();
  auto front_end = ConnectFrontEnd("fe", 1);
  ASSERT_TRUE(StartHsm(*front_end, "hsm-a", HsmAddress(0)).ok());
  ASSERT_TRUE(StartHsm(*front_end, "hsm-b", HsmAddress(1)).ok());
  Status_(*front_end, "hsm-a");
  Status_(*front_end, "hsm-b");
  const pid_t pid = static_cast<pid_t>(Listed(*front_end, "hsm-a").pid());
  ASSERT_TRUE(Ask(*front_end, "", Stop("hsm-b")).ok());
  EXPECT_EQ(EndHost(SIGTERM), 0);
  EXPECT_EQ(::kill(pid, 0), -1) << "the HSM outlived its host";
  StartHost();
  RunUntil([&] { return front_end->link->connected(); });
  EXPECT_EQ(Status_(*front_end, "hsm-a").head(), 2U);
  EXPECT_EQ(Listed(*front_end, "hsm-b").pid(), 0) << "a stopped HSM stays stopped";
  StopFrontEnd(std::move(front_end));
}

TEST_F(HostTest, AKilledSupervisorLeavesNoProcessBehind) {
  StartHost();
  auto front_end = ConnectFrontEnd("fe", 1);
  ASSERT_TRUE(StartHsm(*front_end, "hsm-a", HsmAddress(0)).ok());
  Status_(*front_end, "hsm-a");
  const pid_t pid = static_cast<pid_t>(Listed(*front_end, "hsm-a").pid());
  EXPECT_EQ(EndHost(SIGKILL), -SIGKILL);
  // Orphans are reaped by another process, at its leisure: a zombie is not running either.
  RunUntil([&] {
    auto state = ReadTextFile("/proc/" + std::to_string(pid) + "/stat", 4096);
    return !state.ok() || state->find(") Z") != std::string::npos || state->empty();
  });
  RunUntil([&] { return !front_end->link->connected() && !testing::ConnectTcp(network_ + "1", 2224); });
  StartHost();
  EXPECT_EQ(Status_(*front_end, "hsm-a").head(), 2U);
  StopFrontEnd(std::move(front_end));
}

TEST_F(HostTest, ASecondHostOnTheSameDirectoryIsRefused) {
  StartHost();
  const auto second = testing::RunCommand(std::string("timeout 20 ") + STRONGROOM_BIN_DIR +
                                          "/strongroom-hsm-host --data " + root_.string() + " --address 127.0.0.1");
  EXPECT_EQ(second.status, 1);
  EXPECT_THAT(second.output, HasSubstr("Another strongroom-hsm-host runs"));
}

TEST_F(HostTest, BytesPassBothWaysOnBothPorts) {
  StartHost();
  auto front_end = ConnectFrontEnd("fe", 1);
  ASSERT_TRUE(StartHsm(*front_end, "hsm-a", HsmAddress(0)).ok());
  Status_(*front_end, "hsm-a");
  const auto tls = ClientTls(DefaultClient());
  std::string large(6u << 20, '\0');
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 31 + (i >> 10));
  for (const std::uint16_t port : {2223, 2225}) {
    testing::TlsClient client(HsmAddress(0), port, tls);
    ASSERT_TRUE(client.connected());
    EXPECT_EQ(client.Exchange("hello"), "hello");
    EXPECT_TRUE(client.Exchange(large) == large);
    // The end of our sending passes through, and so does what comes back after it.
    ASSERT_TRUE(client.Write("last"));
    client.ShutdownSending();
    EXPECT_EQ(client.Read(100), "last");
  }
  StopFrontEnd(std::move(front_end));
}

TEST_F(HostTest, AClientThatDoesNotReadIsHeldBackAndLosesNothing) {
  StartHost();
  auto front_end = ConnectFrontEnd("fe", 1);
  ASSERT_TRUE(StartHsm(*front_end, "hsm-a", HsmAddress(0)).ok());
  Status_(*front_end, "hsm-a");
  testing::TlsClient client(HsmAddress(0), 2223, ClientTls(DefaultClient()));
  ASSERT_TRUE(client.connected());
  constexpr std::size_t kFar = 200u << 20;
  const std::size_t taken = client.WriteUntilFull(kFar);
  EXPECT_LT(taken, kFar);
  testing::TlsClient other(HsmAddress(0), 2223, ClientTls(DefaultClient()));
  EXPECT_EQ(other.Exchange("still served"), "still served");
  // All that was taken, and as much again, comes back.
  std::string back = client.Exchange(std::string(taken, 'w'));
  back += client.Read(2 * taken - back.size());
  EXPECT_EQ(back.size(), 2 * taken);
  EXPECT_EQ(back.find_first_not_of('w'), std::string::npos);
  StopFrontEnd(std::move(front_end));
}

TEST_F(HostTest, ManyConnectionsAtOnce) {
  StartHost();
  auto front_end = ConnectFrontEnd("fe", 1);
  ASSERT_TRUE(StartHsm(*front_end, "hsm-a", HsmAddress(0)).ok());
  Status_(*front_end, "hsm-a");
  const auto tls = ClientTls(DefaultClient());
  std::vector<std::unique_ptr<testing::TlsClient>> clients;
  for (int i = 0; i < 60; ++i) {
    clients.push_back(std::make_unique<testing::TlsClient>(HsmAddress(0), 2223, tls));
    ASSERT_TRUE(clients.back()->connected());
  }
  for (std::size_t i = 0; i < clients.size(); ++i) {
    const std::string text = "client " + std::to_string(i);
    EXPECT_EQ(clients[i]->Exchange(text), text);
  }
  StopFrontEnd(std::move(front_end));
}

TEST_F(HostTest, TheCertificateIsShownAndThenAClientWithoutOneIsRefused) {
  StartHost();
  auto front_end = ConnectFrontEnd("fe", 1);
  ASSERT_TRUE(StartHsm(*front_end, "hsm-a", HsmAddress(0)).ok());
  Status_(*front_end, "hsm-a");
  const std::string shown = SClient("", "| openssl x509 -noout -serial -subject_hash");
  EXPECT_THAT(shown, HasSubstr("serial=B7FA7A40976CBE82\n21a10654\n"));
  for (const std::string& version : {std::string("-tls1_2"), std::string("-tls1_3")}) {
    const std::string refused = SClient(version);
    EXPECT_THAT(refused, HasSubstr("CN = CloudHSM")) << version;
    EXPECT_THAT(refused, HasSubstr("alert")) << version;
  }
  EXPECT_THAT(SClient("-tls1_1 -cipher DEFAULT@SECLEVEL=0"), HasSubstr("alert"));
  StopFrontEnd(std::move(front_end));
}

TEST_F(HostTest, ClientsAreTheDefaultOneAndThoseOfTheTrustAnchor) {
  StartHost();
  auto front_end = ConnectFrontEnd("fe", 1);
  ASSERT_TRUE(StartHsm(*front_end, "hsm-a", HsmAddress(0)).ok());
  Status_(*front_end, "hsm-a");
  const auto ca_key = crypto::PrivateKey::Generate(crypto::KeySpec::kP256);
  const auto key = crypto::PrivateKey::Generate(crypto::KeySpec::kP256);
  crypto::CertificateOptions ca_options, options;
  ca_options.ca = true;
  const auto ca = crypto::MakeSelfSigned({{"CN", "customer CA"}}, *ca_key, ca_options);
  ASSERT_TRUE(ca.ok());
  const auto issued = crypto::Issue({{"CN", "client"}}, key->public_key(), *ca, *ca_key, options);
  const auto self_made = crypto::MakeSelfSigned({{"CN", "client"}}, *key, options);
  ASSERT_TRUE(issued.ok() && self_made.ok());
  const auto passes = [&](const crypto::Certificate& certificate) {
    channel::Identity identity{certificate, *key};
    testing::TlsClient client(HsmAddress(0), 2223, ClientTls(std::move(identity)));
    return client.connected() && client.Write("x") && client.Read(1) == "x";
  };
  EXPECT_FALSE(passes(*issued));
  proto::Control trust;
  trust.mutable_set_client_trust()->set_hsm_id("hsm-a");
  trust.mutable_set_client_trust()->set_trust_anchor(ca->ToDer().data(), ca->ToDer().size());
  ASSERT_TRUE(Ask(*front_end, "", trust).ok());
  EXPECT_TRUE(passes(*issued));
  EXPECT_FALSE(passes(*self_made));
  testing::TlsClient standard(HsmAddress(0), 2223, ClientTls(DefaultClient()));
  EXPECT_EQ(standard.Exchange("x"), "x");
  // It is remembered, and can be taken back.
  EXPECT_EQ(EndHost(SIGTERM), 0);
  StartHost();
  RunUntil([&] { return front_end->link->connected(); });
  Status_(*front_end, "hsm-a");
  EXPECT_TRUE(passes(*issued));
  trust.mutable_set_client_trust()->clear_trust_anchor();
  ASSERT_TRUE(Ask(*front_end, "", trust).ok());
  EXPECT_FALSE(passes(*issued));
  trust.mutable_set_client_trust()->set_trust_anchor("nonsense");
  EXPECT_EQ(Ask(*front_end, "", trust).error().code(), Errc::kInvalidArgument);
  StopFrontEnd(std::move(front_end));
}

TEST_F(HostTest, AFrontEndLetsAnotherIn) {
  StartHost();
  auto first = ConnectFrontEnd("fe", 1);
  auto second = ConnectFrontEnd("fe-2", 2, false);
  proto::Control hello;
  hello.mutable_host_hello();
  EXPECT_FALSE(Ask(*second, "", hello).ok());
  proto::Control allow;
  allow.mutable_allow_front_end()->set_name("host-two");
  allow.mutable_allow_front_end()->set_certificate("nonsense");
  EXPECT_EQ(Ask(*first, "", allow).error().code(), Errc::kInvalidArgument);
  const Bytes der = channel::LoadCertificate(temporary_.path() / "fe-2.crt").value().ToDer();
  allow.mutable_allow_front_end()->set_certificate(std::string(AsText(der)));
  allow.mutable_allow_front_end()->set_name("../front-end");
  EXPECT_EQ(Ask(*first, "", allow).error().code(), Errc::kInvalidArgument);
  allow.mutable_allow_front_end()->set_name("host-two");
  ASSERT_TRUE(Ask(*first, "", allow).ok());
  ASSERT_TRUE(Ask(*first, "", allow).ok()) << "allowing is idempotent";
  RunUntil([&] { return Ask(*second, "", hello).ok(); });
  // It is remembered.
  EXPECT_EQ(EndHost(SIGTERM), 0);
  StartHost();
  RunUntil([&] { return Ask(*first, "", hello).ok() && Ask(*second, "", hello).ok(); });
  // Gone for good, it is put out; asked again, that is no error.
  proto::Control remove;
  remove.mutable_remove_front_end()->set_certificate("nonsense");
  EXPECT_EQ(Ask(*first, "", remove).error().code(), Errc::kInvalidArgument);
  remove.mutable_remove_front_end()->set_certificate(std::string(AsText(der)));
  ASSERT_TRUE(Ask(*first, "", remove).ok());
  ASSERT_TRUE(Ask(*first, "", remove).ok());
  RunUntil([&] { return !Ask(*second, "", hello).ok(); });
  StopFrontEnd(std::move(second));
  StopFrontEnd(std::move(first));
}

TEST_F(HostTest, GarbageAndSilenceOnTheClientPortsHurtNobody) {
  StartHost();
  auto front_end = ConnectFrontEnd("fe", 1);
  ASSERT_TRUE(StartHsm(*front_end, "hsm-a", HsmAddress(0)).ok());
  Status_(*front_end, "hsm-a");
  std::vector<UniqueFd> silent;
  for (int i = 0; i < 50; ++i) silent.push_back(testing::ConnectTcp(HsmAddress(0), 2223));
  for (const std::string& garbage : {std::string("GET / HTTP/1.1\r\n\r\n"), std::string(100000, '\xff'),
                                     std::string("\x16\x03\x01\x40\x00\x01", 6) + std::string(20000, 'a')}) {
    const auto fd = testing::ConnectTcp(HsmAddress(0), 2223);
    ASSERT_TRUE(fd);
    ::send(fd.get(), garbage.data(), garbage.size(), MSG_NOSIGNAL);
    EXPECT_LT(testing::ReadToEnd(fd.get()).size(), 100U);
  }
  testing::TlsClient client(HsmAddress(0), 2223, ClientTls(DefaultClient()));
  EXPECT_EQ(client.Exchange("served"), "served");
  // The deadline of a handshake closes who says nothing.
  for (const auto& fd : silent) EXPECT_EQ(testing::ReadToEnd(fd.get()), "");
  StopFrontEnd(std::move(front_end));
}

TEST_F(HostTest, AnHsmAsksWhicheverFrontEndIsThere) {
  StartHost();
  auto one = ConnectFrontEnd("one", 1);
  ASSERT_TRUE(StartHsm(*one, "hsm-a", HsmAddress(0)).ok());
  Status_(*one, "hsm-a");
  const auto alone = Ask(*one, "hsm-a", LogRead("c"));
  ASSERT_TRUE(alone.ok());
  EXPECT_EQ(alone->log_read().head(), 1U);
  ASSERT_EQ(one->questions.size(), 1U);
  EXPECT_EQ(one->questions[0].hsm_id(), "hsm-a") << "the host says who asks";
  auto two = ConnectFrontEnd("two", 2);
  std::set<std::uint64_t> answered;
  for (int i = 0; i < 4; ++i) answered.insert(Ask(*two, "hsm-a", LogRead("c"))->log_read().head());
  EXPECT_EQ(answered, (std::set<std::uint64_t>{1, 2}));
  // A front end that is lost while it is asked: the outcome is unknown, and said to be. They take turns, so after an
  // answer of the second the first is next.
  while (Ask(*two, "hsm-a", LogRead("c"))->log_read().head() != 2) {
  }
  one->answers = false;
  const std::size_t before = one->questions.size();
  std::optional<Result<proto::Control>> outcome;
  auto work = AskInto(*two, "hsm-a", LogRead("c"), outcome);
  boost::asio::co_spawn(loop_, std::move(work), boost::asio::detached);
  RunUntil([&] { return one->questions.size() > before; });
  EXPECT_FALSE(outcome.has_value());
  StopFrontEnd(std::move(one));
  RunUntil([&] { return outcome.has_value(); });
  EXPECT_EQ(outcome->error().code(), Errc::kUnavailable);
  EXPECT_TRUE(Ask(*two, "hsm-a", LogRead("c")).ok());
  StopFrontEnd(std::move(two));
}

TEST_F(HostTest, AppendsToOneClusterGoToOneFrontEndThatAnswers) {
  const auto append = [](int cluster) {
    proto::Control question;
    question.mutable_log_append()->set_cluster_id("cluster-" + std::to_string(cluster));
    return question;
  };
  StartHost();
  auto one = ConnectFrontEnd("one", 1);
  auto two = ConnectFrontEnd("two", 2);
  ASSERT_TRUE(StartHsm(*one, "hsm-a", HsmAddress(0)).ok());
  Status_(*one, "hsm-a");
  std::map<int, std::uint64_t> asked;
  for (int cluster = 0; cluster < 32; ++cluster) {
    std::set<std::uint64_t> answered;
    for (int i = 0; i < 3; ++i) answered.insert(Ask(*one, "hsm-a", append(cluster))->log_read().head());
    ASSERT_EQ(answered.size(), 1U);
    asked[cluster] = *answered.begin();
  }
  const auto to_two = std::ranges::find(asked, 2U, &std::pair<const int, std::uint64_t>::second);
  ASSERT_NE(to_two, asked.end());
  EXPECT_NE(std::ranges::find(asked, 1U, &std::pair<const int, std::uint64_t>::second), asked.end());
  // One that has been silent for a while is passed over.
  two->answers = false;
  std::list<std::optional<Result<proto::Control>>> outcomes;
  const auto answered = [&] {
    return std::ranges::any_of(outcomes, [](const auto& each) { return each.has_value(); });
  };
  while (!answered()) {
    auto work = AskInto(*one, "hsm-a", append(to_two->first), outcomes.emplace_back());
    boost::asio::co_spawn(loop_, std::move(work), boost::asio::detached);
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(100);
    RunUntil([&] { return answered() || std::chrono::steady_clock::now() > until; });
  }
  EXPECT_EQ(
      std::ranges::find_if(outcomes, [](const auto& each) { return each.has_value(); })->value()->log_read().head(),
      1U);
  StopFrontEnd(std::move(two));
  // The others end now; they write into what lives here.
  RunUntil([&] { return std::ranges::all_of(outcomes, [](const auto& each) { return each.has_value(); }); });
  StopFrontEnd(std::move(one));
}

// As long as the one that stands still is asked in its turn, a cluster of which one member is cut off changes no more.
TEST_F(HostTest, AFrontEndThatStandsStillIsAskedNoMoreUntilItMovesAgain) {
  const HostDirectory files{root_};
  auto identity = channel::LoadIdentity(files.control_certificate(), files.control_key());
  ASSERT_TRUE(identity.ok()) << identity.error();
  FrontEnds host(
      loop_, *identity,
      [](proto::Control) -> Task<Result<proto::Control>> { co_return Error(Errc::kUnsupported, "Nothing."); }, {});
  ASSERT_TRUE(host.Listen(network_ + "1", control::kControlPort).ok());
  auto one = ConnectFrontEnd("one", 1, false);
  auto two = ConnectFrontEnd("two", 2, false);
  host.Allow({*channel::LoadCertificate(temporary_.path() / "one.crt"),
              *channel::LoadCertificate(temporary_.path() / "two.crt")});
  RunUntil([&] { return host.connected() == 2; });
  constexpr std::chrono::milliseconds kDeadline{1500};
  const auto ask = [&] {
    std::optional<Result<proto::Control>> out;
    const auto into = [&]() -> Task<void> { out.emplace(co_await host.AskAny(LogRead("c"), kDeadline)); };
    boost::asio::co_spawn(loop_, into(), boost::asio::detached);
    RunUntil([&] { return out.has_value(); });
    return std::move(*out);
  };
  one->answers = false;
  RunUntil([&] { return !ask().ok(); });
  // Longer than the deadline, so that the probe has been repeated.
  const auto until = std::chrono::steady_clock::now() + 2 * kDeadline;
  for (bool late = false; !late;) {
    late = std::chrono::steady_clock::now() > until;
    const auto answer = ask();
    ASSERT_TRUE(answer.ok()) << answer.error();
    EXPECT_EQ(answer->log_read().head(), 2U);
  }
  one->answers = true;
  RunUntil([&] {
    const auto answer = ask();
    return answer.ok() && answer->log_read().head() == 1;
  });
  StopFrontEnd(std::move(one));
  StopFrontEnd(std::move(two));
  RunUntil([&] { return host.connected() == 0; });
}

TEST_F(HostTest, NoticesGoToTheHsmAndToEveryFrontEnd) {
  StartHost();
  auto one = ConnectFrontEnd("one", 1);
  auto two = ConnectFrontEnd("two", 2);
  ASSERT_TRUE(StartHsm(*one, "hsm-a", HsmAddress(0)).ok());
  Status_(*one, "hsm-a");
  proto::Control notice;
  notice.mutable_log_notice()->set_head(99);
  one->link->Notify("hsm-a", notice);
  RunUntil([&] { return !one->notices.empty() && !two->notices.empty(); });
  EXPECT_EQ(one->notices[0].status_changed().head(), 99U);
  EXPECT_EQ(two->notices[0].hsm_id(), "hsm-a");
  StopFrontEnd(std::move(one));
  StopFrontEnd(std::move(two));
}

TEST_F(HostTest, OnlyEnrolledFrontEndsConnect) {
  StartHost();
  auto stranger = ConnectFrontEnd("stranger", 1, false);
  auto friendly = ConnectFrontEnd("friend", 2);
  proto::Control hello;
  hello.mutable_host_hello();
  const auto refused = Ask(*stranger, "", hello);
  EXPECT_EQ(refused.error().code(), Errc::kUnavailable);
  const auto answer = Ask(*friendly, "", hello);
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->host_hello().host_id() + "\n", *ReadTextFile(HostDirectory{root_}.host_id(), 100));
  EXPECT_NE(answer->host_hello().version(), "");
  // Enrolled while the host runs, it gets in; removed, it is put out.
  auto certificate = channel::LoadCertificate(temporary_.path() / "stranger.crt");
  ASSERT_TRUE(AllowFrontEnd(root_, "stranger", *certificate).ok());
  RunUntil([&] { return Ask(*stranger, "", hello).ok(); });
  std::filesystem::remove(HostDirectory{root_}.front_ends() / "stranger.pem");
  RunUntil([&] { return !Ask(*stranger, "", hello).ok(); });
  EXPECT_TRUE(Ask(*friendly, "", hello).ok());
  StopFrontEnd(std::move(stranger));
  StopFrontEnd(std::move(friendly));
}

TEST_F(HostTest, AKilledRelayComesBackAndItsHsmsWithIt) {
  StartHost();
  auto front_end = ConnectFrontEnd("fe", 1);
  ASSERT_TRUE(StartHsm(*front_end, "hsm-a", HsmAddress(0)).ok());
  Status_(*front_end, "hsm-a");
  const auto found = testing::RunCommand("pgrep -P " + std::to_string(host_pid()) + " -f strongroom-hsm-host");
  const pid_t relay = std::atoi(found.output.c_str());
  ASSERT_GT(relay, 1);
  if (::geteuid() == 0) {
    struct stat info {};
    ASSERT_EQ(::stat(("/proc/" + std::to_string(relay) + "/task").c_str(), &info), 0);
    auto status = ReadTextFile("/proc/" + std::to_string(relay) + "/status", 65536);
    EXPECT_THAT(status.ok() ? *status : testing::RunCommand("cat /proc/" + std::to_string(relay) + "/status").output,
                HasSubstr("Uid:\t61741\t61741\t61741\t61741"));
  }
  ASSERT_EQ(::kill(relay, SIGKILL), 0);
  RunUntil([&] {
    proto::Control question;
    question.mutable_hsm_status();
    const auto answer = Ask(*front_end, "hsm-a", question);
    return answer.ok() && answer->hsm_status().head() == 2;
  });
  testing::TlsClient client(HsmAddress(0), 2223, ClientTls(DefaultClient()));
  EXPECT_EQ(client.Exchange("back"), "back");
  StopFrontEnd(std::move(front_end));
}

TEST_F(HostTest, AStartWithoutDirectoryFailsWithAMessage) {
  const auto failed = testing::RunCommand(std::string(STRONGROOM_BIN_DIR) + "/strongroom-hsm-host --data " +
                                          (temporary_.path() / "absent").string());
  EXPECT_EQ(failed.status, 1);
  EXPECT_THAT(failed.output, HasSubstr("Cannot open"));
  EXPECT_EQ(testing::RunCommand(std::string(STRONGROOM_BIN_DIR) + "/strongroom-hsm-host").status, 2);
}

TEST_F(HostTest, TheConfigurationFileIsReadAndFlagsComeOutOnTop) {
  const auto file = temporary_.path() / "host.toml";
  const auto run = [&](const std::string& text, const std::string& flags) {
    std::ofstream(file, std::ios::trunc) << text;
    return testing::RunCommand(std::string("timeout 20 ") + STRONGROOM_BIN_DIR + "/strongroom-hsm-host --config " +
                               file.string() + " " + flags);
  };
  EXPECT_THAT(run("[host]\ndata = \"/absent-by-file\"\n", "").output, HasSubstr("/absent-by-file"));
  EXPECT_THAT(run("[host]\ndata = \"/absent-by-file\"\n", "--data /absent-by-flag").output,
              HasSubstr("/absent-by-flag"));
  EXPECT_THAT(run("[host]\nhsm_users = 1\n", "").output, HasSubstr("hsm_users"));
  EXPECT_THAT(run("[host]\nhsm_user = 0\n", "").output, HasSubstr("hsm_user"));
  EXPECT_THAT(run("[host\n", "").output, HasSubstr("host.toml:1"));
  EXPECT_THAT(run("data = 1\n", "").output, HasSubstr("no [host] table"));
}

}  // namespace
}  // namespace strongroom::hsm_host
