#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <chrono>
#include <thread>

#include "kms/keys/deletion.h"
#include "kms/keys/rotation.h"
#include "kms/testing/fake_service.h"

namespace strongroom::kms::testing {
namespace {
namespace json = boost::json;

std::string Arn(const std::string& id, std::string_view region = kRegion) {
  return "arn:aws:kms:" + std::string(region) + ":111122223333:key/" + id;
}

json::array Tag(const std::string& key, const std::string& value) {
  json::object tag;
  tag["TagKey"] = key;
  tag["TagValue"] = value;
  json::array tags;
  tags.push_back(std::move(tag));
  return tags;
}

class MultiRegion : public ::testing::Test {
 protected:
  Answer In(std::string_view region, std::string_view operation, json::object body = {}) {
    if (!body.contains("KeyId") && operation != "Decrypt") body["KeyId"] = key_;
    return service_.Call(operation, std::move(body), kAccount, region);
  }
  Answer Replicate(std::string_view region, json::object more = {}) {
    more["ReplicaRegion"] = std::string(region);
    return In(kRegion, "ReplicateKey", std::move(more));
  }
  std::string State(std::string_view region) { return In(region, "DescribeKey").Text("KeyMetadata.KeyState"); }
  /// Waits for the background to end Creating and Updating.
  std::string Settled(std::string_view region) {
    for (int i = 0; i < 12'000; ++i) {
      const std::string state = State(region);
      if (state != "Creating" && state != "Updating") return state;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return "never settled";
  }
  void MakeReplica(std::string_view region) {
    const Answer made = Replicate(region);
    ASSERT_TRUE(made.ok()) << made.raw;
    ASSERT_EQ(Settled(region), "Enabled");
  }
  std::string Type(std::string_view region) {
    return In(region, "DescribeKey").Text("KeyMetadata.MultiRegionConfiguration.MultiRegionKeyType");
  }
  std::string Current(std::string_view region) {
    return In(region, "DescribeKey").Text("KeyMetadata.CurrentKeyMaterialId");
  }
  std::string Refusal(const Answer& answer) { return answer.type + " " + answer.message; }
  Bytes Encrypted(std::string_view region) {
    return FromB64(In(region, "Encrypt", {{"Plaintext", B64("hi")}}).Text("CiphertextBlob"));
  }

  FakeService service_;
  std::string key_ = service_.NewKey({{"MultiRegion", true}});
};

TEST_F(MultiRegion, APrimaryKeySaysSo) {
  EXPECT_EQ(key_.substr(0, 4), "mrk-");
  EXPECT_EQ(key_.size(), 36u);
  const Answer described = In(kRegion, "DescribeKey");
  EXPECT_EQ(described.Text("KeyMetadata.MultiRegion"), "true");
  EXPECT_EQ(described.Text("KeyMetadata.MultiRegionConfiguration"),
            R"({"MultiRegionKeyType":"PRIMARY","PrimaryKey":{"Arn":")" + Arn(key_) +
                R"(","Region":"eu-central-1"},"ReplicaKeys":[]})");
  const Answer absent = In(kOtherRegion, "DescribeKey");
  EXPECT_EQ(Refusal(absent), "NotFoundException Key '" + Arn(key_, kOtherRegion) + "' does not exist");
}

TEST_F(MultiRegion, AReplicaSharesWhatIsSharedAndNothingElse) {
  ASSERT_TRUE(In(kRegion, "EnableKeyRotation", {{"RotationPeriodInDays", 200}}).ok());
  ASSERT_TRUE(In(kRegion, "TagResource", {{"Tags", Tag("of", "primary")}}).ok());
  const Answer made = Replicate(kOtherRegion, {{"Tags", Tag("a", "b")}});
  ASSERT_TRUE(made.ok()) << made.raw;
  const std::string at = "ReplicaKeyMetadata.";
  EXPECT_EQ(made.Text(at + "KeyId"), key_);
  EXPECT_EQ(made.Text(at + "Arn"), Arn(key_, kOtherRegion));
  EXPECT_EQ(made.Text(at + "KeyState"), "Creating");
  EXPECT_EQ(made.Text(at + "Enabled"), "false");
  EXPECT_EQ(made.Text(at + "Description"), "");
  EXPECT_EQ(made.Text(at + "CurrentKeyMaterialId"), "");
  EXPECT_EQ(made.Text(at + "MultiRegionConfiguration.MultiRegionKeyType"), "REPLICA");
  EXPECT_EQ(made.Text(at + "MultiRegionConfiguration.PrimaryKey.Region"), kRegion);
  EXPECT_EQ(made.Text(at + "MultiRegionConfiguration.ReplicaKeys"),
            R"([{"Arn":")" + Arn(key_, kOtherRegion) + R"(","Region":"us-east-1"}])");
  EXPECT_EQ(made.Text("ReplicaTags"), R"([{"TagKey":"a","TagValue":"b"}])");
  EXPECT_THAT(made.Text("ReplicaPolicy"), ::testing::HasSubstr("Enable IAM User Permissions"));
  ASSERT_EQ(Settled(kOtherRegion), "Enabled");
  EXPECT_EQ(Current(kOtherRegion), Current(kRegion));
  EXPECT_EQ(In(kOtherRegion, "GetKeyRotationStatus").Text("RotationPeriodInDays"), "200");
  EXPECT_EQ(In(kOtherRegion, "ListResourceTags").Text("Tags"), R"([{"TagKey":"a","TagValue":"b"}])");
  EXPECT_EQ(In(kRegion, "DescribeKey").Text("KeyMetadata.MultiRegionConfiguration.ReplicaKeys.0.Region"), kOtherRegion);
  ASSERT_TRUE(In(kOtherRegion, "DisableKey").ok());
  EXPECT_EQ(State(kOtherRegion), "Disabled");
  EXPECT_EQ(State(kRegion), "Enabled");
}

TEST_F(MultiRegion, ACiphertextOfOneRegionDecryptsInEveryOther) {
  MakeReplica(kOtherRegion);
  MakeReplica(kThirdRegion);
  const std::string_view regions[] = {kRegion, kOtherRegion, kThirdRegion};
  for (const std::string_view from : regions) {
    const Bytes blob = Encrypted(from);
    for (const std::string_view to : regions) {
      const Answer opened = In(to, "Decrypt", {{"CiphertextBlob", Base64(blob)}});
      EXPECT_EQ(opened.Text("Plaintext"), B64("hi")) << from << " to " << to;
      EXPECT_EQ(opened.Text("KeyId"), Arn(key_, to));
      const Answer named = In(to, "Decrypt", {{"CiphertextBlob", Base64(blob)}, {"KeyId", key_}});
      EXPECT_EQ(named.Text("KeyId"), Arn(key_, to));
    }
  }
}

TEST_F(MultiRegion, SignaturesAndMacsAreGoodInEveryRegion) {
  key_ = service_.NewKey({{"MultiRegion", true}, {"KeySpec", "ECC_NIST_P256"}, {"KeyUsage", "SIGN_VERIFY"}});
  MakeReplica(kOtherRegion);
  json::object body{{"Message", B64("hi")}, {"SigningAlgorithm", "ECDSA_SHA_256"}};
  body["Signature"] = In(kRegion, "Sign", body).Text("Signature");
  EXPECT_EQ(In(kOtherRegion, "Verify", body).Text("SignatureValid"), "true");
  EXPECT_EQ(In(kOtherRegion, "GetPublicKey").Text("PublicKey"), In(kRegion, "GetPublicKey").Text("PublicKey"));
  key_ = service_.NewKey({{"MultiRegion", true}, {"KeySpec", "HMAC_256"}, {"KeyUsage", "GENERATE_VERIFY_MAC"}});
  MakeReplica(kOtherRegion);
  json::object mac{{"Message", B64("hi")}, {"MacAlgorithm", "HMAC_SHA_256"}};
  mac["Mac"] = In(kOtherRegion, "GenerateMac", mac).Text("Mac");
  EXPECT_EQ(In(kRegion, "VerifyMac", mac).Text("MacValid"), "true");
}

TEST_F(MultiRegion, RotationFollowsThePrimaryInAllRegions) {
  MakeReplica(kOtherRegion);
  const Bytes old_blob = Encrypted(kOtherRegion);
  const std::string first = Current(kOtherRegion);
  ASSERT_TRUE(In(kRegion, "RotateKeyOnDemand").ok());
  EXPECT_NE(Current(kOtherRegion), first);
  EXPECT_EQ(Current(kOtherRegion), Current(kRegion));
  EXPECT_EQ(In(kRegion, "Decrypt", {{"CiphertextBlob", Base64(Encrypted(kOtherRegion))}}).Text("Plaintext"), B64("hi"));
  EXPECT_EQ(In(kOtherRegion, "Decrypt", {{"CiphertextBlob", Base64(old_blob)}}).Text("KeyMaterialId"), first);
  ASSERT_TRUE(In(kRegion, "EnableKeyRotation").ok());
  service_.Sql("UPDATE kms_keys SET rotation_next = 1000");
  service_.RunTask(RotateDueKeys(service_.kms()));
  EXPECT_EQ(Current(kOtherRegion), Current(kRegion));
  const Answer rotations = In(kOtherRegion, "ListKeyRotations");
  EXPECT_EQ(rotations.Text("Rotations.0.RotationType"), "AUTOMATIC");
  EXPECT_EQ(rotations.Text("Rotations.1.RotationType"), "ON_DEMAND");
  EXPECT_EQ(rotations.Text("Rotations.0.KeyId"), Arn(key_, kOtherRegion));
  MakeReplica(kThirdRegion);
  EXPECT_EQ(In(kThirdRegion, "Decrypt", {{"CiphertextBlob", Base64(old_blob)}}).Text("KeyMaterialId"), first)
      << "a later replica has the earlier materials";
}

TEST_F(MultiRegion, AReplicaCannotChangeWhatIsShared) {
  MakeReplica(kOtherRegion);
  const std::string text = "UnsupportedOperationException " + Arn(key_, kOtherRegion) +
                           " is a multi-Region replica key. This operation is valid on its primary key " + Arn(key_) +
                           " only.";
  EXPECT_EQ(Refusal(In(kOtherRegion, "EnableKeyRotation")), text);
  EXPECT_EQ(Refusal(In(kOtherRegion, "DisableKeyRotation")), text);
  EXPECT_EQ(Refusal(In(kOtherRegion, "RotateKeyOnDemand")), text);
  EXPECT_EQ(Refusal(In(kOtherRegion, "ReplicateKey", {{"ReplicaRegion", kThirdRegion}})), text);
  EXPECT_EQ(Refusal(In(kOtherRegion, "UpdatePrimaryRegion", {{"PrimaryRegion", kOtherRegion}})), text);
}

TEST_F(MultiRegion, ReplicationsThatCannotBeAreRefused) {
  MakeReplica(kOtherRegion);
  EXPECT_EQ(Refusal(Replicate(kOtherRegion)),
            "AlreadyExistsException The multi-Region key " + Arn(key_, kOtherRegion) + " already exists.");
  EXPECT_EQ(Refusal(Replicate(kRegion)),
            "AlreadyExistsException The multi-Region key " + Arn(key_) + " already exists.");
  EXPECT_EQ(Refusal(Replicate("eu-north-1")),
            "ValidationException ReplicaRegion eu-north-1 is not a Region of this deployment.");
  EXPECT_EQ(Refusal(Replicate(kThirdRegion, {{"Policy", "{}"}})).substr(0, 31), "MalformedPolicyDocumentExceptio");
  EXPECT_EQ(Replicate(kThirdRegion, {{"Tags", Tag("aws:a", "")}}).type, "TagException");
  EXPECT_EQ(State(kThirdRegion), "") << "nothing was left";
  const std::string single = service_.NewKey();
  EXPECT_EQ(Refusal(service_.Call("ReplicateKey", {{"KeyId", single}, {"ReplicaRegion", kOtherRegion}})),
            "UnsupportedOperationException " + Arn(single) + " is not a multi-Region key.");
}

TEST_F(MultiRegion, ThePrimaryRegionMoves) {
  MakeReplica(kOtherRegion);
  MakeReplica(kThirdRegion);
  const Answer moved = In(kRegion, "UpdatePrimaryRegion", {{"PrimaryRegion", kOtherRegion}});
  ASSERT_TRUE(moved.ok()) << moved.raw;
  EXPECT_EQ(moved.raw, "");
  EXPECT_EQ(Settled(kRegion), "Enabled");
  EXPECT_EQ(Settled(kOtherRegion), "Enabled");
  EXPECT_EQ(Type(kRegion), "REPLICA");
  EXPECT_EQ(Type(kOtherRegion), "PRIMARY");
  EXPECT_EQ(Type(kThirdRegion), "REPLICA");
  EXPECT_EQ(In(kThirdRegion, "DescribeKey").Text("KeyMetadata.MultiRegionConfiguration.PrimaryKey.Arn"),
            Arn(key_, kOtherRegion));
  EXPECT_TRUE(In(kOtherRegion, "RotateKeyOnDemand").ok());
  EXPECT_EQ(Current(kRegion), Current(kOtherRegion));
  EXPECT_EQ(In(kRegion, "RotateKeyOnDemand").type, "UnsupportedOperationException");
}

TEST_F(MultiRegion, MovesThatCannotBeAreRefused) {
  MakeReplica(kOtherRegion);
  const auto move = [&](std::string_view region) {
    return Refusal(In(kRegion, "UpdatePrimaryRegion", {{"PrimaryRegion", region}}));
  };
  EXPECT_EQ(move(kThirdRegion), "NotFoundException Key '" + Arn(key_, kThirdRegion) + "' does not exist");
  EXPECT_EQ(move(kRegion), "UnsupportedOperationException " + Arn(key_) + " is the primary key already.");
  ASSERT_TRUE(In(kOtherRegion, "ScheduleKeyDeletion").ok());
  EXPECT_EQ(move(kOtherRegion), "KMSInvalidStateException " + Arn(key_, kOtherRegion) + " is pending deletion.");
  EXPECT_EQ(Type(kRegion), "PRIMARY");
}

TEST_F(MultiRegion, AMoveNeedsPermissionOnBothKeys) {
  const std::string denies =
      R"({"Statement":[{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"kms:*","Resource":"*"},)"
      R"({"Effect":"Deny","Principal":"*","Action":"kms:UpdatePrimaryRegion","Resource":"*"}]})";
  ASSERT_TRUE(Replicate(kOtherRegion, {{"Policy", denies}}).ok());
  ASSERT_EQ(Settled(kOtherRegion), "Enabled");
  EXPECT_EQ(In(kRegion, "UpdatePrimaryRegion", {{"PrimaryRegion", kOtherRegion}}).type, "AccessDeniedException");
  EXPECT_EQ(Type(kRegion), "PRIMARY");
}

TEST_F(MultiRegion, AnInterruptedMoveOrReplicationEndsByItself) {
  MakeReplica(kOtherRegion);
  service_.Sql("UPDATE kms_keys SET transition = 'UPDATING' WHERE region = $1", {store::Text(kRegion)});
  service_.Sql("UPDATE kms_keys SET transition = 'CREATING' WHERE region = $1", {store::Text(kOtherRegion)});
  EXPECT_EQ(State(kRegion), "Updating");
  EXPECT_EQ(State(kOtherRegion), "Creating");
  service_.Restart(true);
  EXPECT_EQ(Settled(kRegion), "Enabled");
  EXPECT_EQ(Settled(kOtherRegion), "Enabled");
}

TEST_F(MultiRegion, ADisabledKeyStaysDisabledWhileItBecomesThePrimary) {
  MakeReplica(kOtherRegion);
  ASSERT_TRUE(In(kOtherRegion, "DisableKey").ok());
  service_.Sql("UPDATE kms_keys SET transition = 'UPDATING'");
  EXPECT_EQ(State(kOtherRegion), "Disabled");
  EXPECT_EQ(In(kOtherRegion, "Encrypt", {{"Plaintext", B64("hi")}}).type, "DisabledException");
}

TEST_F(MultiRegion, ThePrimarysDeletionWaitsForItsReplicas) {
  MakeReplica(kOtherRegion);
  const Answer scheduled = In(kRegion, "ScheduleKeyDeletion", {{"PendingWindowInDays", 7}});
  EXPECT_EQ(scheduled.raw,
            R"({"KeyId":")" + Arn(key_) + R"(","KeyState":"PendingReplicaDeletion","PendingWindowInDays":7})");
  Answer described = In(kRegion, "DescribeKey");
  EXPECT_EQ(described.Text("KeyMetadata.KeyState"), "PendingReplicaDeletion");
  EXPECT_EQ(described.Text("KeyMetadata.PendingDeletionWindowInDays"), "7");
  EXPECT_EQ(described.Text("KeyMetadata.DeletionDate"), "");
  EXPECT_EQ(Refusal(In(kRegion, "Encrypt", {{"Plaintext", B64("hi")}})),
            "KMSInvalidStateException " + Arn(key_) + " is pending deletion.");
  EXPECT_EQ(Refusal(In(kRegion, "ScheduleKeyDeletion")),
            "KMSInvalidStateException " + Arn(key_) + " is pending deletion.");
  EXPECT_EQ(State(kOtherRegion), "Enabled") << "a replica goes on";

  ASSERT_TRUE(In(kOtherRegion, "ScheduleKeyDeletion").ok());
  EXPECT_EQ(State(kOtherRegion), "PendingDeletion");
  service_.Sql("UPDATE kms_keys SET deletion_at = 1 WHERE region = $1", {store::Text(kOtherRegion)});
  service_.RunTask(DeleteDueKeys(service_.kms()));
  EXPECT_EQ(In(kOtherRegion, "DescribeKey").type, "NotFoundException");
  described = In(kRegion, "DescribeKey");
  EXPECT_EQ(described.Text("KeyMetadata.KeyState"), "PendingDeletion");
  EXPECT_NE(described.Text("KeyMetadata.DeletionDate"), "");
  EXPECT_EQ(described.Text("KeyMetadata.PendingDeletionWindowInDays"), "");
  EXPECT_EQ(described.Text("KeyMetadata.MultiRegionConfiguration.ReplicaKeys"), "[]");
  EXPECT_GT(service_.Count("SELECT deletion_at - created_at FROM kms_keys"), 7LL * 24 * 3600 * 1000 - 1);
  EXPECT_EQ(service_.Count("SELECT COUNT(*) FROM kms_materials"), 1) << "the replica's copies went with it";
}

TEST_F(MultiRegion, ACancelledDeletionOfThePrimaryLeavesItDisabled) {
  MakeReplica(kOtherRegion);
  ASSERT_TRUE(In(kRegion, "ScheduleKeyDeletion").ok());
  ASSERT_TRUE(In(kRegion, "CancelKeyDeletion").ok());
  EXPECT_EQ(State(kRegion), "Disabled");
  ASSERT_TRUE(In(kRegion, "EnableKey").ok());
  EXPECT_EQ(State(kRegion), "Enabled");
}

TEST(MultiRegionKeys, AreNotInCustomKeyStores) {
  FakeService service;
  const Answer refused = service.Call(
      "CreateKey", {{"MultiRegion", true}, {"Origin", "AWS_CLOUDHSM"}, {"CustomKeyStoreId", "cks-0123456789abcdef0"}});
  EXPECT_EQ(refused.type, "UnsupportedOperationException");
}

TEST(MultiRegionKeys, CountInTheQuotaOfTheReplicasRegion) {
  FakeService service(Limits{.keys = 1});
  const std::string key = service.NewKey({{"MultiRegion", true}});
  ASSERT_TRUE(service.Call("CreateKey", json::object{}, kAccount, kOtherRegion).ok());
  const Answer refused = service.Call("ReplicateKey", {{"KeyId", key}, {"ReplicaRegion", kOtherRegion}});
  EXPECT_EQ(refused.type, "LimitExceededException");
  EXPECT_TRUE(service.Call("ReplicateKey", {{"KeyId", key}, {"ReplicaRegion", kThirdRegion}}).ok());
}

}  // namespace
}  // namespace strongroom::kms::testing
