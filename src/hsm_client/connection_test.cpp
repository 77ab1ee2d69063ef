#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hsm_client/sync_client.h"
#include "hsm_client/testing/client_fixture.h"
#include "secret/peek_for_tests.h"

namespace strongroom::hsm_client {
namespace {
using namespace std::chrono_literals;
using namespace testing;  // NOLINT: our own fixtures
namespace asio = boost::asio;

class ConnectionTest : public ::testing::Test {
 protected:
  ~ConnectionTest() override {
    if (connection_) connection_->Close();
    connection_.reset();
    loop_.restart();
    loop_.poll();
  }
  HsmConnection& Connect() {
    connection_ = Must(RunTask(loop_, HsmConnection::Open(hsm_.endpoint(), TrustFor(Pki()), Soon(), position_)));
    return *connection_;
  }
  Result<wire::Frame> Call(wire::Command command, const google::protobuf::MessageLite& request,
                           std::vector<SecretBuffer> segments = {}, CallOptions options = {}) {
    return RunTask(loop_, connection_->Call(command, request, std::move(segments), options));
  }
  static CallOptions Change(std::uint8_t id) {
    CallOptions options;
    options.client_id.emplace().fill(id);
    return options;
  }

  std::shared_ptr<DoubleCluster> cluster_ = NewCluster();
  HsmDouble hsm_{Pki(), cluster_};
  Loop loop_{1};
  std::shared_ptr<PositionKeeper> position_ = MakePositionKeeper();
  std::shared_ptr<HsmConnection> connection_;
};

Task<void> EchoInto(std::shared_ptr<HsmConnection> connection, std::string text, std::vector<std::string>& order) {
  const proto::EchoRequest request = EchoOf(text);
  auto frame = co_await connection->Call(wire::Command::kEcho, request);
  order.push_back(frame.ok() ? EchoIn(*frame) : "failed");
}

TEST_F(ConnectionTest, AnswersFindTheirCallsInWhateverOrder) {
  Connect();
  hsm_.ReverseReplies(100);
  std::vector<std::string> order, want;
  for (int i = 0; i < 100; ++i) {
    asio::co_spawn(loop_, EchoInto(connection_, std::to_string(i), order), asio::detached);
    want.insert(want.begin(), std::to_string(i));
  }
  ASSERT_TRUE(RunUntil(loop_, [&] { return order.size() == 100; }));
  EXPECT_EQ(order, want);
  EXPECT_EQ(connection_->outstanding(), 0u);
}

TEST_F(ConnectionTest, ThousandsMayBeOutstanding) {
  Connect();
  hsm_.ReverseReplies(5000);
  std::vector<std::string> order;
  for (int i = 0; i < 5000; ++i) asio::co_spawn(loop_, EchoInto(connection_, std::to_string(i), order), asio::detached);
  ASSERT_TRUE(RunUntil(loop_, [&] { return order.size() == 5000; }));
  EXPECT_EQ(order.front(), "4999");
  EXPECT_EQ(order.back(), "0");
}

struct StatusRow {
  std::string name;
  Errc code;
};
class StatusTable : public ConnectionTest, public ::testing::WithParamInterface<StatusRow> {};
TEST_P(StatusTable, BecomesTheSameErrorWithTheHsmsWords) {
  Connect();
  hsm_.FailNext(GetParam().code);
  Executed executed = Executed::kPerhaps;
  CallOptions options;
  options.executed = &executed;
  const auto result = Call(wire::Command::kEcho, EchoOf("x"), {}, options);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code(), GetParam().code);
  EXPECT_EQ(result.error().public_message(), "Told to fail.");
  EXPECT_EQ(executed, Executed::kNo);
  EXPECT_TRUE(Call(wire::Command::kEcho, EchoOf("x")).ok());  // the connection goes on
}
INSTANTIATE_TEST_SUITE_P(Connection, StatusTable,
                         ::testing::Values(StatusRow{"NotFound", Errc::kNotFound},
                                           StatusRow{"Permission", Errc::kPermission},
                                           StatusRow{"NotLoggedIn", Errc::kNotLoggedIn},
                                           StatusRow{"Unavailable", Errc::kUnavailable},
                                           StatusRow{"BadCiphertext", Errc::kBadCiphertext}),
                         [](const auto& param) { return param.param.name; });

TEST_F(ConnectionTest, ALostConnectionFailsEveryCallAndSaysThatItMayHaveHappened) {
  Connect();
  hsm_.Hold(true);
  std::vector<std::string> order;
  for (int i = 0; i < 10; ++i) asio::co_spawn(loop_, EchoInto(connection_, "x", order), asio::detached);
  ASSERT_TRUE(RunUntil(loop_, [&] { return connection_->outstanding() == 10; }));
  bool told = false;
  connection_->OnClosed([&](const Error&) { told = true; });
  hsm_.relay().CutAll();
  ASSERT_TRUE(RunUntil(loop_, [&] { return order.size() == 10; }));
  EXPECT_THAT(order, ::testing::Each("failed"));
  EXPECT_TRUE(told);
  EXPECT_FALSE(connection_->open());

  Executed executed = Executed::kPerhaps;
  CallOptions options;
  options.executed = &executed;
  const auto late = Call(wire::Command::kEcho, EchoOf("x"), {}, options);
  EXPECT_EQ(late.error().code(), Errc::kUnavailable);
  EXPECT_EQ(executed, Executed::kNo);  // it never left
}

TEST_F(ConnectionTest, ACutAnywhereInTheAnswerIsALostAnswer) {
  for (const std::int64_t bytes : {0, 1, 5, 21, 40}) {
    Connect();
    Executed executed = Executed::kNo;
    CallOptions options;
    options.executed = &executed;
    ASSERT_TRUE(Call(wire::Command::kEcho, EchoOf("warm")).ok());
    hsm_.relay().CutAfter(bytes);
    const auto result = Call(wire::Command::kEcho, EchoOf("a text that makes the answer long enough"), {}, options);
    ASSERT_FALSE(result.ok()) << bytes;
    EXPECT_EQ(result.error().code(), Errc::kUnavailable) << result.error();
    EXPECT_EQ(executed, Executed::kPerhaps);
    hsm_.relay().CutAfter(-1);
  }
}

TEST_F(ConnectionTest, TheDeadlineEndsACallAndItsLateAnswerIsIgnored) {
  Connect();
  hsm_.ReverseReplies(2);  // the first answer waits for the second command
  CallOptions options;
  options.deadline = Clock::now() + 50ms;
  Executed executed = Executed::kNo;
  options.executed = &executed;
  const auto result = Call(wire::Command::kEcho, EchoOf("late"), {}, options);
  EXPECT_EQ(result.error().code(), Errc::kTimeout);
  EXPECT_EQ(executed, Executed::kPerhaps);
  const auto next = Call(wire::Command::kEcho, EchoOf("in time"));
  ASSERT_TRUE(next.ok());
  EXPECT_EQ(EchoIn(*next), "in time");
}

TEST_F(ConnectionTest, TooLargeACommandIsRefusedHere) {
  Connect();
  EXPECT_EQ(Call(wire::Command::kEcho, EchoOf(std::string(wire::kMaxFrameBytes, 'x'))).error().code(),
            Errc::kRequestTooLarge);
  EXPECT_TRUE(Call(wire::Command::kEcho, EchoOf("x")).ok());
}

TEST_F(ConnectionTest, LoginsEndAsTheHsmSays) {
  Connect();
  const auto login = [&](std::string name, std::string_view password) {
    return RunTask(loop_, connection_->Login(proto::CU, std::move(name), Secret(password)));
  };
  EXPECT_EQ(login("nobody", "kmsPswd1").error().code(), Errc::kUserNotFound);
  EXPECT_EQ(login("kmsuser", "wrong").error().code(), Errc::kLoginFailed);
  auto user = login("kmsuser", "kmsPswd1");
  ASSERT_TRUE(user.ok()) << user.error();
  EXPECT_EQ(user->name(), "kmsuser");
  EXPECT_TRUE(Call(wire::Command::kFindKeys, proto::FindKeysRequest()).ok());
  EXPECT_TRUE(RunTask(loop_, connection_->Logout()).ok());
  EXPECT_EQ(Call(wire::Command::kFindKeys, proto::FindKeysRequest()).error().code(), Errc::kNotLoggedIn);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(login("kmsuser", "wrong").error().code(), Errc::kLoginFailed);
  EXPECT_EQ(login("kmsuser", "kmsPswd1").error().code(), Errc::kUserLocked);
}

TEST_F(ConnectionTest, APasswordIsNotReadableOnTheHost) {
  hsm_.relay().Capture();
  Connect();
  ASSERT_TRUE(RunTask(loop_, connection_->Login(proto::CU, "kmsuser", Secret("kmsPswd1"))).ok());
  const Bytes seen = hsm_.relay().Captured();
  EXPECT_GT(seen.size(), 500u);
  EXPECT_EQ(AsText(seen).find("kmsPswd1"), std::string_view::npos);
  EXPECT_EQ(AsText(seen).find("kmsuser"), std::string_view::npos);
}

TEST_F(ConnectionTest, TheNewestPositionIsSentOnceAndNewerOnesReplaceIt) {
  Connect();
  ASSERT_TRUE(RunTask(loop_, connection_->Login(proto::CU, "kmsuser", Secret("kmsPswd1"))).ok());
  proto::GenerateKeyRequest key;
  key.set_type(proto::AES);
  key.set_size_bits(256);
  ASSERT_TRUE(Call(wire::Command::kGenerateKey, key, {}, Change(1)).ok());
  HsmDouble second(Pki(), cluster_, {.hsm_id = "hsm-double00002"});
  auto other = Must(RunTask(loop_, HsmConnection::Open(second.endpoint(), TrustFor(Pki()), Soon(), position_)));
  const proto::EchoRequest echo = EchoOf("x");
  ASSERT_TRUE(RunTask(loop_, other->Call(wire::Command::kEcho, echo)).ok());
  EXPECT_EQ(second.newest_position_seen(), cluster_->number);
  EXPECT_EQ(hsm_.newest_position_seen(), 0u);  // it need not be told what it said itself
  other->Close();
}

TEST(PositionTest, OlderTokensDoNotReplaceNewerOnes) {
  for (const auto& keeper : {MakePositionKeeper(), MakeSharedPositionKeeper()}) {
    const auto token = [](std::uint8_t epoch, std::uint8_t number) {
      Bytes t(65);
      t[0] = 1;
      t[8] = epoch;
      t[16] = number;
      return t;
    };
    EXPECT_EQ(keeper->version(), 0u);
    EXPECT_EQ(keeper->Offer({}), 0u);
    EXPECT_EQ(keeper->Offer(token(1, 5)), 1u);
    EXPECT_EQ(keeper->Offer(token(1, 4)), 0u);
    EXPECT_EQ(keeper->Offer(token(1, 5)), 0u);
    EXPECT_EQ(keeper->Offer(token(2, 1)), 2u);
    EXPECT_EQ(keeper->Offer(token(1, 9)), 0u);
    EXPECT_EQ(keeper->newest(), token(2, 1));
  }
}

TEST_F(ConnectionTest, MembershipIsTold) {
  proto::Member second;
  second.set_hsm_id("hsm-2");
  second.set_address("127.0.0.2");
  hsm_.PushMembership({hsm_.member()});
  Connect();
  std::vector<int> sizes;
  ASSERT_TRUE(Call(wire::Command::kEcho, EchoOf("after the event")).ok());
  connection_->OnMembership([&](const proto::MembershipEvent& event) { sizes.push_back(event.members_size()); });
  hsm_.PushMembership({hsm_.member(), second});
  ASSERT_TRUE(RunUntil(loop_, [&] { return sizes.size() == 2; }));
  EXPECT_THAT(sizes, ::testing::ElementsAre(1, 2));
}

TEST_F(ConnectionTest, SecretsTravelInSegments) {
  Connect();
  ASSERT_TRUE(RunTask(loop_, connection_->Login(proto::CU, "kmsuser", Secret("kmsPswd1"))).ok());
  proto::GenerateKeyRequest wanted;
  wanted.set_type(proto::AES);
  wanted.set_size_bits(256);
  auto made = Call(wire::Command::kGenerateKey, wanted, {}, Change(7));
  ASSERT_TRUE(made.ok()) << made.error();
  proto::GenerateKeyReply key;
  ASSERT_TRUE(wire::ParseMessage(*made, key).ok());
  proto::SealMessageRequest seal;
  seal.mutable_key()->set_handle(key.key().handle());
  seal.set_header("header");
  std::vector<SecretBuffer> segments;
  segments.push_back(Secret("plaintext"));
  auto sealed = Call(wire::Command::kSealMessage, seal, std::move(segments));
  ASSERT_TRUE(sealed.ok()) << sealed.error();
  proto::SealMessageReply reply;
  ASSERT_TRUE(wire::ParseMessage(*sealed, reply).ok());
  proto::OpenMessageRequest open;
  *open.mutable_key() = seal.key();
  open.set_header("header");
  open.set_sealed(reply.sealed());
  auto opened = Call(wire::Command::kOpenMessage, open);
  ASSERT_TRUE(opened.ok()) << opened.error();
  ASSERT_EQ(opened->segments.size(), 1u);
  EXPECT_TRUE(opened->segments[0].EqualsInConstantTime(AsBytes("plaintext")));
  open.set_header("another header");
  EXPECT_EQ(Call(wire::Command::kOpenMessage, open).error().code(), Errc::kBadCiphertext);
}

TEST_F(ConnectionTest, TheBlockingClientDoesTheSame) {
  auto sync = SyncConnection::Open(hsm_.endpoint(), TrustFor(Pki()));
  ASSERT_TRUE(sync.ok()) << sync.error();
  ASSERT_TRUE((*sync)->Login(proto::CO, "admin", Secret("adminPswd1")).ok());
  auto users = (*sync)->Call<proto::ListUsersReply>(wire::Command::kListUsers, proto::ListUsersRequest());
  ASSERT_TRUE(users.ok()) << users.error();
  EXPECT_EQ(users->reply.users_size(), 2);
  EXPECT_TRUE((*sync)->Logout().ok());
  EXPECT_TRUE((*sync)->open());
  hsm_.CutAll();
  EXPECT_EQ((*sync)->Call(wire::Command::kEcho, EchoOf("x")).error().code(), Errc::kUnavailable);
}

// ---- an HSM that hangs

class SilenceTest : public ConnectionTest {
 protected:
  ~SilenceTest() override {
    hsm_.Thaw();
    if (connection_) connection_->Close();
    RunUntil(loop_, [&] { return under_way_ == 0; });
  }
  using Outcome = std::shared_ptr<std::optional<Result<wire::Frame>>>;
  /// An Echo, not waited for.
  Outcome Begin(bool leaves) {
    CallOptions options;
    options.deadline = Clock::now() + 60s;
    options.leaves_when_silent = leaves;
    ++under_way_;
    auto out = std::make_shared<Outcome::element_type>();
    asio::co_spawn(loop_, Run(connection_, options, under_way_, out), asio::detached);
    return out;
  }
  static Task<void> Run(std::shared_ptr<HsmConnection> connection, CallOptions options, int& under_way, Outcome out) {
    const proto::EchoRequest request = EchoOf("x");
    auto outcome = co_await connection->Call(wire::Command::kEcho, request, std::vector<SecretBuffer>(), options);
    out->emplace(std::move(outcome));
    --under_way;
  }
  bool WaitForSilence() {
    return RunUntil(loop_, [&] { return connection_->silent(); });
  }
  int under_way_ = 0;
};

TEST_F(SilenceTest, AnIdleHsmIsNotSilent) {
  Connect();
  hsm_.Freeze();
  const auto later = Clock::now() + 3 * HsmConnection::kSilentAfter;
  RunUntil(loop_, [&] { return Clock::now() > later; });
  EXPECT_FALSE(connection_->silent());  // it owes nothing
}

TEST_F(SilenceTest, OneThatIsThereIsNotSilentHoweverLongACommandTakes) {
  Connect();
  hsm_.Hold(true);
  const Outcome answer = Begin(true);
  const auto silent = std::make_shared<bool>(true);
  connection_->OnSilence([silent] {
    *silent = true;
    return false;
  });
  // Where the machine is busy the double itself may be late, but not for ever.
  for (int i = 0; i < 20 && *silent; ++i) {
    *silent = false;
    const auto later = Clock::now() + 3 * HsmConnection::kSilentAfter;
    RunUntil(loop_, [&] { return Clock::now() > later; });
  }
  EXPECT_FALSE(*silent);
  EXPECT_FALSE(answer->has_value());
}

TEST_F(SilenceTest, OneThatHangsIsSilentUntilItAnswers) {
  Connect();
  hsm_.Freeze();
  const Outcome answer = Begin(true);
  ASSERT_TRUE(WaitForSilence());
  EXPECT_TRUE(connection_->open());
  EXPECT_FALSE(answer->has_value());  // nobody said that there is another
  hsm_.Thaw();
  ASSERT_TRUE(RunUntil(loop_, [&] { return answer->has_value(); }));
  EXPECT_TRUE((*answer)->ok());
  EXPECT_FALSE(connection_->silent());
}

TEST_F(SilenceTest, OnlyCallsThatMayLeaveDo) {
  Connect();
  hsm_.Freeze();
  const Outcome leaving = Begin(true), staying = Begin(false);
  const auto others = std::make_shared<bool>(false);
  connection_->OnSilence([others] { return *others; });
  ASSERT_TRUE(WaitForSilence());
  EXPECT_FALSE(leaving->has_value());
  *others = true;
  ASSERT_TRUE(RunUntil(loop_, [&] { return leaving->has_value(); }));
  EXPECT_EQ((*leaving)->error().code(), Errc::kUnavailable);
  EXPECT_FALSE(staying->has_value());
  EXPECT_EQ(connection_->outstanding(), 1u);
  hsm_.Thaw();
  ASSERT_TRUE(RunUntil(loop_, [&] { return staying->has_value(); }));
  EXPECT_TRUE((*staying)->ok());
}

TEST_F(SilenceTest, OneThatEveryCallHasLeftIsHeardAgain) {
  Connect();
  connection_->OnSilence([] { return true; });
  hsm_.Freeze();
  const Outcome left = Begin(true);
  ASSERT_TRUE(RunUntil(loop_, [&] { return left->has_value(); }));
  EXPECT_EQ(connection_->outstanding(), 0u);
  EXPECT_TRUE(connection_->silent());
  hsm_.Thaw();
  ASSERT_TRUE(RunUntil(loop_, [&] { return !connection_->silent(); }));
  EXPECT_TRUE(connection_->open());
}

}  // namespace
}  // namespace strongroom::hsm_client
