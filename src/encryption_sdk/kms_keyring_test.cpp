#include "encryption_sdk/kms_keyring.h"

#include <gtest/gtest.h>

#include "encryption_sdk/kms_arn.h"
#include "encryption_sdk/testing/fake_kms.h"
#include "encryption_sdk/testing/messages.h"

namespace strongroom::encryption_sdk {
namespace {

using testing::FakeKms;
using testing::FakeSupplier;
using testing::Said;

constexpr std::string_view kHere = "eu-central-1", kThere = "eu-west-1";

struct ArnRow {
  std::string name, text;
  bool valid;
};
class ArnTable : public ::testing::TestWithParam<ArnRow> {};
TEST_P(ArnTable, IsToldApart) {
  const auto arn = ParseKmsArn(GetParam().text);
  EXPECT_EQ(arn.has_value(), GetParam().valid);
  if (arn) {
    EXPECT_EQ(arn->Text(), GetParam().text);
  }
}
INSTANTIATE_TEST_SUITE_P(EncryptionSdk, ArnTable,
                         ::testing::Values(ArnRow{"Key", "arn:aws:kms:us-east-1:111122223333:key/abcd", true},
                                           ArnRow{"Alias", "arn:aws:kms:us-east-1:111122223333:alias/name", true},
                                           ArnRow{"AliasWithSlash", "arn:aws:kms:us-east-1:111122223333:alias/aws/ebs",
                                                  true},
                                           ArnRow{"China", "arn:aws-cn:kms:cn-north-1:111122223333:key/mrk-1", true},
                                           ArnRow{"NotAnArn", "urn:aws:kms:us-east-1:111122223333:key/abcd", false},
                                           ArnRow{"NoPartition", "arn::kms:us-east-1:111122223333:key/abcd", false},
                                           ArnRow{"OtherService", "arn:aws:s3:us-east-1:111122223333:key/abcd", false},
                                           ArnRow{"NoRegion", "arn:aws:kms::111122223333:key/abcd", false},
                                           ArnRow{"NoAccount", "arn:aws:kms:us-east-1::key/abcd", false},
                                           ArnRow{"OtherType", "arn:aws:kms:us-east-1:111122223333:grant/abcd", false},
                                           ArnRow{"NoId", "arn:aws:kms:us-east-1:111122223333:key/", false},
                                           ArnRow{"NoSlash", "arn:aws:kms:us-east-1:111122223333:key", false},
                                           ArnRow{"FiveParts", "arn:aws:kms:us-east-1:key/abcd", false},
                                           ArnRow{"SevenParts", "arn:aws:kms:us-east-1:111122223333:key/ab:cd", false},
                                           ArnRow{"BareId", "abcd", false}, ArnRow{"Empty", "", false}),
                         [](const auto& info) { return info.param.name; });

struct MatchRow {
  std::string name, a, b;
  bool match;
};
class MatchTable : public ::testing::TestWithParam<MatchRow> {};
TEST_P(MatchTable, MatchesAsTheRowSays) {
  EXPECT_EQ(MultiRegionMatch(GetParam().a, GetParam().b), GetParam().match);
  EXPECT_EQ(MultiRegionMatch(GetParam().b, GetParam().a), GetParam().match);
}
constexpr std::string_view kMrk = "arn:aws:kms:us-east-1:111122223333:key/mrk-1";
INSTANTIATE_TEST_SUITE_P(
    EncryptionSdk, MatchTable,
    ::testing::Values(
        MatchRow{"Equal", std::string(kMrk), std::string(kMrk), true},
        MatchRow{"OtherRegion", std::string(kMrk), "arn:aws:kms:eu-west-1:111122223333:key/mrk-1", true},
        MatchRow{"OtherAccount", std::string(kMrk), "arn:aws:kms:eu-west-1:999922223333:key/mrk-1", false},
        MatchRow{"OtherPartition", std::string(kMrk), "arn:aws-cn:kms:us-east-1:111122223333:key/mrk-1", false},
        MatchRow{"OtherId", std::string(kMrk), "arn:aws:kms:eu-west-1:111122223333:key/mrk-2", false},
        MatchRow{"BareIdOnlyItself", "mrk-1", std::string(kMrk), false},
        MatchRow{"BareIdEqual", "mrk-1", "mrk-1", true},
        MatchRow{"AliasNever", "arn:aws:kms:us-east-1:111122223333:alias/mrk-1",
                 "arn:aws:kms:eu-west-1:111122223333:alias/mrk-1", false},
        MatchRow{"SingleRegionKeys", "arn:aws:kms:us-east-1:111122223333:key/1",
                 "arn:aws:kms:eu-west-1:111122223333:key/1", false}),
    [](const auto& info) { return info.param.name; });

class KmsKeyrings : public ::testing::Test {
 protected:
  Bytes Encrypted(const KeyringPtr& keyring, SuiteId suite = SuiteId::k256Commit) {
    const auto made = EncryptMessage(*MakeDefaultCmm(keyring), {{"a", "b"}}, testing::TextOf(20), {.suite = suite});
    EXPECT_TRUE(made.ok()) << made.error();
    return made.ok() ? made->message : Bytes();
  }
  Result<DecryptedMessage> Read(const KeyringPtr& keyring, const Bytes& message) {
    return DecryptMessage(*MakeDefaultCmm(keyring), message);
  }
  KeyringPtr Strict(const std::string& arn, std::vector<std::string> others = {}) {
    return MakeKmsKeyrings(kms_, arn, std::move(others), {"token"}).value();
  }
  KeyringPtr Mrk(const std::string& arn) { return MakeKmsMrkKeyrings(kms_, arn, {}).value(); }
  FakeKms& Here() { return *kms_.Port(kHere); }
  FakeKms& There() { return *kms_.Port(kThere); }

  FakeSupplier kms_;
  std::string one_ = kms_.AddKey(std::string(kHere), "one", {"alias/one", "one"});
  std::string two_ = kms_.AddKey(std::string(kThere), "two");
  std::string mrk_here_ = kms_.AddKey(std::string(kHere), "mrk-7");
  std::string mrk_there_ = kms_.AddKey(std::string(kThere), "mrk-7");
};

TEST_F(KmsKeyrings, GeneratorGeneratesAndTheOthersWrap) {
  const Bytes message = Encrypted(Strict(one_, {two_}));
  EXPECT_EQ(Here().asked, std::vector{"GenerateDataKey " + one_});
  EXPECT_EQ(There().asked, std::vector{"Encrypt " + two_});
  EXPECT_EQ(Here().tokens_seen, GrantTokens{"token"});
  const auto keys = PeekHeader(message)->encrypted_data_keys;
  ASSERT_EQ(keys.size(), 2u);
  EXPECT_EQ(keys[0].provider_id, "aws-kms");
  EXPECT_EQ(AsText(keys[0].provider_info), one_);
  EXPECT_EQ(AsText(keys[1].provider_info), two_);
  EXPECT_EQ(Said(Read(Strict(one_), message)), "");
  EXPECT_EQ(Said(Read(Strict(two_), message)), "");
  EXPECT_EQ(There().asked.back(), "Decrypt " + two_);
}

TEST_F(KmsKeyrings, AnAliasEncryptsButNeverDecrypts) {
  for (const std::string name : {"alias/one", "one"}) {
    const KeyringPtr keyring = MakeKmsKeyring({name, kms_.Port(kHere), {}}).value();
    const Bytes message = Encrypted(keyring);
    EXPECT_EQ(AsText(PeekHeader(message)->encrypted_data_keys[0].provider_info), one_);
    const std::size_t before = Here().asked.size();
    EXPECT_EQ(Said(Read(keyring, message)), "NoDataKey");
    EXPECT_EQ(Here().asked.size(), before) << "KMS was asked";
    EXPECT_EQ(Said(Read(Strict(one_), message)), "");
  }
}

TEST_F(KmsKeyrings, WhatKmsAnswersIsChecked) {
  const Bytes message = Encrypted(Strict(one_));
  Here().answer_arn = two_;
  EXPECT_EQ(Said(Read(Strict(one_), message)), "NoDataKey");
  Here().answer_arn = "alias/one";
  EXPECT_FALSE(EncryptMessage(*MakeDefaultCmm(Strict(one_)), {}, {}).ok());
  Here().answer_arn.reset();
  Here().answer_bytes = 16;
  EXPECT_EQ(Said(Read(Strict(one_), message)), "NoDataKey");
  EXPECT_FALSE(EncryptMessage(*MakeDefaultCmm(Strict(one_)), {}, {}).ok());
}

TEST_F(KmsKeyrings, WhyKmsRefusesIsSaidAndMayPass) {
  const Bytes message = Encrypted(Strict(one_, {two_}));
  Here().fails = Error(Errc::kDisabled, "DisabledException: it is disabled");
  auto read = Read(Strict(one_), message);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(CodeOf(read.error()), ErrorCode::kNoDataKey);
  EXPECT_EQ(read.error().code(), Errc::kDisabled);
  EXPECT_NE(read.error().public_message().find("DisabledException"), std::string::npos);
  EXPECT_NE(read.error().public_message().find(one_), std::string::npos);
  EXPECT_FALSE(IsRetryable(read.error()));
  EXPECT_EQ(Said(Read(Strict(one_, {two_}), message)), "") << "the other key opens";
  There().fails = Error(Errc::kThrottled, "ThrottlingException: slow down");
  read = Read(Strict(one_, {two_}), message);
  EXPECT_TRUE(IsRetryable(read.error()));
  EXPECT_EQ(Said(EncryptMessage(*MakeDefaultCmm(Strict(one_)), {}, {})), "disabled");
}

TEST_F(KmsKeyrings, AnEntryThatNamesNoKeyFailsTheKeyring) {
  for (const std::string info : {"arn:aws:kms:eu-central-1:111122223333:alias/one", "one", ""}) {
    testing::HandMade made;
    made.keys = EncryptedDataKeys{{"aws-kms", ToBytes(AsBytes(info)), {1}}};
    const CmmPtr cmm = MakeDefaultCmm(MakeKmsKeyring({one_, kms_.Port(kHere), {}}).value());
    EXPECT_EQ(Said(DecryptMessage(*cmm, made.Make())), "MalformedProviderInfo");
    EXPECT_TRUE(Here().asked.empty());
  }
}

TEST_F(KmsKeyrings, RelatedMultiRegionKeysOpenEachOthers) {
  const Bytes message = Encrypted(Mrk(mrk_here_));
  EXPECT_EQ(Said(Read(Mrk(mrk_there_), message)), "");
  EXPECT_EQ(There().asked.back(), "Decrypt " + mrk_there_);
  EXPECT_EQ(Said(Read(Strict(mrk_there_), message)), "NoDataKey");
  EXPECT_EQ(Said(Read(Mrk(two_), message)), "NoDataKey");
}

TEST_F(KmsKeyrings, DuplicatesOfAMultiRegionKeyAreNamed) {
  const auto made = MakeKmsMrkKeyrings(kms_, mrk_here_, {mrk_there_, one_});
  ASSERT_FALSE(made.ok());
  const std::string& said = made.error().public_message();
  EXPECT_NE(said.find(mrk_here_), std::string::npos);
  EXPECT_NE(said.find(mrk_there_), std::string::npos);
  EXPECT_EQ(said.find(one_), std::string::npos);
  EXPECT_EQ(Said(MakeKmsKeyrings(kms_, mrk_here_, {mrk_there_})), "");
}

TEST_F(KmsKeyrings, DiscoveryTriesWhatIsOfItsRegion) {
  const Bytes message = Encrypted(Strict(one_, {two_}));
  const auto discover = [&](std::vector<std::string> regions, std::optional<DiscoveryFilter> filter = {}) {
    return Read(MakeKmsDiscoveryKeyrings(kms_, regions, filter).value(), message);
  };
  EXPECT_EQ(Said(discover({std::string(kHere)})), "");
  EXPECT_EQ(Said(discover({std::string(kThere)})), "");
  const auto elsewhere = discover({"us-east-1"});
  EXPECT_EQ(Said(elsewhere), "NoDataKey");
  EXPECT_NE(elsewhere.error().public_message().find("other Region"), std::string::npos);
  EXPECT_TRUE(kms_.Port("us-east-1")->asked.empty());
  EXPECT_EQ(Said(discover({std::string(kHere)}, DiscoveryFilter{"aws", {"111122223333"}})), "");
  EXPECT_EQ(Said(discover({std::string(kHere)}, DiscoveryFilter{"aws", {"999922223333"}})), "NoDataKey");
  EXPECT_EQ(Said(discover({std::string(kHere)}, DiscoveryFilter{"aws-cn", {"111122223333"}})), "NoDataKey");
  const KeyringPtr keyring = MakeKmsDiscoveryKeyring(kms_.Port(kHere), {}).value();
  EXPECT_EQ(Said(EncryptMessage(*MakeDefaultCmm(keyring), {}, {})), "InvalidArgument");
}

TEST_F(KmsKeyrings, MultiRegionDiscoveryAsksItsOwnRegion) {
  const Bytes message = Encrypted(Mrk(mrk_here_));
  const std::vector<std::string> regions{std::string(kThere)};
  EXPECT_EQ(Said(Read(MakeKmsMrkDiscoveryKeyrings(kms_, regions, {}).value(), message)), "");
  EXPECT_EQ(There().asked.back(), "Decrypt " + mrk_there_);
  EXPECT_EQ(Said(Read(MakeKmsDiscoveryKeyrings(kms_, regions, {}).value(), message)), "NoDataKey");
  EXPECT_EQ(Said(Read(MakeKmsMrkDiscoveryKeyrings(kms_, regions, {}).value(), Encrypted(Strict(one_)))), "NoDataKey");
}

TEST_F(KmsKeyrings, ArgumentsAreChecked) {
  EXPECT_EQ(Said(MakeKmsKeyring({one_, nullptr, {}})), "InvalidArgument");
  EXPECT_EQ(Said(MakeKmsKeyring({"", kms_.Port(kHere), {}})), "InvalidArgument");
  EXPECT_EQ(Said(MakeKmsKeyring({"arn:aws:kms:broken", kms_.Port(kHere), {}})), "InvalidArgument");
  EXPECT_EQ(Said(MakeKmsKeyring({one_, kms_.Port(kHere), GrantTokens(11, "t")})), "InvalidArgument");
  EXPECT_EQ(Said(MakeKmsKeyring({one_, kms_.Port(kHere), GrantTokens(10, "t")})), "");
  EXPECT_EQ(Said(MakeKmsDiscoveryKeyring(kms_.Port(kHere), DiscoveryFilter{"aws", {}})), "InvalidArgument");
  EXPECT_EQ(Said(MakeKmsDiscoveryKeyrings(kms_, {}, {})), "InvalidArgument");
  EXPECT_EQ(Said(MakeKmsKeyrings(kms_, "", {})), "InvalidArgument");
  EXPECT_EQ(Said(MakeKmsKeyrings(kms_, "one", {})), "InvalidArgument");
}

}  // namespace
}  // namespace strongroom::encryption_sdk
