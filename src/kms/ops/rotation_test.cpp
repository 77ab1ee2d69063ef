#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "kms/keys/rotation.h"
#include "kms/testing/fake_service.h"

namespace strongroom::kms::testing {
namespace {
namespace json = boost::json;

constexpr std::int64_t kHourMillis = 3600 * 1000;

std::string Arn(const std::string& id) { return "arn:aws:kms:eu-central-1:111122223333:key/" + id; }

class Rotation : public ::testing::Test {
 protected:
  Answer OnKey(std::string_view operation, json::object more = {}) {
    more["KeyId"] = key_;
    return service_.Call(operation, std::move(more));
  }
  std::string Current() { return OnKey("DescribeKey").Text("KeyMetadata.CurrentKeyMaterialId"); }
  json::array Rotations(json::object more = {}) {
    const Answer answer = OnKey("ListKeyRotations", std::move(more));
    return answer.ok() ? answer.body.at("Rotations").as_array() : json::array{answer.raw};
  }
  std::int64_t Number(const std::string& column) {
    return service_.Count("SELECT " + column + " FROM kms_keys WHERE key_id = $1", {key_});
  }
  void SetDue(std::int64_t millis) {
    service_.Sql("UPDATE kms_keys SET rotation_next = $2 WHERE key_id = $1", {key_, millis});
  }
  void RunBackground() { service_.RunTask(RotateDueKeys(service_.kms())); }
  Answer Decrypted(const Bytes& blob) { return service_.Call("Decrypt", {{"CiphertextBlob", Base64(blob)}}); }

  FakeService service_{Limits{.on_demand_rotations = 3}};
  std::string key_ = service_.NewKey();
};

TEST_F(Rotation, IsOffUnlessEnabledAndSaysItsPeriodAndDate) {
  Answer status = OnKey("GetKeyRotationStatus");
  EXPECT_EQ(status.raw, R"({"KeyRotationEnabled":false,"KeyId":")" + Arn(key_) + R"("})");
  const Answer enabled = OnKey("EnableKeyRotation", {{"RotationPeriodInDays", 90}});
  ASSERT_TRUE(enabled.ok()) << enabled.raw;
  EXPECT_EQ(enabled.raw, "");
  status = OnKey("GetKeyRotationStatus");
  EXPECT_EQ(status.Text("KeyRotationEnabled"), "true");
  EXPECT_EQ(status.Text("RotationPeriodInDays"), "90");
  EXPECT_EQ(Number("rotation_next - created_at") / (kHourMillis * 24), 90);
  ASSERT_TRUE(OnKey("EnableKeyRotation").ok());
  EXPECT_EQ(OnKey("GetKeyRotationStatus").Text("RotationPeriodInDays"), "365");
  ASSERT_TRUE(OnKey("DisableKeyRotation").ok());
  EXPECT_EQ(OnKey("GetKeyRotationStatus").Text("KeyRotationEnabled"), "false");
  EXPECT_EQ(OnKey("GetKeyRotationStatus").Text("NextRotationDate"), "");
}

TEST_F(Rotation, OnDemandMakesANewMaterialAndOldCiphertextsDecrypt) {
  const std::string first = Current();
  const Bytes old_blob = service_.Encrypted(key_, "old");
  const Answer answer = OnKey("RotateKeyOnDemand");
  EXPECT_EQ(answer.raw, R"({"KeyId":")" + Arn(key_) + R"("})");
  const std::string second = Current();
  EXPECT_NE(second, first);
  EXPECT_EQ(second.size(), 64u);
  const Bytes new_blob = service_.Encrypted(key_, "new");
  const Answer opened_old = Decrypted(old_blob), opened_new = Decrypted(new_blob);
  EXPECT_EQ(opened_old.Text("Plaintext"), B64("old"));
  EXPECT_EQ(opened_old.Text("KeyMaterialId"), first);
  EXPECT_EQ(opened_new.Text("Plaintext"), B64("new"));
  EXPECT_EQ(opened_new.Text("KeyMaterialId"), second);
  EXPECT_EQ(OnKey("GenerateDataKey", {{"KeySpec", "AES_256"}}).Text("KeyMaterialId"), second);
  EXPECT_EQ(OnKey("GenerateDataKeyPair", {{"KeyPairSpec", "ECC_NIST_P256"}}).Text("KeyMaterialId"), second);
  const Answer moved = service_.Call("ReEncrypt", {{"CiphertextBlob", Base64(old_blob)}, {"DestinationKeyId", key_}});
  EXPECT_EQ(moved.Text("SourceKeyMaterialId"), first);
  EXPECT_EQ(moved.Text("DestinationKeyMaterialId"), second);
  EXPECT_EQ(Decrypted(FromB64(moved.Text("CiphertextBlob"))).Text("KeyMaterialId"), second);
}

TEST_F(Rotation, ACiphertextOfAMaterialThatTheKeyNeverHadIsInvalid) {
  const Bytes blob = service_.Encrypted(key_, "text");
  Bytes other = blob;
  other[4 + 12 + 1 + 36] ^= 1;  // the material id's first byte
  const Answer refused = Decrypted(other);
  EXPECT_EQ(refused.type, "InvalidCiphertextException");
  EXPECT_FALSE(refused.has_message);
  ASSERT_TRUE(OnKey("RotateKeyOnDemand").ok());
  Bytes cut = blob;
  cut.push_back(0);
  EXPECT_EQ(Decrypted(cut).type, "InvalidCiphertextException");
}

TEST_F(Rotation, MaterialsOfOneKeyCannotBeSwapped) {
  const Bytes old_blob = service_.Encrypted(key_, "old");
  ASSERT_TRUE(OnKey("RotateKeyOnDemand").ok());
  service_.Sql(
      "UPDATE kms_materials SET token = (SELECT token FROM kms_materials WHERE key_id = $1 AND state = 'CURRENT') "
      "WHERE key_id = $1 AND state = 'NON_CURRENT'",
      {key_});
  EXPECT_FALSE(Decrypted(old_blob).ok());
}

TEST_F(Rotation, SurvivesARestart) {
  const Bytes old_blob = service_.Encrypted(key_, "old");
  ASSERT_TRUE(OnKey("RotateKeyOnDemand").ok());
  service_.Restart(true);
  EXPECT_EQ(Decrypted(old_blob).Text("Plaintext"), B64("old"));
  EXPECT_EQ(Rotations().size(), 1u);
}

TEST_F(Rotation, OnDemandEndsAtTheQuota) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(OnKey("RotateKeyOnDemand").ok());
  const Answer beyond = OnKey("RotateKeyOnDemand");
  EXPECT_EQ(beyond.type, "LimitExceededException");
  EXPECT_EQ(beyond.message, Arn(key_) + " has reached its quota of 3 on-demand rotations.");
  EXPECT_EQ(Rotations().size(), 3u);
}

TEST_F(Rotation, OnDemandLeavesTheScheduleAlone) {
  ASSERT_TRUE(OnKey("EnableKeyRotation").ok());
  const std::int64_t before = Number("rotation_next");
  ASSERT_TRUE(OnKey("RotateKeyOnDemand").ok());
  EXPECT_EQ(Number("rotation_next"), before);
}

TEST_F(Rotation, OnDemandConflictsWithAnAutomaticOneThatIsNear) {
  ASSERT_TRUE(OnKey("EnableKeyRotation").ok());
  service_.Sql("UPDATE kms_keys SET rotation_next = created_at + 600000");
  const Answer refused = OnKey("RotateKeyOnDemand");
  EXPECT_EQ(refused.type, "ConflictException");
  EXPECT_EQ(refused.message,
            "An automatic rotation of " + Arn(key_) + " is in progress or due within the next 20 minutes.");
  EXPECT_EQ(Number("on_demand_rotations"), 0);
}

TEST_F(Rotation, OnDemandThatWasInterruptedShowsAndIsFinishedInTheBackground) {
  const std::string first = Current();
  service_.Sql("UPDATE kms_keys SET on_demand_started = created_at, on_demand_rotations = 1");
  EXPECT_NE(OnKey("GetKeyRotationStatus").Text("OnDemandRotationStartDate"), "");
  const Answer again = OnKey("RotateKeyOnDemand");
  EXPECT_EQ(again.type, "ConflictException");
  EXPECT_EQ(again.message, "A rotation of " + Arn(key_) + " is in progress already.");
  RunBackground();
  EXPECT_NE(Current(), first);
  EXPECT_EQ(OnKey("GetKeyRotationStatus").Text("OnDemandRotationStartDate"), "");
  EXPECT_EQ(Rotations().at(0).at("RotationType").as_string(), "ON_DEMAND");
  RunBackground();
  EXPECT_EQ(Rotations().size(), 1u) << "once is enough";
}

TEST_F(Rotation, HappensByItselfWhenItsDateHasCome) {
  const std::string first = Current();
  ASSERT_TRUE(OnKey("EnableKeyRotation", {{"RotationPeriodInDays", 100}}).ok());
  RunBackground();
  EXPECT_EQ(Current(), first) << "not yet due";
  service_.Sql("UPDATE kms_keys SET rotation_next = created_at - 1000");
  const Bytes old_blob = service_.Encrypted(key_, "old");
  RunBackground();
  const std::string second = Current();
  EXPECT_NE(second, first);
  EXPECT_EQ(Decrypted(old_blob).Text("KeyMaterialId"), first);
  EXPECT_EQ(Number("rotation_next - created_at + 1000") / kHourMillis, 100 * 24)
      << "the schedule goes on from its date";
  const json::array rotations = Rotations();
  ASSERT_EQ(rotations.size(), 1u);
  EXPECT_EQ(rotations[0].at("RotationType").as_string(), "AUTOMATIC");
  EXPECT_EQ(rotations[0].at("KeyMaterialId").as_string(), second);
  RunBackground();
  EXPECT_EQ(Current(), second);
}

TEST_F(Rotation, ThatWasMissedForLongBeginsANewSchedule) {
  ASSERT_TRUE(OnKey("EnableKeyRotation", {{"RotationPeriodInDays", 90}}).ok());
  SetDue(1000);
  RunBackground();
  EXPECT_EQ(Rotations().size(), 1u);
  EXPECT_EQ(Number("rotation_next - created_at") / (kHourMillis * 24), 90);
}

TEST_F(Rotation, OfADisabledKeyWaitsUntilItIsEnabled) {
  const std::string first = Current();
  ASSERT_TRUE(OnKey("EnableKeyRotation").ok());
  ASSERT_TRUE(OnKey("DisableKey").ok());
  SetDue(1000);
  RunBackground();
  EXPECT_EQ(Current(), first);
  EXPECT_EQ(OnKey("GetKeyRotationStatus").Text("KeyRotationEnabled"), "true");
  ASSERT_TRUE(OnKey("EnableKey").ok());
  EXPECT_NE(Current(), first) << "what was due is done at once";
}

TEST_F(Rotation, OfAKeyToBeDeletedIsSuspended) {
  ASSERT_TRUE(OnKey("EnableKeyRotation").ok());
  ASSERT_TRUE(OnKey("ScheduleKeyDeletion").ok());
  SetDue(1000);
  RunBackground();
  EXPECT_EQ(Rotations().size(), 0u);
  EXPECT_EQ(OnKey("GetKeyRotationStatus").Text("KeyRotationEnabled"), "false");
  ASSERT_TRUE(OnKey("CancelKeyDeletion").ok());
  EXPECT_EQ(OnKey("GetKeyRotationStatus").Text("KeyRotationEnabled"), "true");
}

TEST_F(Rotation, OfTwoFrontEndsAtOnceHappensOnce) {
  ASSERT_TRUE(OnKey("EnableKeyRotation").ok());
  SetDue(1000);
  // Both have seen that it is due before either has written.
  auto both = [](Kms& kms, std::string id) -> Task<void> {
    const std::string account(kAccount), region(kRegion);
    auto found = co_await kms.keys().Find(account, region, id);
    const KeyRow row = (*found)->row;
    const Status first = co_await RotateIfDue(kms, row);
    const Status second = co_await RotateIfDue(kms, row);
    EXPECT_TRUE(first.ok() && second.ok());
  };
  service_.RunTask(both(service_.kms(), key_));
  EXPECT_EQ(Rotations().size(), 1u);
}

TEST_F(Rotation, ListShowsWhatAwsShows) {
  const std::string first = Current();
  EXPECT_EQ(OnKey("ListKeyRotations").raw, R"({"Rotations":[],"Truncated":false})");
  ASSERT_TRUE(OnKey("RotateKeyOnDemand").ok());
  const json::array only = Rotations();
  ASSERT_EQ(only.size(), 1u);
  std::vector<std::string> names;
  for (const auto& member : only[0].as_object()) names.emplace_back(member.key());
  EXPECT_THAT(names, ::testing::UnorderedElementsAre("KeyId", "KeyMaterialId", "KeyMaterialState", "RotationDate",
                                                     "RotationType"));
  EXPECT_EQ(only[0].at("KeyId").as_string(), Arn(key_));
  EXPECT_EQ(only[0].at("KeyMaterialState").as_string(), "CURRENT");
  const json::array all = Rotations({{"IncludeKeyMaterial", "ALL_KEY_MATERIAL"}});
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].at("KeyMaterialId").as_string(), std::string_view(Current()));
  EXPECT_EQ(all[1].at("KeyMaterialId").as_string(), std::string_view(first));
  EXPECT_EQ(all[1].at("KeyMaterialState").as_string(), "NON_CURRENT");
  EXPECT_FALSE(all[1].as_object().contains("RotationDate"));
}

TEST_F(Rotation, ListGoesOnWhereItsMarkerSays) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(OnKey("RotateKeyOnDemand").ok());
  std::vector<std::string> seen;
  json::object more{{"Limit", 2}, {"IncludeKeyMaterial", "ALL_KEY_MATERIAL"}};
  const Answer page = OnKey("ListKeyRotations", more);
  EXPECT_EQ(page.Text("Truncated"), "true");
  more["Marker"] = page.Text("NextMarker");
  const Answer rest = OnKey("ListKeyRotations", more);
  EXPECT_EQ(rest.Text("Truncated"), "false");
  EXPECT_EQ(rest.Text("NextMarker"), "");
  for (const Answer* one : {&page, &rest})
    for (const auto& entry : one->body.at("Rotations").as_array())
      seen.emplace_back(entry.at("KeyMaterialId").as_string());
  const json::array all = Rotations({{"IncludeKeyMaterial", "ALL_KEY_MATERIAL"}});
  ASSERT_EQ(seen.size(), 4u);
  for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i], std::string(all[i].at("KeyMaterialId").as_string()));
  more["IncludeKeyMaterial"] = "ROTATIONS_ONLY";
  EXPECT_EQ(OnKey("ListKeyRotations", more).type, "InvalidMarkerException") << "a marker is its own list's";
}

struct Refused {
  std::string name, operation;
  json::object key, body;
  std::string answer;  // <arn> is the key's
};
const json::object kRsa{{"KeySpec", "RSA_2048"}, {"KeyUsage", "SIGN_VERIFY"}};
const json::object kMac{{"KeySpec", "HMAC_256"}, {"KeyUsage", "GENERATE_VERIFY_MAC"}};
const Refused kRefused[] = {
    {"AsymmetricOnDemand", "RotateKeyOnDemand", kRsa, {}, "UnsupportedOperationException "},
    {"MacOnDemand", "RotateKeyOnDemand", kMac, {}, "UnsupportedOperationException "},
    {"AsymmetricEnable", "EnableKeyRotation", kRsa, {}, "UnsupportedOperationException "},
    {"MacDisable", "DisableKeyRotation", kMac, {}, "UnsupportedOperationException "},
    {"AsymmetricStatus", "GetKeyRotationStatus", kRsa, {}, "UnsupportedOperationException "},
    {"MacList", "ListKeyRotations", kMac, {}, "UnsupportedOperationException "},
    {"PeriodTooShort",
     "EnableKeyRotation",
     {},
     {{"RotationPeriodInDays", 89}},
     "ValidationException 1 validation error detected: Value '89' at 'rotationPeriodInDays' failed to satisfy "
     "constraint: Member must have value greater than or equal to 90"},
    {"PeriodTooLong",
     "EnableKeyRotation",
     {},
     {{"RotationPeriodInDays", 2561}},
     "ValidationException 1 validation error detected: Value '2561' at 'rotationPeriodInDays' failed to satisfy "
     "constraint: Member must have value less than or equal to 2560"},
    {"NonsenseMarker",
     "ListKeyRotations",
     {},
     {{"Marker", "nonsense"}},
     "InvalidMarkerException Invalid marker nonsense"},
};
class RotationRefused : public ::testing::TestWithParam<Refused> {};
TEST_P(RotationRefused, SaysWhy) {
  FakeService service;
  json::object body = GetParam().body;
  body["KeyId"] = service.NewKey(GetParam().key);
  const Answer answer = service.Call(GetParam().operation, body);
  EXPECT_EQ(answer.type + " " + answer.message, GetParam().answer);
}
INSTANTIATE_TEST_SUITE_P(Rotation, RotationRefused, ::testing::ValuesIn(kRefused),
                         [](const auto& row) { return row.param.name; });

TEST(RotationOfCustomKeyStores, IsRefusedByTheOriginWhateverTheStoresState) {
  FakeService service;
  service.MakeCluster();
  const std::string store = service.NewStore();
  ASSERT_EQ(service.Connect(store), "CONNECTED");
  const std::string key = service.NewKey({{"Origin", "AWS_CLOUDHSM"}, {"CustomKeyStoreId", store}});
  const std::string text = Arn(key) + " origin is AWS_CLOUDHSM which is not valid for this operation.";
  for (const bool connected : {true, false}) {
    if (!connected) {
      ASSERT_EQ(service.Disconnect(store), "DISCONNECTED");
    }
    for (const char* operation :
         {"RotateKeyOnDemand", "EnableKeyRotation", "DisableKeyRotation", "GetKeyRotationStatus", "ListKeyRotations"}) {
      const Answer answer = service.Call(operation, {{"KeyId", key}});
      EXPECT_EQ(answer.type, "UnsupportedOperationException") << operation;
      EXPECT_EQ(answer.message, text) << operation;
    }
  }
}

}  // namespace
}  // namespace strongroom::kms::testing
