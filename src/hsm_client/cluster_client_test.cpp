#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hsm_client/sync_client.h"
#include "hsm_client/testing/client_fixture.h"

namespace strongroom::hsm_client {
namespace {
using namespace std::chrono_literals;
using namespace testing;  // NOLINT: our own fixtures
namespace asio = boost::asio;

proto::GenerateKeyRequest AesKey(std::string label = "") {
  proto::GenerateKeyRequest request;
  request.set_type(proto::AES);
  request.set_size_bits(256);
  request.set_label(std::move(label));
  return request;
}

class ClusterTest : public ::testing::Test {
 protected:
  ~ClusterTest() override {
    if (client_) client_->Close();
    loop_.restart();
    loop_.poll();
    client_.reset();
    RunUntil(loop_, [&] { return loop_.stopped(); });
  }
  void Use(std::vector<Endpoint> seeds, std::optional<std::string_view> password = "kmsPswd1",
           ClientTrust trust = TrustFor(Pki())) {
    ClusterOptions options;
    options.seeds = std::move(seeds);
    options.port = options.seeds.front().port;
    options.min_backoff = min_backoff_;
    options.max_backoff = std::max(min_backoff_, std::chrono::milliseconds(100));
    options.connect_timeout = connect_timeout_;
    if (password) options.credentials.emplace(Credentials{proto::CU, "kmsuser", Secret(*password)});
    client_ = ClusterClient::Create({&loop_}, std::move(trust), std::move(options));
  }
  Result<wire::Frame> Call(wire::Command command, const google::protobuf::MessageLite& request,
                           std::optional<std::chrono::milliseconds> timeout = std::nullopt) {
    std::optional<Clock::time_point> deadline;
    if (timeout) deadline = Clock::now() + *timeout;
    return RunTask(loop_, client_->Call(command, request, std::vector<SecretBuffer>(), deadline));
  }
  Result<wire::Frame> Echo(std::string text = "x") { return Call(wire::Command::kEcho, EchoOf(std::move(text))); }
  /// Connections of the client, waited for.
  bool WaitForConnections(std::size_t count) {
    return RunUntil(loop_, [&] {
      std::size_t up = 0;
      for (const MemberState& member : client_->Members()) up += member.connections;
      return up == count;
    });
  }
  std::unique_ptr<HsmDouble> Second(const HsmDouble& first) {
    HsmDouble::Options options;
    options.hsm_id = "hsm-double00002";
    options.address = "127.0.0.2";
    options.port = first.endpoint().port;
    return std::make_unique<HsmDouble>(Pki(), cluster_, options);
  }

  std::shared_ptr<DoubleCluster> cluster_ = NewCluster();
  HsmDouble first_{Pki(), cluster_};
  Loop loop_{1};
  std::chrono::milliseconds connect_timeout_{5000}, min_backoff_{50};
  std::shared_ptr<ClusterClient> client_;
};

TEST_F(ClusterTest, OpensLazilyLogsInAndStaysConnected) {
  Use({first_.endpoint()});
  EXPECT_EQ(first_.connections_ever(), 0u);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(Call(wire::Command::kFindKeys, proto::FindKeysRequest()).ok());
  EXPECT_EQ(first_.connections_ever(), 1u);
  EXPECT_EQ(client_->Counters().logins, 1u);
  EXPECT_EQ(client_->Counters().calls, 5u);
}

// ---- what is repeated

struct CutRow {
  std::string name;
  wire::Command command;
  HsmDouble::Cut cut;
  bool want_success;
  std::size_t want_executed;
};
class CutTable : public ClusterTest, public ::testing::WithParamInterface<CutRow> {};

TEST_P(CutTable, IsRepeatedOrNotAsTheCommandAllows) {
  Use({first_.endpoint()});
  ASSERT_TRUE(Echo().ok());
  const std::size_t before = first_.executed(GetParam().command);
  first_.CutNext(GetParam().cut);
  proto::LoginRequest login;
  login.set_type(proto::CU);
  login.set_name("kmsuser");
  const proto::EchoRequest echo = EchoOf("x");
  const proto::GenerateKeyRequest key = AesKey();
  const google::protobuf::MessageLite* request = &echo;
  if (GetParam().command == wire::Command::kGenerateKey) request = &key;
  if (GetParam().command == wire::Command::kLogout) request = &login;
  const auto result = Call(GetParam().command, *request);
  EXPECT_EQ(result.ok(), GetParam().want_success) << (result.ok() ? "" : result.error().ForLog());
  if (!GetParam().want_success) {
    EXPECT_EQ(result.error().code(), Errc::kUnavailable);
  }
  EXPECT_EQ(first_.executed(GetParam().command) - before, GetParam().want_executed);
  EXPECT_EQ(cluster_->keys.size(), GetParam().command == wire::Command::kGenerateKey ? 1u : 0u);
}

INSTANTIATE_TEST_SUITE_P(
    Cluster, CutTable,
    ::testing::Values(
        CutRow{"RepeatableNotExecuted", wire::Command::kEcho, HsmDouble::Cut::kBeforeExecution, true, 1},
        CutRow{"RepeatableAnswerLost", wire::Command::kEcho, HsmDouble::Cut::kBeforeAnswer, true, 2},
        CutRow{"DeduplicatedNotExecuted", wire::Command::kGenerateKey, HsmDouble::Cut::kBeforeExecution, true, 1},
        CutRow{"DeduplicatedAnswerLost", wire::Command::kGenerateKey, HsmDouble::Cut::kBeforeAnswer, true, 1},
        CutRow{"NeverNotExecuted", wire::Command::kLogout, HsmDouble::Cut::kBeforeExecution, false, 0},
        CutRow{"NeverAnswerLost", wire::Command::kLogout, HsmDouble::Cut::kBeforeAnswer, false, 1}),
    [](const auto& param) { return param.param.name; });

TEST_F(ClusterTest, ALoginIsMadeOnEveryNewConnection) {
  Use({first_.endpoint()});
  ASSERT_TRUE(Call(wire::Command::kGenerateKey, AesKey("a")).ok());
  first_.CutAll();
  ASSERT_TRUE(Call(wire::Command::kGenerateKey, AesKey("b")).ok());
  EXPECT_EQ(client_->Counters().logins, 2u);
  EXPECT_EQ(cluster_->keys.size(), 2u);
}

TEST_F(ClusterTest, ALoginThatTheHsmForgotIsMadeAgain) {
  Use({first_.endpoint()});
  ASSERT_TRUE(Echo().ok());
  first_.FailNext(Errc::kNotLoggedIn);
  ASSERT_TRUE(Call(wire::Command::kFindKeys, proto::FindKeysRequest()).ok());
  EXPECT_EQ(client_->Counters().logins, 2u);
}

// ---- two members

TEST_F(ClusterTest, AMemberThatIsKilledIsReplacedByTheOther) {
  auto second = Second(first_);
  Use({first_.endpoint(), second->endpoint()});
  ASSERT_TRUE(Echo().ok());
  ASSERT_TRUE(WaitForConnections(2));
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(Echo().ok());
  EXPECT_GT(first_.executed(wire::Command::kEcho), 0u);  // both get their share
  EXPECT_GT(second->executed(wire::Command::kEcho), 0u);
  second.reset();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(Call(wire::Command::kGenerateKey, AesKey()).ok());
  EXPECT_EQ(cluster_->keys.size(), 10u);
  second = Second(first_);
  ASSERT_TRUE(WaitForConnections(2));  // it comes back by itself
}

TEST_F(ClusterTest, AStuckMemberCostsHalfOfTheTime) {
  auto second = Second(first_);
  Use({first_.endpoint(), second->endpoint()});
  ASSERT_TRUE(Echo().ok());
  ASSERT_TRUE(WaitForConnections(2));
  second->Hold(true);
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(Call(wire::Command::kEcho, EchoOf("x"), 1000ms).ok());
  EXPECT_GT(client_->Counters().retries, 0u);
}

// ---- a member that hangs

/// Two members, both connected; `second_` hangs and comes back.
class HangTest : public ClusterTest {
 protected:
  void SetUp() override {
    Use({first_.endpoint(), second_->endpoint()});
    ASSERT_TRUE(Echo().ok());
    ASSERT_TRUE(WaitForConnections(2));
  }
  ~HangTest() override { second_->Thaw(); }
  Result<wire::Frame> Patient(wire::Command command, const google::protobuf::MessageLite& request) {
    return Call(command, request, 60s);
  }
  std::unique_ptr<HsmDouble> second_ = Second(first_);
};

TEST_F(HangTest, IsLeftLongBeforeTheDeadlineAndAskedNothingMore) {
  second_->Freeze();
  const auto begin = Clock::now();
  while (client_->Counters().retries == 0) ASSERT_TRUE(Patient(wire::Command::kEcho, EchoOf("x")).ok());
  EXPECT_LT(Clock::now() - begin, 15s);
  const std::uint64_t retries = client_->Counters().retries;
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(Patient(wire::Command::kEcho, EchoOf("x")).ok());
  EXPECT_EQ(client_->Counters().retries, retries);
}

TEST_F(HangTest, IsUsedAgainOnceItAnswers) {
  second_->Freeze();
  while (client_->Counters().retries == 0) ASSERT_TRUE(Patient(wire::Command::kEcho, EchoOf("x")).ok());
  second_->Thaw();
  const std::size_t before = second_->executed(wire::Command::kFindKeys);
  const auto used = [&] {
    return Patient(wire::Command::kFindKeys, proto::FindKeysRequest()).ok() &&
           second_->executed(wire::Command::kFindKeys) > before;
  };
  const auto deadline = Clock::now() + 20s;
  bool again = false;
  while (!again && Clock::now() < deadline) again = used();
  EXPECT_TRUE(again);
  EXPECT_EQ(client_->Counters().connections_lost, 0u);
}

TEST_F(HangTest, AChangeThatBothExecuteIsMadeOnce) {
  second_->Freeze();
  std::size_t made = 0;
  while (client_->Counters().retries == 0) {
    ASSERT_TRUE(Patient(wire::Command::kGenerateKey, AesKey()).ok());
    ++made;
  }
  second_->Thaw();
  // The one that was left is executed late; its place in the connection is before this.
  while (second_->executed(wire::Command::kFindKeys) == 0)
    ASSERT_TRUE(Patient(wire::Command::kFindKeys, proto::FindKeysRequest()).ok());
  EXPECT_EQ(cluster_->keys.size(), made);
}

TEST_F(HangTest, WhenBothHangTheCallWaits) {
  second_->Freeze();
  first_.Freeze();
  std::optional<Result<wire::Frame>> answer;  // it comes in any case: at the call's deadline
  const proto::EchoRequest echo = EchoOf("x");
  asio::co_spawn(loop_, channel::testing::Keep(client_->Call(wire::Command::kEcho, echo), answer), asio::detached);
  const auto later = Clock::now() + 4 * HsmConnection::kSilentAfter;
  RunUntil(loop_, [&] { return Clock::now() > later; });
  EXPECT_FALSE(answer.has_value());
  first_.Thaw();
  ASSERT_TRUE(RunUntil(loop_, [&] { return answer.has_value(); }));
  EXPECT_TRUE(answer->ok());
}

/// Refusals that say something of the member that was asked, not of the request.
class PassedOver : public ClusterTest, public ::testing::WithParamInterface<Errc> {};
INSTANTIATE_TEST_SUITE_P(Client, PassedOver,
                         ::testing::Values(Errc::kUnavailable, Errc::kThrottled, Errc::kResourceExhausted,
                                           Errc::kStale));

TEST_P(PassedOver, IsAMemberThatCannotNow) {
  auto second = Second(first_);
  Use({first_.endpoint(), second->endpoint()});
  ASSERT_TRUE(Echo().ok());
  ASSERT_TRUE(WaitForConnections(2));
  first_.FailNext(GetParam(), 1000);
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(Echo().ok());
  second->FailNext(GetParam(), 1000);
  const auto none = Echo();  // each is asked once
  EXPECT_EQ(none.error().code(), GetParam());
  EXPECT_EQ(none.error().public_message(), "Told to fail.");
}

TEST_F(ClusterTest, AMemberOnItsWayIsWaitedForWhenTheOtherCannotNow) {
  auto second = Second(first_);
  Use({first_.endpoint(), second->endpoint()});
  first_.FailNext(Errc::kStale, 1000);
  second->Freeze();
  asio::steady_timer later(loop_, 200ms);
  later.async_wait([&](boost::system::error_code) { second->Thaw(); });
  const auto answer = Echo();
  EXPECT_TRUE(answer.ok()) << answer.error();
}

TEST_F(ClusterTest, AMemberThatIsBackIsFoundByTheNextCallAndNotWhenItsBackOffEnds) {
  min_backoff_ = 10min;
  auto other = Second(first_);
  Use({other->endpoint()}, std::nullopt);
  ASSERT_TRUE(Echo().ok());
  other.reset();
  ASSERT_TRUE(WaitForConnections(0));
  for (int turn = 0; turn < 2; ++turn) {
    std::this_thread::sleep_for(300ms);
    const auto nobody = Call(wire::Command::kEcho, EchoOf("x"), 20s);
    ASSERT_FALSE(nobody.ok());
    EXPECT_EQ(nobody.error().code(), Errc::kUnavailable);
  }
  other = Second(first_);
  std::this_thread::sleep_for(300ms);
  const auto answer = Echo();
  EXPECT_TRUE(answer.ok()) << answer.error();
}

TEST_F(ClusterTest, AKeyMadeOnOneMemberIsUsableOnTheOtherAtOnce) {
  auto second = Second(first_);
  Use({first_.endpoint(), second->endpoint()});
  ASSERT_TRUE(Echo().ok());
  ASSERT_TRUE(WaitForConnections(2));
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(Call(wire::Command::kGenerateKey, AesKey()).ok());
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(Echo().ok());
  // The member of the first key (change 2) has been told of the second (change 3), and that one of the first.
  EXPECT_EQ(std::max(first_.newest_position_seen(), second->newest_position_seen()), 3u);
  EXPECT_EQ(std::min(first_.newest_position_seen(), second->newest_position_seen()), 2u);
}

TEST_F(ClusterTest, ANewMemberIsConnectedByItselfAndALeavingOneIsLeft) {
  Use({first_.endpoint()});
  ASSERT_TRUE(Echo().ok());
  auto second = Second(first_);
  first_.PushMembership({first_.member(), second->member()});
  ASSERT_TRUE(WaitForConnections(2));
  EXPECT_EQ(client_->Members().size(), 2u);
  EXPECT_EQ(client_->Members()[1].hsm_id, "hsm-double00002");
  first_.PushMembership({second->member()});
  ASSERT_TRUE(RunUntil(loop_, [&] { return client_->Members().size() == 1 && first_.connections() == 0; }));
  ASSERT_TRUE(Echo("by the second").ok());
  EXPECT_EQ(second->executed(wire::Command::kEcho), 1u);
}

// ---- each of them

class EachTest : public ClusterTest {
 protected:
  /// Endpoints that answered, and those that did not.
  struct Outcome {
    std::set<Endpoint> answered, failed;
    std::set<Errc> errors;
  };
  Outcome Each(wire::Command command, const google::protobuf::MessageLite& request,
               std::chrono::milliseconds timeout = 5s) {
    Outcome outcome;
    auto answers = RunTask(loop_, client_->CallEach(command, request, Clock::now() + timeout));
    EXPECT_TRUE(answers.ok());
    if (!answers.ok()) return outcome;
    for (auto& [endpoint, reply] : *answers) {
      (reply.ok() ? outcome.answered : outcome.failed).insert(endpoint);
      if (!reply.ok()) outcome.errors.insert(reply.error().code());
    }
    return outcome;
  }
};

TEST_F(EachTest, MemberIsAskedOnceAlsoByTheFirstCall) {
  auto second = Second(first_);
  Use({first_.endpoint(), second->endpoint()});
  for (std::size_t times = 1; times <= 3; ++times) {
    EXPECT_EQ(Each(wire::Command::kEcho, EchoOf("x")).answered, (std::set{first_.endpoint(), second->endpoint()}));
    EXPECT_EQ(first_.executed(wire::Command::kEcho), times);
    EXPECT_EQ(second->executed(wire::Command::kEcho), times);
  }
}

TEST_F(EachTest, MemberThatIsDownIsNamedAndTheOthersAreAsked) {
  auto second = Second(first_);
  const Endpoint gone = second->endpoint();
  Use({first_.endpoint(), gone});
  ASSERT_TRUE(Echo().ok());
  ASSERT_TRUE(WaitForConnections(2));
  second.reset();
  ASSERT_TRUE(WaitForConnections(1));
  const Outcome outcome = Each(wire::Command::kListUsers, proto::ListUsersRequest());
  EXPECT_EQ(outcome.answered, (std::set{first_.endpoint()}));
  EXPECT_EQ(outcome.failed, (std::set{gone}));
  EXPECT_EQ(first_.executed(wire::Command::kListUsers), 1u);
}

TEST_F(EachTest, MemberThatHangsHoldsNobodyUpUntilTheDeadline) {
  auto second = Second(first_);
  Use({first_.endpoint(), second->endpoint()});
  ASSERT_TRUE(Echo().ok());
  ASSERT_TRUE(WaitForConnections(2));
  second->Freeze();
  const auto before = Clock::now();
  const Outcome outcome = Each(wire::Command::kListUsers, proto::ListUsersRequest(), 60s);
  const auto took = Clock::now() - before;
  second->Thaw();
  EXPECT_EQ(outcome.answered, (std::set{first_.endpoint()}));
  EXPECT_EQ(outcome.failed, (std::set{second->endpoint()}));
  EXPECT_LT(took, 60s);
}

TEST_F(EachTest, MemberWhoseConnectionIsCutIsAskedAgain) {
  auto second = Second(first_);
  Use({first_.endpoint(), second->endpoint()});
  ASSERT_TRUE(Echo().ok());
  ASSERT_TRUE(WaitForConnections(2));
  second->CutNext(HsmDouble::Cut::kBeforeExecution);
  EXPECT_EQ(Each(wire::Command::kListUsers, proto::ListUsersRequest()).answered.size(), 2u);
  EXPECT_EQ(second->executed(wire::Command::kListUsers), 1u);
}

TEST_F(EachTest, MembersOwnErrorsAreInTheirAnswers) {
  auto second = Second(first_);
  Use({first_.endpoint(), second->endpoint()});
  ASSERT_TRUE(Echo().ok());
  ASSERT_TRUE(WaitForConnections(2));
  second->FailNext(Errc::kPermission);
  const Outcome outcome = Each(wire::Command::kEcho, EchoOf("x"));
  EXPECT_EQ(outcome.failed, (std::set{second->endpoint()}));
  EXPECT_EQ(outcome.errors, (std::set{Errc::kPermission}));
}

TEST_F(EachTest, CommandThatChangesTheClusterIsRefused) {
  Use({first_.endpoint()});
  for (const wire::Command command : {wire::Command::kGenerateKey, wire::Command::kLogout}) {
    const proto::GenerateKeyRequest request = AesKey();
    const auto answers = RunTask(loop_, client_->CallEach(command, request, Soon()));
    EXPECT_EQ(answers.error().code(), Errc::kInvalidArgument);
  }
  EXPECT_EQ(first_.executed(wire::Command::kGenerateKey), 0u);
}

// ---- refusals

TEST_F(ClusterTest, AWrongPasswordIsTriedOnceAndThenToldWithoutAsking) {
  auto second = Second(first_);
  Use({first_.endpoint(), second->endpoint()}, "wrong");
  EXPECT_EQ(Echo().error().code(), Errc::kLoginFailed);
  EXPECT_EQ(Echo().error().code(), Errc::kLoginFailed);
  EXPECT_EQ(client_->Counters().login_failures, 1u);
  ASSERT_TRUE(client_->SetPassword(Secret("kmsPswd1")).ok());
  const auto now = Echo();
  EXPECT_TRUE(now.ok()) << now.error();
}

TEST_F(ClusterTest, AProbeTriesAgainAndSaysWhatIsWrong) {
  Use({first_.endpoint()}, "wrong");
  EXPECT_EQ(RunTask(loop_, client_->Probe(Soon())).error().code(), Errc::kLoginFailed);
  {
    const std::lock_guard lock(cluster_->mutex);
    cluster_->users[{proto::CU, "kmsuser"}].password = Secret("wrong");  // changed by an officer
  }
  const Status again = RunTask(loop_, client_->Probe(Soon()));
  EXPECT_TRUE(again.ok()) << again.error();
}

struct RefusalRow {
  std::string name;
  std::function<void(DoubleCluster&)> prepare;
  Errc want;
};
class RefusalTable : public ClusterTest, public ::testing::WithParamInterface<RefusalRow> {};
TEST_P(RefusalTable, IsToldAsItIs) {
  GetParam().prepare(*cluster_);
  Use({first_.endpoint()});
  EXPECT_EQ(Echo().error().code(), GetParam().want);
  EXPECT_EQ(RunTask(loop_, client_->Probe(Soon())).error().code(), GetParam().want);
}
INSTANTIATE_TEST_SUITE_P(Cluster, RefusalTable,
                         ::testing::Values(RefusalRow{"NoSuchUser",
                                                      [](DoubleCluster& c) {
                                                        c.users.erase({proto::CU, "kmsuser"});
                                                      },
                                                      Errc::kUserNotFound},
                                           RefusalRow{"Locked",
                                                      [](DoubleCluster& c) {
                                                        c.users[{proto::CU, "kmsuser"}].info.set_locked(true);
                                                      },
                                                      Errc::kUserLocked}),
                         [](const auto& param) { return param.param.name; });

TEST_F(ClusterTest, AnHsmOfAnotherOwnerIsUntrusted) {
  const TestPki other;
  Use({first_.endpoint()}, "kmsPswd1", {Pki().OuterClientContext(), other.InnerClientContext()});
  EXPECT_EQ(Echo().error().code(), Errc::kUntrusted);
  EXPECT_EQ(client_->Counters().login_failures + client_->Counters().logins, 0u);
}

TEST_F(ClusterTest, NobodyThereIsUnavailableAndAProbeSaysSoAtOnce) {
  const Endpoint gone{"127.0.0.3", first_.endpoint().port};
  Use({gone});
  EXPECT_EQ(RunTask(loop_, client_->Probe(Soon())).error().code(), Errc::kUnavailable);
  EXPECT_EQ(Call(wire::Command::kEcho, EchoOf("x"), 100ms).error().code(), Errc::kUnavailable);
  EXPECT_EQ(client_->Members()[0].connections, 0u);
  EXPECT_THAT(client_->Members()[0].last_error, ::testing::HasSubstr("127.0.0.3"));
}

TEST_F(ClusterTest, TheDeadlineHolds) {
  Use({first_.endpoint()});
  ASSERT_TRUE(Echo().ok());
  first_.Hold(true);
  EXPECT_EQ(Call(wire::Command::kEcho, EchoOf("x"), 60ms).error().code(), Errc::kTimeout);
}

TEST_F(ClusterTest, AClosedClientRefusesCallsAndEndsThoseUnderWay) {
  Use({first_.endpoint()});
  ASSERT_TRUE(Echo().ok());
  first_.Hold(true);
  std::optional<Result<wire::Frame>> under_way;
  const proto::EchoRequest echo = EchoOf("x");
  asio::co_spawn(loop_, channel::testing::Keep(client_->Call(wire::Command::kEcho, echo), under_way), asio::detached);
  loop_.restart();
  loop_.poll();
  client_->Close();
  ASSERT_TRUE(RunUntil(loop_, [&] { return under_way.has_value(); }));
  EXPECT_EQ(under_way->error().code(), Errc::kCancelled);
  EXPECT_EQ(Echo().error().code(), Errc::kCancelled);
}

enum class Stuck { kHandshake, kLogin };
class AttemptTable : public ClusterTest, public ::testing::WithParamInterface<Stuck> {};
TEST_P(AttemptTable, IsGivenUpWhenTheClientIsClosed) {
  if (GetParam() == Stuck::kHandshake) first_.Freeze();
  if (GetParam() == Stuck::kLogin) first_.Hold(true);
  connect_timeout_ = 60s;
  Use({first_.endpoint()});
  std::optional<Result<wire::Frame>> under_way;
  const proto::EchoRequest echo = EchoOf("x");
  asio::co_spawn(loop_, channel::testing::Keep(client_->Call(wire::Command::kEcho, echo), under_way), asio::detached);
  const auto later = Clock::now() + 200ms;  // so that it is where the row says, mostly
  RunUntil(loop_, [&] { return Clock::now() > later; });
  ASSERT_FALSE(under_way.has_value());
  client_->Close();
  EXPECT_TRUE(RunUntil(loop_, [&] { return loop_.stopped(); }));  // nothing is left to wait for
  first_.Thaw();
  ASSERT_TRUE(under_way.has_value());
  EXPECT_EQ(under_way->error().code(), Errc::kCancelled);
}
INSTANTIATE_TEST_SUITE_P(Cluster, AttemptTable, ::testing::Values(Stuck::kHandshake, Stuck::kLogin),
                         [](const auto& param) {
                           return param.param == Stuck::kLogin ? "InItsLogin" : "InItsHandshake";
                         });

TEST_F(ClusterTest, AFrontEndComesWithItsCertificateInsteadOfALogin) {
  Use({first_.endpoint()}, std::nullopt, TrustFor(Pki(), true));
  proto::CreateTokenRequest wanted;
  wanted.set_binding("account|key");
  wanted.set_spec("SYMMETRIC_DEFAULT");
  auto token = RunTask(loop_, client_->Call<proto::CreateTokenReply>(wire::Command::kCreateToken, wanted));
  ASSERT_TRUE(token.ok()) << token.error();
  proto::SealRandomRequest seal;
  seal.mutable_key()->set_token(token->reply.token());
  seal.mutable_key()->set_binding("account|key");
  seal.set_number_of_bytes(32);
  seal.set_return_plaintext(true);
  auto sealed = RunTask(loop_, client_->Call<proto::SealRandomReply>(wire::Command::kSealRandom, seal));
  ASSERT_TRUE(sealed.ok()) << sealed.error();
  ASSERT_EQ(sealed->segments.size(), 1u);
  EXPECT_EQ(sealed->segments[0].size(), 32u);
  seal.mutable_key()->set_binding("account|another key");
  EXPECT_EQ(Call(wire::Command::kSealRandom, seal).error().code(), Errc::kBadCiphertext);
}

TEST_F(ClusterTest, SeveralLoopsHaveTheirOwnConnections) {
  std::vector<std::unique_ptr<SyncClient>> clients;
  ClusterOptions options;
  options.seeds = {first_.endpoint()};
  auto sync = SyncClient::Create(TrustFor(Pki()), std::move(options));
  ASSERT_TRUE(sync->Probe().ok());
  auto echo = sync->Call<proto::EchoReply>(wire::Command::kEcho, EchoOf("blocking"));
  ASSERT_TRUE(echo.ok()) << echo.error();
  EXPECT_EQ(echo->reply.data(), "blocking");

  Loop a(1), b(1);
  ClusterOptions two;
  two.seeds = {first_.endpoint()};
  auto shared = ClusterClient::Create({&a, &b}, TrustFor(Pki()), std::move(two));
  const proto::EchoRequest request = EchoOf("x");
  for (Loop* loop : {&a, &b}) ASSERT_TRUE(RunTask(*loop, shared->Call(wire::Command::kEcho, request)).ok());
  EXPECT_EQ(first_.connections(), 3u);
  Loop stranger(1);
  EXPECT_EQ(RunTask(stranger, shared->Call(wire::Command::kEcho, request)).error().code(), Errc::kInternal);
  shared->Close();
  for (Loop* loop : {&a, &b}) {
    loop->restart();
    loop->poll();
  }
}

}  // namespace
}  // namespace strongroom::hsm_client
