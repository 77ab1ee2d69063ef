// An officer's way back by the owner's word, against a real replica.
#include <gmock/gmock.h>

#include <fstream>

#include "hsm/session/testing/test_hsm.h"
#include "hsm/users/officer_recovery.h"
#include "users.pb.h"

namespace strongroom::hsm {
namespace {

using testing::TestClient;
using testing::TestHsm;
using wire::Command;
constexpr Errc kOk = Errc::kCount_;

class Recovery : public ::testing::Test {
 protected:
  void SetUp() override {
    hsm.Activate();
    stranger = hsm.Connect();
  }
  Errc Ask(const std::string& name) {
    proto::ChallengeOwnerRequest request;
    request.set_name(name);
    return TestHsm::CodeOf(hsm.Call(*stranger, Command::kChallengeOwner, request));
  }
  const wire::Frame& Send(const proto::RecoverOfficerRequest& request, std::string_view password,
                          std::optional<wire::ClientId> id = std::nullopt) {
    return hsm.Call(*stranger, Command::kRecoverOfficer, request, password, id);
  }
  Errc Recover(const proto::RecoverOfficerRequest& request, std::string_view password = "password-new") {
    return TestHsm::CodeOf(Send(request, password));
  }
  Errc LogIn(std::string_view password) {
    auto client = hsm.Connect();
    return hsm.LogIn(*client, proto::CO, "admin", password);
  }
  TestHsm hsm{TestHsm::Kind::kCustomer};
  std::unique_ptr<TestClient> stranger;
};

TEST_F(Recovery, UnlocksAnOfficerAndSetsThePassword) {
  for (int i = 0; i < 5; ++i) EXPECT_EQ(LogIn("wrong-one"), Errc::kLoginFailed);
  ASSERT_EQ(LogIn("password-admin"), Errc::kUserLocked);
  const auto request = hsm.SignedRecovery("admin");
  const auto reply = TestHsm::Parsed<proto::RecoverOfficerReply>(Send(request, "password-new"));
  EXPECT_EQ(reply.user().name(), "admin");
  EXPECT_EQ(reply.user().type(), proto::CO);
  EXPECT_FALSE(reply.user().locked());
  EXPECT_EQ(LogIn("password-new"), kOk);
  EXPECT_EQ(LogIn("password-admin"), Errc::kLoginFailed);
  EXPECT_EQ(Recover(request, "password-again"), Errc::kInvalidState) << "a challenge is good once";
  EXPECT_EQ(LogIn("password-new"), kOk);
}

TEST_F(Recovery, WorksForAForgottenPasswordAndEndsOldLogins) {
  auto somebody = hsm.ConnectAs(proto::CO, "admin");
  EXPECT_EQ(Recover(hsm.SignedRecovery("ADMIN")), kOk) << "being logged in does not prevent it";
  EXPECT_EQ(TestHsm::CodeOf(hsm.Call(*somebody, Command::kFindKeys, proto::FindKeysRequest())), Errc::kNotLoggedIn);
  EXPECT_EQ(LogIn("password-new"), kOk);
}

TEST_F(Recovery, IsDoneOnceHoweverOftenItIsSent) {
  const auto request = hsm.SignedRecovery("admin");
  wire::ClientId id{};
  id[5] = 5;
  const Bytes first = Send(request, "password-new", id).message;
  const std::size_t records = hsm.store.rows.size();
  const wire::Frame& again = Send(request, "password-new", id);
  EXPECT_EQ(again.code, 0);
  EXPECT_EQ(again.message, first);
  EXPECT_EQ(hsm.store.rows.size(), records);
}

TEST_F(Recovery, OfTwoAtOnceOneCounts) {
  const auto request = hsm.SignedRecovery("admin");
  auto other = hsm.Connect();
  const auto one = hsm.Post(*stranger, Command::kRecoverOfficer, request, "password-one");
  const auto two = hsm.Post(*other, Command::kRecoverOfficer, request, "password-two");
  const Errc first = TestHsm::CodeOf(hsm.Wait(*stranger, one)), second = TestHsm::CodeOf(hsm.Wait(*other, two));
  EXPECT_EQ(first, kOk);
  EXPECT_EQ(second, Errc::kInvalidState);
  EXPECT_EQ(LogIn("password-one"), kOk);
}

TEST_F(Recovery, RefusesWhatDoesNotFit) {
  const auto good = hsm.SignedRecovery("admin");
  const auto with = [&good](auto change) {
    proto::RecoverOfficerRequest request = good;
    change(request);
    return request;
  };
  auto stranger_key = crypto::PrivateKey::Generate(crypto::KeySpec::kRsa2048);
  const auto foreign =
      stranger_key->Sign(crypto::SignatureScheme::kPkcs1Sha256, crypto::MessageForm::kRaw, AsBytes(good.challenge()));
  const std::size_t records = hsm.store.rows.size();
  EXPECT_EQ(Recover(with([&](auto& r) { r.set_signature(std::string(AsText(*foreign))); })), Errc::kBadSignature);
  EXPECT_EQ(Recover(with([](auto& r) { r.set_signature("garbage"); })), Errc::kBadSignature);
  EXPECT_EQ(Recover(with([](auto& r) { r.clear_signature(); })), Errc::kBadSignature);
  EXPECT_EQ(Recover(with([&](auto& r) { r.set_signature(hsm.SignedRecovery("admin").signature()); })),
            Errc::kBadSignature)
      << "another challenge's";
  EXPECT_EQ(Recover(with([](auto& r) { r.set_name("officer"); })), Errc::kInvalidArgument);
  EXPECT_EQ(Recover(with([](auto& r) { r.set_name("alice"); })), Errc::kPermission);
  EXPECT_EQ(Recover(with([](auto& r) { r.set_name("nobody"); })), Errc::kUserNotFound);
  EXPECT_EQ(Recover(with([](auto& r) { r.set_name("a b"); })), Errc::kInvalidArgument);
  EXPECT_EQ(Recover(with([](auto& r) { r.set_challenge("garbage"); })), Errc::kInvalidArgument);
  EXPECT_EQ(Recover(with([](auto& r) { r.set_challenge(std::string(kMaxChallengeBytes + 1, 'c')); })),
            Errc::kInvalidArgument);
  EXPECT_EQ(Recover(with([](auto& r) { r.set_signature(std::string(kMaxOwnerSignatureBytes + 1, 's')); })),
            Errc::kInvalidArgument);
  EXPECT_EQ(Recover(good, "short"), Errc::kInvalidArgument);
  EXPECT_EQ(TestHsm::CodeOf(hsm.Call(*stranger, Command::kRecoverOfficer, good)), Errc::kInvalidArgument)
      << "the password is missing";
  EXPECT_EQ(hsm.store.rows.size(), records) << "nothing of it reaches the log";
  EXPECT_EQ(Recover(good), kOk) << "and the good one is as good as before";
}

TEST_F(Recovery, AWrongSignatureCostsTheConnectionAPause) {
  auto request = hsm.SignedRecovery("admin");
  request.set_signature("garbage");
  EXPECT_EQ(stranger->session->next_login, std::chrono::steady_clock::time_point{});
  EXPECT_EQ(Recover(request), Errc::kBadSignature);
  EXPECT_NE(stranger->session->next_login, std::chrono::steady_clock::time_point{});
  const auto one = hsm.Post(*stranger, Command::kRecoverOfficer, request, "password-new");
  const auto two = hsm.Post(*stranger, Command::kRecoverOfficer, request, "password-new");
  EXPECT_EQ(TestHsm::CodeOf(hsm.Wait(*stranger, two)), Errc::kThrottled) << "one at a time";
  EXPECT_EQ(TestHsm::CodeOf(hsm.Wait(*stranger, one)), Errc::kBadSignature);
}

TEST_F(Recovery, ChallengesAreForOfficersAndChangeNothing) {
  const std::size_t records = hsm.store.rows.size();
  EXPECT_EQ(Ask("admin"), kOk);
  EXPECT_EQ(Ask("alice"), Errc::kPermission);
  EXPECT_EQ(Ask("app_user"), Errc::kPermission);
  EXPECT_EQ(Ask("nobody"), Errc::kUserNotFound);
  EXPECT_EQ(Ask(""), Errc::kInvalidArgument);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(Ask("admin"), kOk);
  EXPECT_EQ(hsm.store.rows.size(), records);
}

TEST_F(Recovery, IsAudited) {
  EXPECT_EQ(Recover(hsm.SignedRecovery("admin")), kOk);
  std::ifstream file(hsm.directory() / "audit");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  EXPECT_THAT(text, ::testing::HasSubstr("CN_RECOVER_OFFICER (0x1f4)"));
  EXPECT_THAT(text, ::testing::Not(::testing::HasSubstr("password-new")));
}

TEST_F(Recovery, FailsClearlyWhileTheStoreIsAway) {
  const auto request = hsm.SignedRecovery("admin");
  hsm.store.away = true;
  EXPECT_EQ(Recover(request), Errc::kUnavailable);
  hsm.store.away = false;
  EXPECT_EQ(Recover(request), kOk) << "the same challenge";
}

TEST(RecoveryOfADomainCluster, DoesNotExist) {
  TestHsm hsm(TestHsm::Kind::kDomain);
  hsm.CreateCluster();
  auto client = hsm.Connect();
  proto::ChallengeOwnerRequest request;
  request.set_name("admin");
  EXPECT_EQ(TestHsm::CodeOf(hsm.Call(*client, Command::kChallengeOwner, request)), Errc::kInvalidState);
}

}  // namespace
}  // namespace strongroom::hsm
