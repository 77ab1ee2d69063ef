// Secret access keys: made and used in the HSM, shown once.
#include <gmock/gmock.h>

#include <chrono>
#include <ctime>
#include <regex>

#include "crypto/sigv4_key.h"
#include "hsm/session/testing/test_hsm.h"
#include "messages.pb.h"
#include "signing.pb.h"

namespace strongroom::hsm {
namespace {

using testing::TestClient;
using testing::TestHsm;
using wire::Command;
constexpr Errc kOk = Errc::kCount_;
constexpr std::int64_t kDay = 86'400'000;

std::string DayAt(std::int64_t millis) {
  const std::time_t seconds = millis / 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[16];
  std::strftime(text, sizeof(text), "%Y%m%d", &utc);
  return text;
}
class SigningSecrets : public ::testing::Test {
 protected:
  void SetUp() override {
    hsm.CreateCluster();
    front_end = hsm.ConnectFrontEnd();
    proto::CreateTokenRequest create;
    create.set_spec("SYMMETRIC_DEFAULT");
    create.set_binding(testing::BindingOf("SYMMETRIC_DEFAULT"));
    key.set_token(
        TestHsm::Parsed<proto::CreateTokenReply>(hsm.Call(*front_end, Command::kCreateToken, create)).token());
    key.set_binding(create.binding());
  }
  struct Made {
    std::string secret, sealed;
  };
  Made Make(const std::string& binding = "key one", std::int64_t expires = 0, const std::string& claims = "") {
    proto::MakeSigningSecretRequest request;
    *request.mutable_key() = key;
    request.mutable_terms()->set_binding(binding);
    request.mutable_terms()->set_expires_millis(expires);
    request.set_claims(claims);
    const auto& reply = hsm.Call(*front_end, Command::kMakeSigningSecret, request);
    EXPECT_EQ(reply.code, 0);
    EXPECT_EQ(reply.segments.size(), 1u);
    return {std::string(AsText(secret::Peek::At(reply.segments.at(0)))),
            TestHsm::Parsed<proto::MakeSigningSecretReply>(reply).sealed()};
  }
  proto::DeriveSigningKeyRequest Ask(const Made& made, const std::string& binding = "key one") {
    proto::DeriveSigningKeyRequest request;
    *request.mutable_key() = key;
    request.mutable_terms()->set_binding(binding);
    request.set_sealed(made.sealed);
    request.set_date(DayAt(TestHsm::Now()));
    request.set_region("eu-central-1");
    request.set_service("kms");
    return request;
  }
  Errc Code(const google::protobuf::MessageLite& request) {
    return TestHsm::CodeOf(hsm.Call(*front_end, Command::kDeriveSigningKey, request));
  }
  TestHsm hsm{TestHsm::Kind::kDomain};
  std::unique_ptr<TestClient> front_end;
  proto::KeyRef key;
};

TEST_F(SigningSecrets, AreShownOnceAndGiveTheKeysThatClientsDerive) {
  const Made made = Make("key one", 0, "claims");
  EXPECT_TRUE(std::regex_match(made.secret, std::regex("[A-Za-z0-9+/]{40}")));
  EXPECT_NE(Make().secret, made.secret);
  const auto request = Ask(made);
  const auto& reply = hsm.Call(*front_end, Command::kDeriveSigningKey, request);
  ASSERT_EQ(reply.code, 0);
  const auto start = SecretBuffer::CopyOf(AsBytes("AWS4" + made.secret));
  const auto want = crypto::DeriveSigningKey(*start, {request.date(), "eu-central-1", "kms"});
  EXPECT_TRUE(reply.segments.at(0).EqualsInConstantTime(*want));
  EXPECT_EQ(TestHsm::Parsed<proto::DeriveSigningKeyReply>(reply).claims(), "claims");
  EXPECT_THAT(front_end->all_bytes, ::testing::Not(::testing::HasSubstr(made.secret))) << "a secret is a segment";
}

TEST_F(SigningSecrets, AreNoMessages) {
  const Made made = Make("SRV\1x");
  proto::OpenMessageRequest open;
  *open.mutable_key() = key;
  open.set_sealed(made.sealed);
  for (const std::string& header : {std::string("SRV\1x"), std::string(8, '\0') + "SRV\1x"}) {
    open.set_header(header);
    EXPECT_EQ(TestHsm::CodeOf(hsm.Call(*front_end, Command::kOpenMessage, open)), Errc::kBadCiphertext);
  }
  proto::SealMessageRequest seal;
  *seal.mutable_key() = key;
  seal.set_header(std::string(8, '\0') + "key one");
  Made message;
  message.sealed =
      TestHsm::Parsed<proto::SealMessageReply>(hsm.Call(*front_end, Command::kSealMessage, seal, std::string(40, 'a')))
          .sealed();
  EXPECT_EQ(Code(Ask(message)), Errc::kBadCiphertext) << "nobody chooses a secret access key";
}

TEST_F(SigningSecrets, OpenForTheirOwnTermsOnly) {
  const std::int64_t later = TestHsm::Now() + kDay;
  const Made made = Make("key one", later);
  auto request = Ask(made);
  EXPECT_EQ(Code(request), Errc::kBadCiphertext) << "without its end";
  request.mutable_terms()->set_expires_millis(later);
  EXPECT_EQ(Code(request), kOk);
  request.mutable_terms()->set_expires_millis(later + 1);
  EXPECT_EQ(Code(request), Errc::kBadCiphertext) << "longer";
  request.mutable_terms()->set_expires_millis(later);
  request.mutable_terms()->set_binding("key two");
  EXPECT_EQ(Code(request), Errc::kBadCiphertext) << "another's";
  for (std::size_t at = 0; at < made.sealed.size(); ++at) {
    auto changed = Ask(made);
    changed.mutable_terms()->set_expires_millis(later);
    (*changed.mutable_sealed())[at] ^= 1;
    EXPECT_EQ(Code(changed), Errc::kBadCiphertext) << at;
  }
  for (const std::size_t size : {std::size_t{0}, std::size_t{87}, std::size_t{20'000}}) {
    auto changed = Ask(made);
    changed.set_sealed(std::string(size, 'x'));
    EXPECT_EQ(Code(changed), Errc::kBadCiphertext) << size;
  }
}

TEST_F(SigningSecrets, AnswerAsTheRowSays) {
  const Made made = Make();
  const Made over = Make("key one", TestHsm::Now() - 1);
  struct Row {
    std::string what;
    std::function<void(proto::DeriveSigningKeyRequest&)> change;
    Errc want;
  };
  const std::int64_t now = TestHsm::Now();
  for (const Row& row : {
           Row{"yesterday", [&](auto& r) { r.set_date(DayAt(now - kDay)); }, kOk},
           Row{"a week ago, for presigned requests", [&](auto& r) { r.set_date(DayAt(now - 7 * kDay)); }, kOk},
           Row{"tomorrow", [&](auto& r) { r.set_date(DayAt(now + kDay)); }, kOk},
           Row{"in three days", [&](auto& r) { r.set_date(DayAt(now + 3 * kDay)); }, Errc::kInvalidArgument},
           Row{"ten days ago", [&](auto& r) { r.set_date(DayAt(now - 10 * kDay)); }, Errc::kInvalidArgument},
           Row{"no day", [](auto& r) { r.set_date("20260230"); }, Errc::kInvalidArgument},
           Row{"no digits", [](auto& r) { r.set_date("2026-1-1"); }, Errc::kInvalidArgument},
           Row{"an empty date", [](auto& r) { r.set_date(""); }, Errc::kInvalidArgument},
           Row{"no Region", [](auto& r) { r.set_region(""); }, Errc::kInvalidArgument},
           Row{"a long service", [](auto& r) { r.set_service(std::string(65, 's')); }, Errc::kInvalidArgument},
           Row{"no binding", [](auto& r) { r.mutable_terms()->set_binding(""); }, Errc::kInvalidArgument},
           Row{"a long binding", [](auto& r) { r.mutable_terms()->set_binding(std::string(1025, 'b')); },
               Errc::kInvalidArgument},
           Row{"before 1970", [](auto& r) { r.mutable_terms()->set_expires_millis(-1); }, Errc::kExpiredToken},
           Row{"expired",
               [&](auto& r) {
                 r.set_sealed(over.sealed);
                 r.mutable_terms()->set_expires_millis(now - 1);
               },
               Errc::kExpiredToken},
       }) {
    auto request = Ask(made);
    row.change(request);
    EXPECT_EQ(Code(request), row.want) << row.what;
  }
  auto stranger = hsm.Connect();
  EXPECT_EQ(TestHsm::CodeOf(hsm.Call(*stranger, Command::kDeriveSigningKey, Ask(made))), Errc::kPermission);
  proto::MakeSigningSecretRequest make;
  *make.mutable_key() = key;
  make.mutable_terms()->set_binding("b");
  EXPECT_EQ(TestHsm::CodeOf(hsm.Call(*stranger, Command::kMakeSigningSecret, make)), Errc::kPermission);
  make.set_claims(std::string(16 * 1024 + 1, 'c'));
  EXPECT_EQ(TestHsm::CodeOf(hsm.Call(*front_end, Command::kMakeSigningSecret, make)), Errc::kInvalidArgument);
}

}  // namespace
}  // namespace strongroom::hsm
