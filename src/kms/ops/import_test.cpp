// Keys with imported material in their life: spec/kms.md section 5, and what sections 2 and 4 say of them.
#include <gmock/gmock.h>

#include <optional>

#include "kms/keys/imported.h"
#include "kms/testing/import_calls.h"

namespace strongroom::kms::testing {
namespace {
namespace json = boost::json;

class Imports : public ImportCalls {};

TEST_F(Imports, KeysOfEverySpecWaitForTheirMaterialAndThenWork) {
  service.RestartWithSm2();
  for (const crypto::KmsSpec& spec : crypto::AllKmsSpecs()) {
    SCOPED_TRACE(std::string(spec.name));
    const std::string name(spec.name);
    const std::string usage = spec.Allows(crypto::KmsUsage::kSignVerify)       ? "SIGN_VERIFY"
                              : spec.Allows(crypto::KmsUsage::kEncryptDecrypt) ? "ENCRYPT_DECRYPT"
                                                                               : "GENERATE_VERIFY_MAC";
    if (spec.pair && crypto::IsMlDsa(*spec.pair)) {
      const Answer refused =
          service.Call("CreateKey", {{"Origin", "EXTERNAL"}, {"KeySpec", name}, {"KeyUsage", usage}});
      EXPECT_EQ(refused.type, "UnsupportedOperationException");
      continue;
    }
    const std::string id = NewKey(name, usage);
    EXPECT_EQ(Metadata(id, "Origin"), "EXTERNAL");
    EXPECT_EQ(Metadata(id, "Enabled"), "false");
    for (const char* absent : {"ExpirationModel", "ValidTo", "CurrentKeyMaterialId"})
      EXPECT_EQ(Metadata(id, absent), "") << absent;
    std::optional<crypto::PrivateKey> pair;
    Bytes material(spec.secret_bytes, 7);
    if (spec.pair) {
      pair = crypto::PrivateKey::Generate(*spec.pair).value();
      material = Pkcs8(*pair);
    }
    const std::string material_id = Imported(id, material);
    EXPECT_THAT(material_id, ::testing::MatchesRegex("[0-9a-f]{64}"));
    EXPECT_EQ(State(id), "Enabled");
    EXPECT_EQ(Metadata(id, "ExpirationModel"), "KEY_MATERIAL_DOES_NOT_EXPIRE");
    EXPECT_EQ(Metadata(id, "CurrentKeyMaterialId"), name == "SYMMETRIC_DEFAULT" ? material_id : "");
    if (pair) {
      const Answer got = service.Call("GetPublicKey", {{"KeyId", id}});
      EXPECT_EQ(FromB64(got.Text("PublicKey")), pair->public_key().ToSpki());
      const std::string algorithm = spec.AlgorithmsFor(crypto::KmsUsage::kSignVerify).front();
      const Answer made = service.Call("Sign", {{"KeyId", id}, {"Message", B64("m")}, {"SigningAlgorithm", algorithm}});
      ASSERT_TRUE(made.ok()) << made.raw;
      EXPECT_TRUE(pair->public_key()
                      .Verify(*crypto::FindKmsAlgorithm(algorithm)->scheme, crypto::MessageForm::kRaw, AsBytes("m"),
                              FromB64(made.Text("Signature")))
                      .ok());
    } else if (usage == "ENCRYPT_DECRYPT") {
      EXPECT_EQ(Decrypted(service.Encrypted(id, "hello")), "hello");
    } else {
      const std::string algorithm = spec.AlgorithmsFor(crypto::KmsUsage::kGenerateVerifyMac).front();
      const Answer made =
          service.Call("GenerateMac", {{"KeyId", id}, {"Message", B64("m")}, {"MacAlgorithm", algorithm}});
      EXPECT_EQ(FromB64(made.Text("Mac")),
                crypto::Hmac(*crypto::FindKmsAlgorithm(algorithm)->digest, Secret(material), {AsBytes("m")}));
    }
    EXPECT_TRUE(Delete(id).ok());
    EXPECT_EQ(State(id), "PendingImport");
    EXPECT_EQ(Imported(id, material), material_id);
    EXPECT_EQ(State(id), "Enabled");
  }
}

TEST_F(Imports, CiphertextSurvivesDeletionAndReimport) {
  const std::string id = NewKey();
  const std::string material_id = Imported(id, Bytes32(1));
  const Bytes blob = service.Encrypted(id, "kept");
  const Answer deleted = Delete(id);
  EXPECT_EQ(deleted.Text("KeyId"), ArnOf(id));
  EXPECT_EQ(deleted.Text("KeyMaterialId"), material_id);
  EXPECT_EQ(Delete(id).Text("KeyMaterialId"), "") << "nothing is there any more";
  EXPECT_TRUE(Delete(id).ok());
  EXPECT_EQ(Metadata(id, "ExpirationModel"), "");
  EXPECT_EQ(Metadata(id, "CurrentKeyMaterialId"), material_id);
  const Answer refused = service.Call("Decrypt", {{"CiphertextBlob", Base64(blob)}});
  EXPECT_EQ(refused.type, "KMSInvalidStateException");
  EXPECT_EQ(refused.message, ArnOf(id) + " is pending import.");
  EXPECT_EQ(Materials(id), (Strings{"CURRENT PENDING_IMPORT"}));
  EXPECT_EQ(service.Count("SELECT COUNT(*) FROM kms_materials WHERE token IS NOT NULL"), 0) << "it is gone";

  const Answer other = Import(id, Bytes32(2));
  EXPECT_EQ(other.type, "IncorrectKeyMaterialException") << other.raw;
  EXPECT_EQ(State(id), "PendingImport");
  EXPECT_EQ(Imported(id, Bytes32(1)), material_id);
  EXPECT_EQ(Decrypted(blob), "kept");
}

TEST_F(Imports, AKeyHasOneKindOfMaterialForEver) {
  const std::string id = NewKey("ECC_NIST_P256", "SIGN_VERIFY");
  const auto pair = crypto::PrivateKey::Generate(crypto::KeySpec::kP256).value();
  const Bytes first = Pkcs8(pair);
  const std::string material_id = Imported(id, first);
  const std::string public_key = service.Call("GetPublicKey", {{"KeyId", id}}).Text("PublicKey");
  const Bytes second = Pkcs8(crypto::PrivateKey::Generate(crypto::KeySpec::kP256).value());
  EXPECT_EQ(Import(id, second).type, "IncorrectKeyMaterialException");
  const Answer fresh = Import(id, second, {{"ImportType", "NEW_KEY_MATERIAL"}});
  EXPECT_EQ(fresh.type, "UnsupportedOperationException") << fresh.raw;
  ASSERT_TRUE(Delete(id).ok());
  EXPECT_EQ(Import(id, second).type, "IncorrectKeyMaterialException");
  EXPECT_EQ(service.Call("GetPublicKey", {{"KeyId", id}}).type, "KMSInvalidStateException");
  EXPECT_EQ(Imported(id, first), material_id);
  EXPECT_EQ(service.Call("GetPublicKey", {{"KeyId", id}}).Text("PublicKey"), public_key);
}

TEST_F(Imports, ReimportChangesExpiryAndDescription) {
  const std::string id = NewKey();
  const double later = SecondsFromNow(3600);
  const std::string material_id =
      Imported(id, Bytes32(1),
               {{"ExpirationModel", nullptr}, {"ValidTo", later}, {"KeyMaterialDescription", "from the safe: no_1"}});
  EXPECT_EQ(Metadata(id, "ExpirationModel"), "KEY_MATERIAL_EXPIRES");
  EXPECT_NEAR(std::stod(Metadata(id, "ValidTo")), later, 0.01);
  const auto shown = [&](const char* member) {
    const Answer listed = service.Call("ListKeyRotations", {{"KeyId", id}, {"IncludeKeyMaterial", "ALL_KEY_MATERIAL"}});
    const json::object& only = listed.body.at("Rotations").as_array().at(0).as_object();
    return only.contains(member) ? std::string(only.at(member).as_string()) : std::string("-");
  };
  EXPECT_EQ(shown("KeyMaterialDescription"), "from the safe: no_1");
  EXPECT_EQ(shown("ExpirationModel"), "KEY_MATERIAL_EXPIRES");
  EXPECT_EQ(Imported(id, Bytes32(1), {{"KeyMaterialId", material_id}, {"ImportType", "EXISTING_KEY_MATERIAL"}}),
            material_id);
  EXPECT_EQ(shown("KeyMaterialDescription"), "from the safe: no_1") << "kept";
  EXPECT_EQ(shown("ExpirationModel"), "KEY_MATERIAL_DOES_NOT_EXPIRE");
  EXPECT_EQ(Metadata(id, "ValidTo"), "");
}

TEST_F(Imports, ExpiryCountsAtUseAndIsCarriedOut) {
  const std::string id = NewKey(), other = NewKey();
  Imported(id, Bytes32(1), {{"ExpirationModel", "KEY_MATERIAL_EXPIRES"}, {"ValidTo", SecondsFromNow(3600)}});
  Imported(other, Bytes32(1), {{"ExpirationModel", "KEY_MATERIAL_EXPIRES"}, {"ValidTo", SecondsFromNow(3600)}});
  const Bytes blob = service.Encrypted(id, "kept");
  service.Sql("UPDATE kms_materials SET valid_to = 1000 WHERE key_id = $1", {store::Text(id)});
  EXPECT_EQ(State(id), "PendingImport") << "before anything has been removed";
  EXPECT_EQ(service.Call("Encrypt", {{"KeyId", id}, {"Plaintext", B64("p")}}).type, "KMSInvalidStateException");
  service.RunTask(ExpireMaterials(service.kms()));
  EXPECT_EQ(
      service.Count("SELECT COUNT(*) FROM kms_materials WHERE token IS NOT NULL AND key_id = $1", {store::Text(id)}),
      0);
  EXPECT_EQ(State(id), "PendingImport");
  EXPECT_EQ(State(other), "Enabled") << "its time has not come";
  EXPECT_EQ(Materials(id), (Strings{"CURRENT PENDING_IMPORT"}));
  Imported(id, Bytes32(1));
  EXPECT_EQ(Decrypted(blob), "kept");
}

TEST_F(Imports, PendingDeletionStaysAndThenShowsWhatIsMissing) {
  const std::string id = NewKey();
  Imported(id, Bytes32(1));
  ASSERT_TRUE(service.Call("ScheduleKeyDeletion", {{"KeyId", id}}).ok());
  EXPECT_EQ(Parameters(id).message, ArnOf(id) + " is pending deletion.");
  ASSERT_TRUE(Delete(id).ok());
  EXPECT_EQ(State(id), "PendingDeletion");
  ASSERT_TRUE(service.Call("CancelKeyDeletion", {{"KeyId", id}}).ok());
  EXPECT_EQ(State(id), "PendingImport");
  EXPECT_EQ(service.Call("EnableKey", {{"KeyId", id}}).message, ArnOf(id) + " is pending import.");
  Imported(id, Bytes32(1));
  EXPECT_EQ(State(id), "Enabled");
  ASSERT_TRUE(service.Call("DisableKey", {{"KeyId", id}}).ok());
  Imported(id, Bytes32(1));
  EXPECT_EQ(State(id), "Disabled") << "its material was there all the time";
}

TEST_F(Imports, NewMaterialWaitsForItsRotation) {
  const std::string id = NewKey();
  const std::string first = Imported(id, Bytes32(1));
  const Bytes old_blob = service.Encrypted(id, "old");
  EXPECT_EQ(Import(id, Bytes32(1), {{"ImportType", "NEW_KEY_MATERIAL"}}).type, "IncorrectKeyMaterialException");
  const std::string second = Imported(id, Bytes32(2), {{"ImportType", "NEW_KEY_MATERIAL"}});
  EXPECT_NE(second, first);
  EXPECT_EQ(Metadata(id, "CurrentKeyMaterialId"), first);
  EXPECT_EQ(Materials(id), (Strings{"PENDING_ROTATION IMPORTED", "CURRENT IMPORTED"}));
  const Answer third = Import(id, Bytes32(3), {{"ImportType", "NEW_KEY_MATERIAL"}});
  EXPECT_EQ(third.type, "KMSInvalidStateException");
  EXPECT_THAT(third.message, ::testing::MatchesRegex(
                                 "New key material \\(id: [0-9a-f]+\\) cannot be imported into KMS key " + ArnOf(id) +
                                 ", because another key material \\(id: " + second + "\\) is pending rotation."));
  ASSERT_TRUE(service.Call("RotateKeyOnDemand", {{"KeyId", id}}).ok());
  EXPECT_EQ(Metadata(id, "CurrentKeyMaterialId"), second);
  EXPECT_EQ(Materials(id), (Strings{"CURRENT IMPORTED", "NON_CURRENT IMPORTED"}));
  EXPECT_EQ(Decrypted(old_blob), "old");
  const Bytes new_blob = service.Encrypted(id, "new");

  // Any permanent material that is missing stops the whole key.
  EXPECT_EQ(Delete(id, first).Text("KeyMaterialId"), first);
  EXPECT_EQ(State(id), "PendingImport");
  EXPECT_EQ(Decrypted(new_blob), "KMSInvalidStateException");
  EXPECT_EQ(Imported(id, Bytes32(1), {{"KeyMaterialId", first}}), first);
  EXPECT_EQ(State(id), "Enabled");
  EXPECT_EQ(Decrypted(old_blob) + Decrypted(new_blob), "oldnew");
  EXPECT_EQ(Import(id, Bytes32(1), {{"KeyMaterialId", second}}).type, "IncorrectKeyMaterialException");

  // One that waits can be lost without harm, and is then forgotten.
  const std::string fourth = Imported(id, Bytes32(4), {{"ImportType", "NEW_KEY_MATERIAL"}});
  EXPECT_EQ(Delete(id, fourth).Text("KeyMaterialId"), fourth);
  EXPECT_EQ(State(id), "Enabled");
  EXPECT_EQ(Materials(id).size(), 2U);
  const Answer none = service.Call("RotateKeyOnDemand", {{"KeyId", id}});
  EXPECT_EQ(none.type, "KMSInvalidStateException");
  EXPECT_EQ(none.message, "No available key material pending rotation for the key: " + ArnOf(id) + ".");
}

/// What is seen and done after the end of a material's time is the same before and after it has been removed.
class ExpiredWhileItWaits : public ImportCalls, public ::testing::WithParamInterface<bool> {
 protected:
  void Expire(const std::string& id, const std::string& material_id, std::string_view region = kRegion) {
    service.Sql("UPDATE kms_materials SET valid_to = 1000 WHERE key_id = $1 AND material_id = $2 AND region = $3",
                {store::Text(id), store::Text(material_id), store::Text(region)});
    if (GetParam()) service.RunTask(ExpireMaterials(service.kms()));
    EXPECT_EQ(service.Count("SELECT COUNT(*) FROM kms_materials WHERE token IS NULL"), GetParam() ? 1 : 0);
  }
  const json::object new_material_{{"ImportType", "NEW_KEY_MATERIAL"}};
};
INSTANTIATE_TEST_SUITE_P(Imports, ExpiredWhileItWaits, ::testing::Bool(),
                         [](const auto& row) { return row.param ? "Removed" : "NotRemovedYet"; });

TEST_P(ExpiredWhileItWaits, TheSameMaterialComesBack) {
  const std::string id = NewKey();
  Imported(id, Bytes32(1));
  const std::string second = Imported(id, Bytes32(2), new_material_);
  Expire(id, second);
  EXPECT_EQ(State(id), "Enabled");
  EXPECT_EQ(Materials(id), (Strings{"PENDING_ROTATION PENDING_IMPORT", "CURRENT IMPORTED"}));
  EXPECT_EQ(service.Call("RotateKeyOnDemand", {{"KeyId", id}}).type, "KMSInvalidStateException");
  const Answer other = Import(id, Bytes32(3), new_material_);
  EXPECT_EQ(other.type, "KMSInvalidStateException") << other.raw;
  EXPECT_THAT(other.message, ::testing::HasSubstr("(id: " + second + ") is pending rotation"));
  EXPECT_EQ(Import(id, Bytes32(2), new_material_).type, "IncorrectKeyMaterialException");
  EXPECT_EQ(Imported(id, Bytes32(2), {{"KeyMaterialId", second}}), second);
  EXPECT_EQ(Materials(id), (Strings{"PENDING_ROTATION IMPORTED", "CURRENT IMPORTED"}));
  ASSERT_TRUE(service.Call("RotateKeyOnDemand", {{"KeyId", id}}).ok());
  EXPECT_EQ(Metadata(id, "CurrentKeyMaterialId"), second);
}

TEST_P(ExpiredWhileItWaits, OtherMaterialTakesItsPlaceOnceItIsDeleted) {
  const std::string id = NewKey();
  Imported(id, Bytes32(1));
  const std::string second = Imported(id, Bytes32(2), new_material_);
  Expire(id, second);
  ASSERT_TRUE(Delete(id, second).ok());
  EXPECT_EQ(Materials(id), (Strings{"CURRENT IMPORTED"}));
  EXPECT_NE(Imported(id, Bytes32(3), new_material_), second);
}

TEST_P(ExpiredWhileItWaits, EveryRegionShowsThatOneDoesNotHaveIt) {
  const std::string waits = "PENDING_MULTI_REGION_IMPORT_AND_ROTATION ";
  for (const std::string_view region : {kRegion, kOtherRegion}) {
    SCOPED_TRACE(region);
    const std::string_view other = region == kRegion ? kOtherRegion : kRegion;
    service.Sql("DELETE FROM kms_materials");
    const std::string id = NewKey("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", true);
    Imported(id, Bytes32(1));
    ASSERT_TRUE(service.Call("ReplicateKey", {{"KeyId", id}, {"ReplicaRegion", kOtherRegion}}).ok());
    service.RunTask(EndTransitions(service.kms()));
    Imported(id, Bytes32(1), {}, kOtherRegion);
    const std::string second = Imported(id, Bytes32(2), new_material_);
    Imported(id, Bytes32(2), {}, kOtherRegion);
    ASSERT_EQ(Materials(id), (Strings{"PENDING_ROTATION IMPORTED", "CURRENT IMPORTED"}));
    Expire(id, second, region);
    EXPECT_EQ(Materials(id, region), (Strings{waits + "PENDING_IMPORT", "CURRENT IMPORTED"}));
    EXPECT_EQ(Materials(id, other), (Strings{waits + "IMPORTED", "CURRENT IMPORTED"}));
    EXPECT_EQ(service.Call("RotateKeyOnDemand", {{"KeyId", id}}).type, "KMSInvalidStateException");
    EXPECT_EQ(Imported(id, Bytes32(2), {}, region), second);
    for (const std::string_view in : {region, other})
      EXPECT_EQ(Materials(id, in), (Strings{"PENDING_ROTATION IMPORTED", "CURRENT IMPORTED"})) << in;
    ASSERT_TRUE(service.Call("RotateKeyOnDemand", {{"KeyId", id}}).ok());
  }
}

TEST_F(Imports, MultiRegionKeysTakeTheSameMaterialInEachRegion) {
  const std::string id = NewKey("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", true);
  const std::string first = Imported(id, Bytes32(1));
  const Bytes blob = service.Encrypted(id, "shared");
  ASSERT_TRUE(service.Call("ReplicateKey", {{"KeyId", id}, {"ReplicaRegion", kOtherRegion}}).ok());
  service.RunTask(EndTransitions(service.kms()));
  EXPECT_EQ(State(id, kOtherRegion), "PendingImport");
  EXPECT_EQ(Metadata(id, "CurrentKeyMaterialId", kOtherRegion), first);
  EXPECT_EQ(Import(id, Bytes32(2), {}, kOtherRegion).type, "IncorrectKeyMaterialException");
  EXPECT_EQ(Import(id, Bytes32(2), {{"ImportType", "NEW_KEY_MATERIAL"}}, kOtherRegion).type,
            "UnsupportedOperationException");
  json::object foreign = Request(id, Bytes32(1));
  EXPECT_EQ(service.Call("ImportKeyMaterial", foreign, kAccount, kOtherRegion).type, "InvalidImportTokenException")
      << "a token is of one Region";
  EXPECT_EQ(Imported(id, Bytes32(1), {{"ExpirationModel", "KEY_MATERIAL_EXPIRES"}, {"ValidTo", SecondsFromNow(600)}},
                     kOtherRegion),
            first);
  EXPECT_EQ(Decrypted(blob, kOtherRegion), "shared");
  EXPECT_EQ(Metadata(id, "ExpirationModel", kOtherRegion), "KEY_MATERIAL_EXPIRES");
  EXPECT_EQ(Metadata(id, "ExpirationModel"), "KEY_MATERIAL_DOES_NOT_EXPIRE");

  // A second one: the primary first, then everywhere, then the rotation.
  const std::string second = Imported(id, Bytes32(2), {{"ImportType", "NEW_KEY_MATERIAL"}});
  const std::string waits = "PENDING_MULTI_REGION_IMPORT_AND_ROTATION ";
  EXPECT_EQ(Materials(id), (Strings{waits + "IMPORTED", "CURRENT IMPORTED"}));
  EXPECT_EQ(Materials(id, kOtherRegion), (Strings{waits + "PENDING_IMPORT", "CURRENT IMPORTED"}));
  EXPECT_EQ(service.Call("RotateKeyOnDemand", {{"KeyId", id}}).type, "KMSInvalidStateException");
  EXPECT_EQ(Imported(id, Bytes32(2), {}, kOtherRegion), second);
  EXPECT_EQ(Materials(id), (Strings{"PENDING_ROTATION IMPORTED", "CURRENT IMPORTED"}));
  EXPECT_EQ(Materials(id, kOtherRegion), (Strings{"PENDING_ROTATION IMPORTED", "CURRENT IMPORTED"}));
  EXPECT_EQ(Delete(id, second, kOtherRegion).Text("KeyMaterialId"), second);
  EXPECT_EQ(Materials(id), (Strings{waits + "IMPORTED", "CURRENT IMPORTED"})) << "it waits again";
  EXPECT_EQ(Imported(id, Bytes32(2), {}, kOtherRegion), second);
  ASSERT_TRUE(service.Call("RotateKeyOnDemand", {{"KeyId", id}}).ok());
  EXPECT_EQ(Metadata(id, "CurrentKeyMaterialId", kOtherRegion), second);
  EXPECT_EQ(Decrypted(service.Encrypted(id, "after"), kOtherRegion), "after");

  // Deleting is local, but a pending one goes with the primary's.
  const std::string third = Imported(id, Bytes32(3), {{"ImportType", "NEW_KEY_MATERIAL"}});
  EXPECT_EQ(Delete(id, third).Text("KeyMaterialId"), third);
  EXPECT_EQ(Materials(id, kOtherRegion).size(), 2U);
  EXPECT_EQ(Delete(id, first, kOtherRegion).Text("KeyMaterialId"), first);
  EXPECT_EQ(State(id, kOtherRegion), "PendingImport");
  EXPECT_EQ(State(id), "Enabled");
  EXPECT_EQ(Decrypted(blob), "shared");
}

}  // namespace
}  // namespace strongroom::kms::testing
