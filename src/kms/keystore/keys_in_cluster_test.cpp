// Keys whose material is in a customer's cluster (spec/kms.md 7.6), and the end of keys (2.7).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include <boost/json.hpp>
#include <functional>

#include "kms/keys/deletion.h"
#include "kms/testing/fake_service.h"

namespace strongroom::kms::testing {
namespace {
namespace json = boost::json;

std::string Arn(const std::string& id) { return "arn:aws:kms:eu-central-1:111122223333:key/" + id; }

/// A service with a connected store.
struct Connected {
  FakeService service;
  FakeCluster& cluster = service.MakeCluster();
  std::string store = service.NewStore();
  std::string state = service.Connect(store);

  json::object InStore() const { return {{"Origin", "AWS_CLOUDHSM"}, {"CustomKeyStoreId", store}}; }
  Answer Decrypt(const Bytes& blob) { return service.Call("Decrypt", {{"CiphertextBlob", Base64(blob)}}); }
  std::string State(const std::string& key) {
    return service.Call("DescribeKey", {{"KeyId", key}}).Text("KeyMetadata.KeyState");
  }
  void RunDeletions() { service.RunTask(DeleteDueKeys(service.kms())); }
  void RunRepairs() { service.RunTask(RemoveHalfMadeKeys(service.kms())); }
  /// The client backs off after failures: again and again, until the cluster can be reached.
  bool NoKeyIsLeftBy(void (Connected::*work)()) {
    for (int tries = 0; tries < 1200; ++tries) {
      (this->*work)();
      if (service.Count("SELECT COUNT(*) FROM kms_keys") == 0) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return false;
  }
};

TEST(ClusterKey, IsAnObjectOfTheClusterLabelledWithItsArn) {
  Connected at;
  ASSERT_EQ(at.state, "CONNECTED");
  const Answer made = at.service.Call("CreateKey", at.InStore());
  ASSERT_TRUE(made.ok()) << made.raw;
  EXPECT_EQ(made.Text("KeyMetadata.Origin"), "AWS_CLOUDHSM");
  EXPECT_EQ(made.Text("KeyMetadata.CustomKeyStoreId"), at.store);
  EXPECT_EQ(made.Text("KeyMetadata.CloudHsmClusterId"), kClusterId);
  EXPECT_EQ(made.Text("KeyMetadata.KeyState"), "Enabled");
  EXPECT_EQ(made.Text("KeyMetadata.CurrentKeyMaterialId"), "");
  EXPECT_EQ(at.cluster.KeysLabelled(made.Text("KeyMetadata.Arn")).size(), 1u);
  EXPECT_EQ(at.cluster.key_count(), 1u);
}

TEST(ClusterKey, EncryptsMakesDataKeysAndRandomButNoPairs) {
  Connected at;
  const std::string key = at.service.NewKey(at.InStore());
  const Bytes blob = at.service.Encrypted(key, "hi", {{"a", "b"}});
  const Answer opened =
      at.service.Call("Decrypt", {{"CiphertextBlob", Base64(blob)}, {"EncryptionContext", {{"a", "b"}}}});
  EXPECT_EQ(opened.Text("Plaintext"), B64("hi"));
  EXPECT_EQ(opened.Text("KeyMaterialId"), "");
  EXPECT_EQ(at.Decrypt(blob).raw, R"({"__type":"InvalidCiphertextException"})");
  const Answer data_key = at.service.Call("GenerateDataKey", {{"KeyId", key}, {"KeySpec", "AES_256"}});
  EXPECT_EQ(at.Decrypt(FromB64(data_key.Text("CiphertextBlob"))).Text("Plaintext"), data_key.Text("Plaintext"));
  for (const char* operation : {"GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"}) {
    const Answer pair = at.service.Call(operation, {{"KeyId", key}, {"KeyPairSpec", "ECC_NIST_P256"}});
    EXPECT_EQ(pair.type, "UnsupportedOperationException");
    EXPECT_EQ(pair.message, Arn(key) + " origin is AWS_CLOUDHSM which is not valid for this operation.");
  }
  const std::size_t before = at.cluster.hsm(0).executed(wire::Command::kGenerateRandom) +
                             at.cluster.hsm(1).executed(wire::Command::kGenerateRandom);
  EXPECT_TRUE(at.service.Call("GenerateRandom", {{"NumberOfBytes", 8}, {"CustomKeyStoreId", at.store}}).ok());
  EXPECT_EQ(at.cluster.hsm(0).executed(wire::Command::kGenerateRandom) +
                at.cluster.hsm(1).executed(wire::Command::kGenerateRandom),
            before + 1);
}

TEST(ClusterKey, IsUnavailableWhileTheStoreIsNotConnected) {
  Connected at;
  const std::string key = at.service.NewKey(at.InStore());
  const Bytes blob = at.service.Encrypted(key, "hi");
  ASSERT_EQ(at.service.Disconnect(at.store), "DISCONNECTED");
  EXPECT_EQ(at.State(key), "Unavailable");
  EXPECT_EQ(at.service.Call("DescribeKey", {{"KeyId", key}}).Text("KeyMetadata.Enabled"), "false");
  const Answer refused = at.Decrypt(blob);
  EXPECT_EQ(refused.type + " " + refused.message, "KMSInvalidStateException " + Arn(key) + " is unavailable.");
  EXPECT_EQ(at.service.Call("CreateKey", at.InStore()).type, "CustomKeyStoreInvalidStateException");
  EXPECT_EQ(at.service.Call("GenerateRandom", {{"NumberOfBytes", 8}, {"CustomKeyStoreId", at.store}}).type,
            "CustomKeyStoreInvalidStateException");
  EXPECT_EQ(at.service.Call("DeleteCustomKeyStore", {{"CustomKeyStoreId", at.store}}).type,
            "CustomKeyStoreHasCMKsException");
  // Management goes on and takes effect later.
  for (const auto& [operation, more] :
       {std::pair<const char*, json::object>{"DisableKey", {}},
        {"TagResource", {{"Tags", json::array{json::object{{"TagKey", "a"}, {"TagValue", "b"}}}}}},
        {"UntagResource", {{"TagKeys", json::array{"a"}}}},
        {"GetKeyPolicy", {}}}) {
    json::object body = more;
    body["KeyId"] = key;
    EXPECT_TRUE(at.service.Call(operation, body).ok()) << operation;
  }
  ASSERT_EQ(at.service.Connect(at.store), "CONNECTED");
  EXPECT_EQ(at.State(key), "Disabled");
  at.service.Call("EnableKey", {{"KeyId", key}});
  EXPECT_EQ(at.Decrypt(blob).Text("Plaintext"), B64("hi"));
}

TEST(ClusterKey, SurvivesANewFrontEndAndTheLossOfOneHsm) {
  Connected at;
  const std::string key = at.service.NewKey(at.InStore());
  const Bytes blob = at.service.Encrypted(key, "hi");
  at.service.Restart(false);
  EXPECT_EQ(at.Decrypt(blob).Text("Plaintext"), B64("hi"));
  at.cluster.KillHsm(0);
  EXPECT_EQ(at.Decrypt(blob).Text("Plaintext"), B64("hi"));
  ports::ClusterInfo info = at.cluster.Info();
  info.hsms[0].active = false;
  at.service.directory().Put(info);
  EXPECT_EQ(at.service.Call("CreateKey", at.InStore()).type, "CloudHsmClusterInvalidConfigurationException");
}

struct LossRow {
  std::string name;
  std::function<void(Connected&, const std::string& key)> lose;
  std::string message;
};
const LossRow kLosses[] = {
    {"HsmKeyDeleted",
     [](Connected& at, const std::string& key) { at.cluster.DropKey(at.cluster.KeysLabelled(Arn(key)).at(0)); },
     "The key's material is no longer in the CloudHSM cluster."},
    {"NoHsmReachable",
     [](Connected& at, const std::string&) {
       at.cluster.KillHsm(0);
       at.cluster.KillHsm(1);
     },
     "KMS cannot communicate with your CloudHSM cluster"},
    {"ClusterGone",
     [](Connected& at, const std::string&) {
       at.service.directory().Remove(std::string(kClusterId));
       at.service.Restart(false);
     },
     "KMS cannot communicate with your CloudHSM cluster"},
    {"PasswordResetByAnOfficer",
     [](Connected& at, const std::string&) {
       at.cluster.SetKmsUser("reset-by-officer");
       at.service.Restart(false);
     },
     "KMS can no longer log in to your CloudHSM cluster as kmsuser."},
};
class Loss : public ::testing::TestWithParam<LossRow> {};
TEST_P(Loss, IsAnInvalidStateOfTheKeyAndTheStoreStaysConnected) {
  Connected at;
  const std::string key = at.service.NewKey(at.InStore());
  const Bytes blob = at.service.Encrypted(key, "hi");
  GetParam().lose(at, key);
  const Answer refused = at.Decrypt(blob);
  EXPECT_EQ(refused.type, "KMSInvalidStateException") << refused.raw;
  EXPECT_EQ(refused.message, GetParam().message);
  EXPECT_EQ(at.service.Settled(at.store), "CONNECTED");
  EXPECT_EQ(at.State(key), "Enabled");
}
INSTANTIATE_TEST_SUITE_P(ClusterKey, Loss, ::testing::ValuesIn(kLosses),
                         [](const auto& row) { return row.param.name; });

// Interrupted creation
// ------------------------------------------------------------------------------------------------------

TEST(Interrupted, BeforeTheHsmKeyLeavesNothing) {
  Connected at;
  at.cluster.hsm(0).FailNext(Errc::kInternal, 100);
  at.cluster.hsm(1).FailNext(Errc::kInternal, 100);
  EXPECT_FALSE(at.service.Call("CreateKey", at.InStore()).ok());
  at.cluster.hsm(0).FailNext(Errc::kInternal, 0);
  at.cluster.hsm(1).FailNext(Errc::kInternal, 0);
  at.service.Sql("UPDATE kms_keys SET created_at = 0");
  EXPECT_TRUE(at.NoKeyIsLeftBy(&Connected::RunRepairs));
  EXPECT_EQ(at.cluster.key_count(), 0u);
}

TEST(Interrupted, BetweenHsmKeyAndHandleIsSeenByNobodyAndRemoved) {
  Connected at;
  const std::string key = at.service.NewKey(at.InStore()), whole = at.service.NewKey(at.InStore());
  // As a process that died before the last step leaves it.
  at.service.Sql("UPDATE kms_keys SET hsm_handle = NULL WHERE key_id = $1", {key});
  EXPECT_EQ(at.service.Call("DescribeKey", {{"KeyId", key}}).message, "Key '" + Arn(key) + "' does not exist");
  EXPECT_EQ(at.service.Call("ListKeys", json::object{}).Text("Keys.1"), "");
  at.RunRepairs();
  EXPECT_EQ(at.service.Count("SELECT COUNT(*) FROM kms_keys"), 2) << "too young to be given up";
  at.service.Sql("UPDATE kms_keys SET created_at = 0");
  at.RunRepairs();
  EXPECT_EQ(at.service.Count("SELECT COUNT(*) FROM kms_keys"), 1);
  EXPECT_TRUE(at.cluster.KeysLabelled(Arn(key)).empty());
  EXPECT_EQ(at.cluster.KeysLabelled(Arn(whole)).size(), 1u);
}

TEST(Interrupted, DoesNotKeepAStoreFromBeingDeleted) {
  Connected at;
  const std::string key = at.service.NewKey(at.InStore());
  at.service.Sql("UPDATE kms_keys SET hsm_handle = NULL WHERE key_id = $1", {key});
  ASSERT_EQ(at.service.Disconnect(at.store), "DISCONNECTED");
  EXPECT_TRUE(at.service.Call("DeleteCustomKeyStore", {{"CustomKeyStoreId", at.store}}).ok());
  EXPECT_EQ(at.service.Count("SELECT COUNT(*) FROM kms_keys"), 0);
}

// The end of the waiting period
// ---------------------------------------------------------------------------------------------

TEST(Expiry, TakesTheKeyItsAliasesTagsAndHsmKey) {
  Connected at;
  const std::string key = at.service.NewKey(at.InStore()), domain = at.service.NewKey();
  const std::string kept = at.service.NewKey(), later = at.service.NewKey();
  for (const std::string& id : {key, domain, kept, later}) {
    at.service.Call("CreateAlias", {{"AliasName", "alias/" + id}, {"TargetKeyId", id}});
    at.service.Call("TagResource",
                    {{"KeyId", id}, {"Tags", json::array{json::object{{"TagKey", "a"}, {"TagValue", ""}}}}});
  }
  const Bytes blob = at.service.Encrypted(domain, "hi");
  for (const std::string& id : {key, domain, later}) at.service.Call("ScheduleKeyDeletion", {{"KeyId", id}});
  at.RunDeletions();
  EXPECT_EQ(at.service.Count("SELECT COUNT(*) FROM kms_keys"), 4);
  at.service.Sql("UPDATE kms_keys SET deletion_at = 1 WHERE key_id IN ($1, $2)", {key, domain});
  at.RunDeletions();
  EXPECT_EQ(at.service.Count("SELECT COUNT(*) FROM kms_keys"), 2);
  EXPECT_EQ(at.service.Count("SELECT COUNT(*) FROM kms_aliases"), 2);
  EXPECT_EQ(at.service.Count("SELECT COUNT(*) FROM kms_tags"), 2);
  EXPECT_EQ(at.cluster.key_count(), 0u);
  EXPECT_EQ(at.service.Call("DescribeKey", {{"KeyId", key}}).message, "Key '" + Arn(key) + "' does not exist");
  EXPECT_EQ(at.service.Call("DescribeKey", {{"KeyId", "alias/" + key}}).type, "NotFoundException");
  EXPECT_EQ(at.Decrypt(blob).type, "AccessDeniedException");
  EXPECT_EQ(at.State(kept), "Enabled");
  EXPECT_EQ(at.State(later), "PendingDeletion");
}

TEST(Expiry, GoesOnWithoutTheStoreAndLeavesTheOrphan) {
  Connected at;
  const std::string key = at.service.NewKey(at.InStore());
  ASSERT_EQ(at.service.Disconnect(at.store), "DISCONNECTED");
  ASSERT_TRUE(at.service.Call("ScheduleKeyDeletion", {{"KeyId", key}}).ok());
  EXPECT_EQ(at.State(key), "PendingDeletion");
  at.service.Sql("UPDATE kms_keys SET deletion_at = 1");
  at.RunDeletions();
  EXPECT_EQ(at.service.Count("SELECT COUNT(*) FROM kms_keys"), 0);
  EXPECT_EQ(at.cluster.KeysLabelled(Arn(key)).size(), 1u);
  EXPECT_TRUE(at.service.Call("DeleteCustomKeyStore", {{"CustomKeyStoreId", at.store}}).ok());
}

TEST(Expiry, WaitsForAConnectedStoreThatDoesNotAnswer) {
  Connected at;
  const std::string key = at.service.NewKey(at.InStore()), domain = at.service.NewKey();
  for (const std::string& id : {key, domain}) at.service.Call("ScheduleKeyDeletion", {{"KeyId", id}});
  at.service.Sql("UPDATE kms_keys SET deletion_at = 1");
  for (std::size_t i = 0; i < 2; ++i) at.cluster.hsm(i).FailNext(Errc::kUnavailable, 1000);
  at.RunDeletions();
  EXPECT_EQ(at.service.Count("SELECT COUNT(*) FROM kms_keys"), 1) << "the other one does not wait";
  EXPECT_EQ(at.State(key), "PendingDeletion");
  for (std::size_t i = 0; i < 2; ++i) at.cluster.hsm(i).FailNext(Errc::kUnavailable, 0);
  EXPECT_TRUE(at.NoKeyIsLeftBy(&Connected::RunDeletions));
  EXPECT_EQ(at.cluster.key_count(), 0u);
}

TEST(Expiry, WaitsForAConnectedStoreThatCannotBeOpenedJustNow) {
  Connected at;
  const std::string key = at.service.NewKey(at.InStore());
  at.service.Call("ScheduleKeyDeletion", {{"KeyId", key}});
  at.service.Restart(false);
  at.service.Sql("UPDATE kms_keys SET deletion_at = 1");
  at.service.sealer().FailNext(1);  // so that kmsuser's password is not to be had
  at.RunDeletions();
  EXPECT_EQ(at.service.Count("SELECT COUNT(*) FROM kms_keys"), 1);
  EXPECT_TRUE(at.NoKeyIsLeftBy(&Connected::RunDeletions));
  EXPECT_EQ(at.cluster.key_count(), 0u);
}

TEST(Expiry, ComesNoSoonerForADatabasesClockThatIsBehind) {
  constexpr std::int64_t kDayMillis = 24LL * 60 * 60 * 1000;
  FakeService service;
  const std::string key = service.NewKey();
  // What the front ends have seen is ten days ahead of what the database says now.
  service.Sql(
      "INSERT INTO clock_marks (front_end, seen_at, doubt) SELECT '', created_at + $2, '' FROM kms_keys "
      "WHERE key_id = $1",
      {key, 10 * kDayMillis});
  ASSERT_TRUE(service.Call("ScheduleKeyDeletion", {{"KeyId", key}, {"PendingWindowInDays", 7}}).ok());
  const std::int64_t window = service.Count("SELECT deletion_at - created_at FROM kms_keys");
  EXPECT_GE(window, 17 * kDayMillis);
  service.Sql("UPDATE kms_keys SET deletion_at = 1");
  service.RunTask(DeleteDueKeys(service.kms()));
  EXPECT_EQ(service.Count("SELECT COUNT(*) FROM kms_keys"), 1) << "the clock is not believed";
  service.Sql("DELETE FROM clock_marks");
  service.RunTask(DeleteDueKeys(service.kms()));
  EXPECT_EQ(service.Count("SELECT COUNT(*) FROM kms_keys"), 0);
}

TEST(Expiry, WaitsNotForEver) {
  Connected at;
  const std::string key = at.service.NewKey(at.InStore());
  at.service.Call("ScheduleKeyDeletion", {{"KeyId", key}});
  at.service.SetDeletionPatience(std::chrono::milliseconds(0));
  at.service.Restart(false);
  at.service.Sql("UPDATE kms_keys SET deletion_at = 1");
  for (std::size_t i = 0; i < 2; ++i) at.cluster.hsm(i).FailNext(Errc::kUnavailable, 1000);
  at.RunDeletions();
  EXPECT_EQ(at.service.Count("SELECT COUNT(*) FROM kms_keys"), 0);
  EXPECT_EQ(at.cluster.KeysLabelled(Arn(key)).size(), 1u);
}

// A cluster that was made from an older backup gives handles out again that the rows of later keys have.
TEST(ClusterKey, AHandleThatIsAnotherKeysByNowIsNeitherUsedNorDestroyed) {
  Connected at;
  const std::string lost = at.service.NewKey(at.InStore()), living = at.service.NewKey(at.InStore());
  const Bytes blob = at.service.Encrypted(living, "hi");
  ASSERT_EQ(at.cluster.KeysLabelled(Arn(lost)).size(), 1u);
  at.service.Sql(
      "UPDATE kms_keys SET hsm_handle = (SELECT hsm_handle FROM kms_keys WHERE key_id = $1) WHERE key_id = $2",
      {living, lost});
  at.service.Restart(false);
  const Answer used = at.service.Call("Encrypt", {{"KeyId", lost}, {"Plaintext", B64("hi")}});
  EXPECT_EQ(used.type, "KMSInvalidStateException") << used.raw;
  EXPECT_EQ(used.message, "The key's material is no longer in the CloudHSM cluster.");
  at.service.Call("ScheduleKeyDeletion", {{"KeyId", lost}});
  at.service.Sql("UPDATE kms_keys SET deletion_at = 1 WHERE key_id = $1", {lost});
  at.RunDeletions();
  EXPECT_EQ(at.service.Count("SELECT COUNT(*) FROM kms_keys"), 1);
  EXPECT_EQ(at.Decrypt(blob).Text("Plaintext"), B64("hi"));
  EXPECT_EQ(at.cluster.KeysLabelled(Arn(living)).size(), 1u);
}

TEST(Expiry, SparesAKeyThatWasSavedMeanwhile) {
  FakeService service;
  const std::string key = service.NewKey();
  service.Call("ScheduleKeyDeletion", {{"KeyId", key}});
  service.Sql("UPDATE kms_keys SET deletion_at = 1");
  ASSERT_TRUE(service.Call("CancelKeyDeletion", {{"KeyId", key}}).ok());
  service.RunTask(DeleteDueKeys(service.kms()));
  EXPECT_TRUE(service.Call("DescribeKey", {{"KeyId", key}}).ok());
}

}  // namespace
}  // namespace strongroom::kms::testing
