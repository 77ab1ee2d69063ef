#include "aws_client/kms_client.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "aws_client/kms_errors.h"
#include "aws_client/service_call.h"
#include "aws_client/testing/fake_server.h"
#include "aws_client/testing/made_aws.h"

namespace strongroom::aws_client {
namespace {

namespace json = boost::json;
using testing_kit::FakeReply;
using testing_kit::FakeRequest;
using testing_kit::FakeServer;

class Kms : public ::testing::Test {
 protected:
  KmsClient& kms() {
    if (kms_ == nullptr)
      kms_ = KmsClient::Create(testing_kit::MadeAws({{"AWS_MAX_ATTEMPTS", "3"}}), "eu-west-1", server_.Url()).value();
    return *kms_;
  }
  static FakeReply Refuse(std::string_view code, std::string_view message, int status = 400) {
    return {.status = status,
            .body = fmt::format(R"({{"__type":"com.amazonaws.kms#{}","message":"{}"}})", code, message)};
  }
  std::map<std::string, FakeReply> replies_;  // by operation
  std::vector<std::string> operations_;
  json::object last_;
  std::string scope_;
  FakeServer server_{[this](const FakeRequest& request) {
    const std::string operation = request.Header("x-amz-target").substr(13);
    operations_.push_back(operation);
    last_ = json::parse(request.body).as_object();
    scope_ = request.Header("authorization");
    const bool dry = last_.contains("DryRun");
    const auto reply = replies_.find(dry ? "dry " + operation : operation);
    return reply == replies_.end() ? FakeReply{.status = 500} : reply->second;
  }};
  std::shared_ptr<KmsClient> kms_;
};

TEST_F(Kms, DataKeyGoesAndComes) {
  replies_["GenerateDataKey"] = {.body = R"({"Plaintext":")" + Base64(Bytes(32, 7)) +
                                         R"(","CiphertextBlob":"AQID","KeyId":"arn:k"})"};
  const auto key = kms().GenerateDataKey("alias/x", 32, {{"a", "ü"}}, {"token"});
  ASSERT_TRUE(key.ok()) << key.error();
  EXPECT_TRUE(key->plaintext.EqualsInConstantTime(ByteView(Bytes(32, 7))));
  EXPECT_EQ(key->ciphertext, (Bytes{1, 2, 3}));
  EXPECT_EQ(key->key_arn, "arn:k");
  EXPECT_EQ(json::serialize(last_),
            R"({"KeyId":"alias/x","EncryptionContext":{"a":"ü"},"GrantTokens":["token"],"NumberOfBytes":32})");
  EXPECT_NE(scope_.find("/eu-west-1/kms/aws4_request"), std::string::npos);

  replies_["Encrypt"] = {.body = R"({"CiphertextBlob":"AQID","KeyId":"arn:k"})"};
  ASSERT_TRUE(kms().Encrypt("arn:k", key->plaintext, {}, {}).ok());
  EXPECT_EQ(json::serialize(last_), R"({"KeyId":"arn:k","Plaintext":")" + Base64(Bytes(32, 7)) + R"("})");
  replies_["Decrypt"] = {.body = R"({"Plaintext":"AQI=","KeyId":"arn:k"})"};
  EXPECT_TRUE(kms().Decrypt("arn:k", Bytes{1, 2, 3}, {}, {})->plaintext.EqualsInConstantTime(ByteView(Bytes{1, 2})));
}

TEST_F(Kms, AnswersThatAreNotComplete) {
  for (const char* body : {"", "[]", "{}", R"({"Plaintext":"AQID","CiphertextBlob":"AQID","KeyId":"arn:k"})",
                           R"({"Plaintext":"!","CiphertextBlob":"AQID","KeyId":"arn:k"})"}) {
    replies_["GenerateDataKey"] = {.body = body};
    EXPECT_EQ(kms().GenerateDataKey("k", 32, {}, {}).error().code(), Errc::kCorrupted) << body;
  }
  EXPECT_EQ(kms().Decrypt("k", Bytes(), {}, {}).error().code(), Errc::kBadCiphertext);
  EXPECT_EQ(kms().Decrypt("k", Bytes(6145), {}, {}).error().code(), Errc::kBadCiphertext);
}

struct OwnersCase {
  std::string name, code, metadata, said;
  Errc errc;
};
class OwnersDecisions : public Kms, public ::testing::WithParamInterface<OwnersCase> {};
TEST_P(OwnersDecisions, AreSaid) {
  replies_["Decrypt"] = Refuse(GetParam().code, "arn:k is not as it should be.");
  if (!GetParam().metadata.empty())
    replies_["DescribeKey"] = {.body = R"({"KeyMetadata":)" + GetParam().metadata + "}"};
  const auto got = kms().Decrypt("arn:k", Bytes{1}, {}, {});
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.error().code(), GetParam().errc);
  EXPECT_TRUE(got.error().public_message().starts_with(GetParam().code + ": arn:k is not as it should be. "))
      << got.error();
  EXPECT_NE(got.error().public_message().find(GetParam().said), std::string::npos) << got.error();
}
INSTANTIATE_TEST_SUITE_P(
    Kinds, OwnersDecisions,
    ::testing::Values(
        OwnersCase{"Disabled", "DisabledException", R"({"KeyState":"Disabled"})", "disabled it", Errc::kDisabled},
        OwnersCase{"Deleted", "KMSInvalidStateException", R"({"KeyState":"PendingDeletion","DeletionDate":1.7e9})",
                   "has it deleted on 2023-11-14", Errc::kInvalidState},
        OwnersCase{"Disconnected", "KMSInvalidStateException",
                   R"({"KeyState":"Unavailable","CustomKeyStoreId":"cks-1"})", "key store cks-1 is disconnected",
                   Errc::kInvalidState},
        OwnersCase{"DisconnectedButEnabled", "KMSInvalidStateException",
                   R"({"KeyState":"Enabled","CustomKeyStoreId":"cks-1"})", "behind key store cks-1",
                   Errc::kInvalidState},
        OwnersCase{"Material", "KMSInvalidStateException", R"({"KeyState":"PendingImport"})", "ImportKeyMaterial",
                   Errc::kInvalidState},
        OwnersCase{"NotDescribed", "KMSInvalidStateException", "", "That is its owner's decision", Errc::kInvalidState},
        OwnersCase{"Denied", "AccessDeniedException", "", "kms:Decrypt has to be allowed", Errc::kAccessDenied},
        OwnersCase{"Gone", "NotFoundException", "", "If the key was deleted", Errc::kNotFound}),
    [](const auto& tested) { return tested.param.name; });

TEST_F(Kms, PermissionsOneByOne) {
  replies_["DescribeKey"] = {.body = R"({"KeyMetadata":{"Arn":"arn:k","KeyState":"Enabled"}})"};
  replies_["dry GenerateDataKey"] = Refuse("DryRunOperationException", "fine", 412);
  replies_["dry Encrypt"] = Refuse("AccessDeniedException", "no");
  replies_["GenerateDataKey"] = {.body = R"({"Plaintext":")" + Base64(Bytes(32, 7)) +
                                         R"(","CiphertextBlob":"AQID","KeyId":"arn:k"})"};
  replies_["dry Decrypt"] = Refuse("DryRunOperationException", "fine", 412);
  const auto rows = kms().CheckPermissions("k", {}, {});
  std::string shown;
  for (const auto& [action, allowed] : rows) shown += action + (allowed.ok() ? "+ " : "- ");
  EXPECT_EQ(shown, "kms:DescribeKey+ kms:GenerateDataKey+ kms:Encrypt- kms:Decrypt+ ");
  replies_["dry GenerateDataKey"] = Refuse("AccessDeniedException", "no");
  EXPECT_EQ(kms().CheckPermissions("k", {}, {}).size(), 3u);
}

TEST_F(Kms, TriesAgainWhatMayPass) {
  replies_["DescribeKey"] = Refuse("ThrottlingException", "Rate exceeded");
  EXPECT_EQ(kms().DescribeKey("k", {}).error().code(), Errc::kThrottled);
  EXPECT_EQ(operations_.size(), 3u);
  operations_.clear();
  replies_["DescribeKey"] = Refuse("ValidationException", "no");
  EXPECT_EQ(kms().DescribeKey("k", {}).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(operations_.size(), 1u);
}

TEST_F(Kms, AServersWordsAreFitForATerminal) {
  replies_["DescribeKey"] = {
      .status = 400,
      .body = R"({"__type":"Odd\u001b[2JException","message":"\u001b]0;x\u0007)" + std::string(5000, 'm') + R"("})"};
  const std::string text = kms().DescribeKey("k", {}).error().public_message();
  EXPECT_EQ(text.find_first_of("\x1b\x07"), std::string::npos) << text;
  EXPECT_NE(text.find("Odd?[2JException: ?]0;x?mmm"), std::string::npos) << text;
  EXPECT_NE(text.find("mmm..."), std::string::npos);
  EXPECT_LT(text.size(), 600u);
  replies_["DescribeKey"] = {.body = R"({"KeyMetadata":{"Arn":"arn:\u001b","KeyState":"Enabled"}})"};
  EXPECT_EQ(kms().DescribeKey("k", {})->arn, "arn:?");
}

struct WordsCase {
  std::string name, given;
  std::size_t most;
  std::string shown;
};
class Words : public ::testing::TestWithParam<WordsCase> {};
TEST_P(Words, AreMadePrintable) { EXPECT_EQ(PrintableText(GetParam().given, GetParam().most), GetParam().shown); }
INSTANTIATE_TEST_SUITE_P(KmsClient, Words,
                         ::testing::Values(WordsCase{"Plain", "Access ~denied~", 300, "Access ~denied~"},
                                           WordsCase{"Empty", "", 300, ""},
                                           WordsCase{"Controls", "a\n\r\t\x1b\x7f", 300, "a?????"},
                                           WordsCase{"ZeroByte", std::string("a\0b", 3), 300, "a?b"},
                                           WordsCase{"SecondControlSet",
                                                     "\xc2\x9b"
                                                     "31m",
                                                     300, "??31m"},
                                           WordsCase{"JustFits", "1234", 4, "1234"},
                                           WordsCase{"Cut", "12345", 4, "1234..."}),
                         [](const auto& tested) { return tested.param.name; });

TEST_F(Kms, OneClientForEachRegion) {
  KmsClients clients(testing_kit::MadeAws());
  EXPECT_EQ((*clients.ForRegion("eu-west-1"))->Region(), "eu-west-1");
  EXPECT_EQ(clients.ForRegion("").value(), clients.ForRegion("eu-central-1").value());
  EXPECT_FALSE(clients.ForRegion("no/region").ok());
  KmsClients bare(testing_kit::MadeAws(), "http://kms.example.com");
  EXPECT_EQ(bare.ForRegion("").error().code(), Errc::kInvalidArgument);
}

}  // namespace
}  // namespace strongroom::aws_client
