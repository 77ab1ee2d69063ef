// Making, describing and changing keys, their policies and tags.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "kms/keys/policy.h"
#include "kms/testing/fake_service.h"

namespace strongroom::kms::testing {
namespace {
namespace json = boost::json;

std::string Arn(const std::string& id) { return "arn:aws:kms:eu-central-1:111122223333:key/" + id; }
json::array Tags(std::initializer_list<std::pair<const char*, const char*>> tags) {
  json::array all;
  for (const auto& [key, value] : tags) all.push_back({{"TagKey", key}, {"TagValue", value}});
  return all;
}

TEST(CreateKey, ShowsTheMetadataOfThePromise) {
  FakeService service;
  const Answer made = service.Call("CreateKey", {{"Description", "CloudHSM customerCA.crt encryption key"}});
  ASSERT_TRUE(made.ok()) << made.raw;
  EXPECT_EQ(made.body.as_object().size(), 1u);
  json::object metadata = made.body.at("KeyMetadata").as_object();
  const std::string id = made.Text("KeyMetadata.KeyId");
  EXPECT_TRUE(metadata["CreationDate"].is_double() || metadata["CreationDate"].is_int64());
  EXPECT_EQ(made.Text("KeyMetadata.CurrentKeyMaterialId").size(), 64u);
  metadata.erase("CreationDate");
  metadata.erase("CurrentKeyMaterialId");
  const json::value want = {{"AWSAccountId", "111122223333"},
                            {"KeyId", id},
                            {"Arn", Arn(id)},
                            {"Enabled", true},
                            {"Description", "CloudHSM customerCA.crt encryption key"},
                            {"KeyUsage", "ENCRYPT_DECRYPT"},
                            {"KeyState", "Enabled"},
                            {"Origin", "AWS_KMS"},
                            {"KeyManager", "CUSTOMER"},
                            {"CustomerMasterKeySpec", "SYMMETRIC_DEFAULT"},
                            {"KeySpec", "SYMMETRIC_DEFAULT"},
                            {"EncryptionAlgorithms", json::array{"SYMMETRIC_DEFAULT"}},
                            {"MultiRegion", false}};
  EXPECT_EQ(json::value(metadata), want);
  EXPECT_EQ(service.Call("DescribeKey", {{"KeyId", id}}).body, made.body);
}

struct CreateRow {
  std::string name, body, type, message;
};
const std::string kLockedOut =
    R"({\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"kms:Encrypt\",\"Resource\":\"*\"}]})";
const CreateRow kCreateRows[] = {
    {"BothSpecs", R"({"KeySpec":"SYMMETRIC_DEFAULT","CustomerMasterKeySpec":"SYMMETRIC_DEFAULT"})",
     "ValidationException",
     "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated."},
    {"OldSpecAlone", R"({"CustomerMasterKeySpec":"SYMMETRIC_DEFAULT"})", "", ""},
    {"HmacWithoutUsage", R"({"KeySpec":"HMAC_256"})", "ValidationException",
     "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys."},
    {"SymmetricForSigning", R"({"KeyUsage":"SIGN_VERIFY"})", "ValidationException",
     "KeyUsage SIGN_VERIFY is not valid for KeySpec SYMMETRIC_DEFAULT."},
    {"UnknownSpec", R"({"KeySpec":"HMAC_random"})", "ValidationException",
     "1 validation error detected: Value 'HMAC_random' at 'keySpec' failed to satisfy constraint: Member must satisfy "
     "enum value set: [RSA_2048, RSA_3072, RSA_4096, ECC_NIST_P256, ECC_NIST_P384, ECC_NIST_P521, ECC_SECG_P256K1, "
     "SYMMETRIC_DEFAULT, HMAC_224, HMAC_256, HMAC_384, HMAC_512, SM2, ML_DSA_44, ML_DSA_65, ML_DSA_87, "
     "ECC_NIST_EDWARDS25519]"},
    {"OldSpecForEcc", R"({"CustomerMasterKeySpec":"ECC_NIST_P256","KeyUsage":"SIGN_VERIFY"})", "", ""},
    {"Sm2OutsideChina", R"({"KeySpec":"SM2","KeyUsage":"SIGN_VERIFY"})", "UnsupportedOperationException",
     "KeySpec SM2 is not supported in this Region."},
    {"EccInStore",
     R"({"KeySpec":"ECC_NIST_P256","KeyUsage":"SIGN_VERIFY","Origin":"AWS_CLOUDHSM","CustomKeyStoreId":"cks-1"})",
     "UnsupportedOperationException", "KeySpec ECC_NIST_P256 is not supported in custom key stores."},
    {"External", R"({"Origin":"EXTERNAL"})", "", ""},
    {"ExternalInStore", R"({"Origin":"EXTERNAL","CustomKeyStoreId":"cks-1"})", "ValidationException",
     "CustomKeyStoreId and XksKeyId are not valid when Origin is EXTERNAL."},
    {"MultiRegion", R"({"MultiRegion":true})", "", ""},
    {"StoreWithoutOrigin", R"({"CustomKeyStoreId":"cks-1"})", "ValidationException",
     "CustomKeyStoreId and XksKeyId are not valid when Origin is AWS_KMS."},
    {"OriginWithoutStore", R"({"Origin":"AWS_CLOUDHSM"})", "ValidationException",
     "CustomKeyStoreId is required when Origin is AWS_CLOUDHSM."},
    {"MultiRegionInStore", R"({"Origin":"AWS_CLOUDHSM","CustomKeyStoreId":"cks-1","MultiRegion":true})",
     "UnsupportedOperationException", "Multi-Region keys are not supported in custom key stores."},
    {"UnknownStore", R"({"Origin":"AWS_CLOUDHSM","CustomKeyStoreId":"cks-1"})", "CustomKeyStoreNotFoundException",
     "Custom key store cks-1 was not found."},
    {"ReservedTag", R"({"Tags":[{"TagKey":"aws:key1","TagValue":""}]})", "TagException",
     "Tags beginning with aws: are reserved"},
    {"ReservedTagInUpperCase", R"({"Tags":[{"TagKey":"AWS:key1","TagValue":""}]})", "TagException",
     "Tags beginning with aws: are reserved"},
    {"TagOfStrangeCharacters", R"({"Tags":[{"TagKey":"a<b","TagValue":""}]})", "TagException",
     "Tags can hold letters, digits, spaces and the characters _ . / = + - : @ only"},
    {"LockedOut", R"({"Policy":")" + kLockedOut + "\"}", "MalformedPolicyDocumentException",
     "The new key policy will not allow you to update the key policy in the future."},
    {"LockedOutOnPurpose", R"({"BypassPolicyLockoutSafetyCheck":true,"Policy":")" + kLockedOut + "\"}", "", ""},
};
class CreateTable : public ::testing::TestWithParam<CreateRow> {};
TEST_P(CreateTable, AnswersAsTheRowSays) {
  FakeService service;
  const Answer answer = service.Call("CreateKey", json::parse(GetParam().body));
  EXPECT_EQ(answer.type, GetParam().type) << answer.raw;
  EXPECT_EQ(answer.message, GetParam().message);
  EXPECT_EQ(service.Count("SELECT COUNT(*) FROM kms_keys"), answer.ok() ? 1 : 0);
}
INSTANTIATE_TEST_SUITE_P(CreateKey, CreateTable, ::testing::ValuesIn(kCreateRows),
                         [](const auto& row) { return row.param.name; });

TEST(CreateKey, StopsAtTheQuota) {
  FakeService service({.keys = 2});
  EXPECT_EQ(service.NewKey().size(), 36u);
  EXPECT_EQ(service.NewKey().size(), 36u);
  const Answer third = service.Call("CreateKey", json::object{});
  EXPECT_EQ(third.type, "LimitExceededException");
  EXPECT_EQ(third.message, "The account has reached its quota of 2 KMS keys.");
  EXPECT_TRUE(service.Call("CreateKey", json::object{}, kAccount, kOtherRegion).ok());
}

TEST(Keys, OfOneRegionAreNotInAnother) {
  FakeService service;
  const std::string key = service.NewKey();
  const Answer elsewhere = service.Call("DescribeKey", {{"KeyId", key}}, kAccount, kOtherRegion);
  EXPECT_EQ(elsewhere.message, "Key 'arn:aws:kms:us-east-1:111122223333:key/" + key + "' does not exist");
}

TEST(Deletion, IsScheduledShownAndCancelled) {
  FakeService service;
  const std::string key = service.NewKey();
  const Answer scheduled = service.Call("ScheduleKeyDeletion", {{"KeyId", key}, {"PendingWindowInDays", 7}});
  EXPECT_EQ(scheduled.Text("KeyId"), Arn(key));
  EXPECT_EQ(scheduled.Text("KeyState"), "PendingDeletion");
  EXPECT_EQ(scheduled.Text("PendingWindowInDays"), "7");
  const Answer shown = service.Call("DescribeKey", {{"KeyId", key}});
  EXPECT_EQ(shown.Text("KeyMetadata.Enabled"), "false");
  EXPECT_EQ(shown.Text("KeyMetadata.DeletionDate"), scheduled.Text("DeletionDate"));
  EXPECT_EQ(service.Call("CancelKeyDeletion", {{"KeyId", key}}).Text("KeyId"), Arn(key));
  const Answer after = service.Call("DescribeKey", {{"KeyId", key}});
  EXPECT_EQ(after.Text("KeyMetadata.KeyState"), "Disabled");
  EXPECT_EQ(after.Text("KeyMetadata.DeletionDate"), "");
  EXPECT_EQ(service.Call("EnableKey", {{"KeyId", key}}).raw, "");
  EXPECT_TRUE(service.Call("Encrypt", {{"KeyId", key}, {"Plaintext", B64("hi")}}).ok());
  for (const int days : {6, 31})
    EXPECT_EQ(service.Call("ScheduleKeyDeletion", {{"KeyId", key}, {"PendingWindowInDays", days}}).type,
              "ValidationException");
}

TEST(Policy, IsKeptAsGivenAndEnforcedAtOnce) {
  FakeService service;
  const std::string key = service.NewKey();
  EXPECT_EQ(service.Call("GetKeyPolicy", {{"KeyId", key}}).Text("Policy"), DefaultPolicy(kAccount));
  const std::string deny =
      R"({ "Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"kms:*",)"
      R"("Resource":"*"},{"Effect":"Deny","Principal":"*","Action":"kms:Encrypt","Resource":"*"}] })";
  ASSERT_TRUE(service.Call("Encrypt", {{"KeyId", key}, {"Plaintext", B64("hi")}}).ok());
  EXPECT_EQ(service.Call("PutKeyPolicy", {{"KeyId", key}, {"Policy", deny}}).raw, "");
  EXPECT_EQ(service.Call("GetKeyPolicy", {{"KeyId", key}, {"PolicyName", "default"}}).Text("Policy"), deny);
  const Answer refused = service.Call("Encrypt", {{"KeyId", key}, {"Plaintext", B64("hi")}});
  EXPECT_EQ(refused.type, "AccessDeniedException");
  EXPECT_EQ(refused.message,
            "User: arn:aws:iam::111122223333:root is not authorized to perform: kms:Encrypt on resource: " + Arn(key) +
                " with an explicit deny in a resource-based policy");
  // Not allowed comes before the key's state.
  service.Call("DisableKey", {{"KeyId", key}});
  EXPECT_EQ(service.Call("Encrypt", {{"KeyId", key}, {"Plaintext", B64("hi")}}).type, "AccessDeniedException");
}

struct PolicyRow {
  std::string name, operation, policy_name, policy, type;
};
const PolicyRow kPolicyRows[] = {
    {"GetOther", "GetKeyPolicy", "other", "", "NotFoundException"},
    {"PutOther", "PutKeyPolicy", "other", "{}", "UnsupportedOperationException"},
    {"PutNoJson", "PutKeyPolicy", "default", "{", "MalformedPolicyDocumentException"},
    {"PutUnknownElement", "PutKeyPolicy", "default", R"({"Version":"2012-10-17","Foo":1,"Statement":[]})",
     "MalformedPolicyDocumentException"},
    {"PutLockedOut", "PutKeyPolicy", "default", R"({"Version":"2012-10-17","Statement":[]})",
     "MalformedPolicyDocumentException"},
    {"PutTooLong", "PutKeyPolicy", "default", std::string(32'769, ' '), "LimitExceededException"},
};
class PolicyTable : public ::testing::TestWithParam<PolicyRow> {};
TEST_P(PolicyTable, AnswersAsTheRowSays) {
  FakeService service;
  const std::string key = service.NewKey();
  const Answer answer = service.Call(
      GetParam().operation, {{"KeyId", key}, {"PolicyName", GetParam().policy_name}, {"Policy", GetParam().policy}});
  EXPECT_EQ(answer.type, GetParam().type) << answer.raw;
  EXPECT_EQ(service.Call("GetKeyPolicy", {{"KeyId", key}}).Text("Policy"), DefaultPolicy(kAccount));
}
INSTANTIATE_TEST_SUITE_P(Policy, PolicyTable, ::testing::ValuesIn(kPolicyRows),
                         [](const auto& row) { return row.param.name; });

TEST(Tags, AreSetReplacedRemovedAndListedInOrder) {
  FakeService service;
  const std::string key = service.NewKey({{"Tags", Tags({{"b", "1"}, {"B", "2"}})}});
  EXPECT_EQ(service.Call("TagResource", {{"KeyId", key}, {"Tags", Tags({{"b", "3"}, {"a", ""}})}}).raw, "");
  EXPECT_EQ(service.Call("ListResourceTags", {{"KeyId", key}}).body,
            json::value({{"Tags", Tags({{"B", "2"}, {"a", ""}, {"b", "3"}})}, {"Truncated", false}}));
  EXPECT_EQ(service.Call("UntagResource", {{"KeyId", key}, {"TagKeys", {"b", "never there"}}}).raw, "");
  EXPECT_EQ(service.Call("ListResourceTags", {{"KeyId", key}}).body,
            json::value({{"Tags", Tags({{"B", "2"}, {"a", ""}})}, {"Truncated", false}}));
}

TEST(Tags, StopAtFiftyAndRefuseDuplicates) {
  FakeService service;
  json::array many;
  for (int i = 0; i < 51; ++i) many.push_back({{"TagKey", "key" + std::to_string(i)}, {"TagValue", "v"}});
  EXPECT_EQ(service.Call("CreateKey", {{"Tags", many}}).message, "Too many tags");
  const std::string key = service.NewKey();
  json::array fifty(many.begin(), many.begin() + 50);
  EXPECT_TRUE(service.Call("TagResource", {{"KeyId", key}, {"Tags", fifty}}).ok());
  const Answer more = service.Call("TagResource", {{"KeyId", key}, {"Tags", Tags({{"one more", "v"}})}});
  EXPECT_EQ(more.type + " " + more.message, "TagException Too many tags");
  EXPECT_EQ(service.Count("SELECT COUNT(*) FROM kms_tags"), 50);
  EXPECT_EQ(service.Call("TagResource", {{"KeyId", key}, {"Tags", Tags({{"a", "1"}, {"a", "2"}})}}).message,
            "Duplicate tag keys");
}

}  // namespace
}  // namespace strongroom::kms::testing
