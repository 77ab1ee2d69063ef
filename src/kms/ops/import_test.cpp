// Keys with imported material: spec/kms.md section 5, and what sections 2 and 4 say of them.
#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <optional>

#include "crypto/aes_kw.h"
#include "crypto/key_import.h"
#include "crypto/random.h"
#include "kms/keys/imported.h"
#include "kms/testing/fake_service.h"
#include "secret/peek_for_tests.h"

namespace strongroom::kms::testing {
namespace {
namespace json = boost::json;

const json::object kForEver{{"ExpirationModel", "KEY_MATERIAL_DOES_NOT_EXPIRE"}};

SecretBuffer Secret(ByteView bytes) { return SecretBuffer::CopyOf(bytes).value(); }
Bytes Pkcs8(const crypto::PrivateKey& key) {
  const SecretBuffer encoded = key.ToPkcs8().value();
  return ToBytes(secret::Peek::At(encoded));
}
Bytes Bytes32(std::uint8_t value) { return Bytes(32, value); }
std::string ArnOf(const std::string& id, std::string_view region = kRegion) {
  return "arn:aws:kms:" + std::string(region) + ":111122223333:key/" + id;
}
double SecondsFromNow(double seconds) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count() + seconds;
}

Bytes Wrap(const std::string& algorithm, const Bytes& spki, ByteView material) {
  const crypto::WrappingAlgorithm& how = *crypto::FindWrappingAlgorithm(algorithm);
  const auto key = crypto::PublicKey::FromSpki(spki).value();
  if (!how.oaep) return key.EncryptSm2(Secret(material)).value();
  if (!how.aes_key_wrap) return key.EncryptOaep(*how.oaep, {}, Secret(material)).value();
  const SecretBuffer aes = crypto::RandomSecret(32).value();
  Bytes wrapped = key.EncryptOaep(*how.oaep, {}, aes).value();
  Append(wrapped, crypto::AesKeyWrapPadded(aes, Secret(material)).value());
  return wrapped;
}

class Imports : public ::testing::Test {
 protected:
  std::string NewKey(const std::string& spec = "SYMMETRIC_DEFAULT", const std::string& usage = "ENCRYPT_DECRYPT",
                     bool multi_region = false) {
    const Answer made = service.Call(
        "CreateKey", {{"Origin", "EXTERNAL"}, {"KeySpec", spec}, {"KeyUsage", usage}, {"MultiRegion", multi_region}});
    EXPECT_EQ(made.Text("KeyMetadata.KeyState"), "PendingImport") << made.raw;
    return made.Text("KeyMetadata.KeyId");
  }
  Answer Parameters(const std::string& id, const std::string& algorithm = "RSAES_OAEP_SHA_256",
                    const std::string& wrapping = "RSA_2048", std::string_view region = kRegion) {
    return service.Call("GetParametersForImport",
                        {{"KeyId", id}, {"WrappingAlgorithm", algorithm}, {"WrappingKeySpec", wrapping}}, kAccount,
                        region);
  }
  /// A request that imports this material for ever.
  json::object Request(const std::string& id, ByteView material, const std::string& algorithm = "RSAES_OAEP_SHA_256",
                       std::string_view region = kRegion) {
    const Answer parameters = Parameters(id, algorithm, "RSA_2048", region);
    EXPECT_TRUE(parameters.ok()) << parameters.raw;
    json::object request = kForEver;
    request["KeyId"] = id;
    request["ImportToken"] = parameters.Text("ImportToken");
    request["EncryptedKeyMaterial"] = Base64(Wrap(algorithm, FromB64(parameters.Text("PublicKey")), material));
    return request;
  }
  Answer Import(const std::string& id, ByteView material, const json::object& more = {},
                std::string_view region = kRegion) {
    json::object request = Request(id, material, "RSA_AES_KEY_WRAP_SHA_256", region);
    for (const auto& [name, value] : more) {
      if (value.is_null()) {
        request.erase(name);
      } else {
        request[name] = value;
      }
    }
    return service.Call("ImportKeyMaterial", request, kAccount, region);
  }
  std::string Imported(const std::string& id, ByteView material, const json::object& more = {},
                       std::string_view region = kRegion) {
    const Answer answer = Import(id, material, more, region);
    EXPECT_TRUE(answer.ok()) << answer.raw;
    EXPECT_EQ(answer.Text("KeyId"), ArnOf(id, region));
    return answer.Text("KeyMaterialId");
  }
  std::string Metadata(const std::string& id, const std::string& member, std::string_view region = kRegion) {
    return service.Call("DescribeKey", {{"KeyId", id}}, kAccount, region).Text("KeyMetadata." + member);
  }
  std::string State(const std::string& id, std::string_view region = kRegion) {
    return Metadata(id, "KeyState", region);
  }
  Answer Delete(const std::string& id, const std::string& material_id = "", std::string_view region = kRegion) {
    json::object request{{"KeyId", id}};
    if (!material_id.empty()) request["KeyMaterialId"] = material_id;
    return service.Call("DeleteImportedKeyMaterial", request, kAccount, region);
  }
  /// "CURRENT IMPORTED", newest first.
  std::vector<std::string> Materials(const std::string& id, std::string_view region = kRegion) {
    const Answer listed =
        service.Call("ListKeyRotations", {{"KeyId", id}, {"IncludeKeyMaterial", "ALL_KEY_MATERIAL"}}, kAccount, region);
    EXPECT_TRUE(listed.ok()) << listed.raw;
    std::vector<std::string> shown;
    for (const json::value& entry : listed.body.at("Rotations").as_array())
      shown.push_back(std::string(entry.at("KeyMaterialState").as_string()) + " " +
                      std::string(entry.at("ImportState").as_string()));
    return shown;
  }
  std::string Decrypted(const Bytes& blob, std::string_view region = kRegion) {
    const Answer opened = service.Call("Decrypt", {{"CiphertextBlob", Base64(blob)}}, kAccount, region);
    if (!opened.ok()) return opened.type;
    return std::string(AsText(FromB64(opened.Text("Plaintext"))));
  }
  FakeService service;
};

using Strings = std::vector<std::string>;

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

TEST_F(Imports, RequestsAnswerAsTheRowSays) {
  const std::string id = NewKey(), unlike = NewKey(), ours = service.NewKey();
  const json::object good = Request(id, Bytes32(1));
  const std::string wrapped_short = std::string(Request(id, Bytes(31, 1)).at("EncryptedKeyMaterial").as_string());
  const std::string hex(64, 'a');
  struct Row {
    const char* name;
    json::object change;
    std::string type, message;
  };
  const std::string arn = ArnOf(id);
  const Row rows[] = {
      {"NoValidTo",
       {{"ExpirationModel", nullptr}},
       "ValidationException",
       "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES"},
      {"NoValidToSaid",
       {{"ExpirationModel", "KEY_MATERIAL_EXPIRES"}},
       "ValidationException",
       "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES"},
      {"ValidToForEver",
       {{"ValidTo", SecondsFromNow(60)}},
       "ValidationException",
       "A validTo date must not be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE"},
      {"ValidToInThePast",
       {{"ExpirationModel", nullptr}, {"ValidTo", SecondsFromNow(-1)}},
       "ValidationException",
       "The validTo date must be in the future and at most 365 days from now"},
      {"ValidToTooLate",
       {{"ExpirationModel", nullptr}, {"ValidTo", SecondsFromNow(365.0 * 86400 + 60)}},
       "ValidationException",
       "The validTo date must be in the future and at most 365 days from now"},
      {"NewWithAnId",
       {{"ImportType", "NEW_KEY_MATERIAL"}, {"KeyMaterialId", hex}},
       "ValidationException",
       "KeyMaterialId is not valid when ImportType is NEW_KEY_MATERIAL."},
      {"AShortId", {{"KeyMaterialId", "abc"}}, "ValidationException", ""},
      {"ABadDescription", {{"KeyMaterialDescription", "no, commas"}}, "ValidationException", ""},
      {"NoToken", {{"ImportToken", nullptr}}, "ValidationException", ""},
      {"NoMaterial", {{"EncryptedKeyMaterial", nullptr}}, "ValidationException", ""},
      {"EmptyMaterial", {{"EncryptedKeyMaterial", ""}}, "ValidationException", ""},
      {"MaterialTooLong", {{"EncryptedKeyMaterial", B64(std::string(6145, 'x'))}}, "ValidationException", ""},
      {"TokenNotBase64", {{"ImportToken", "???"}}, "SerializationException", ""},
      {"NoSuchModel", {{"ExpirationModel", "NEVER"}}, "ValidationException", ""},
      {"ExistingOfNone", {{"ImportType", "EXISTING_KEY_MATERIAL"}}, "IncorrectKeyMaterialException", ""},
      {"GarbageForAToken",
       {{"ImportToken", B64("garbage")}},
       "InvalidImportTokenException",
       "The import token is not valid for " + arn + "."},
      {"AnotherKeysToken",
       {{"ImportToken", Parameters(unlike).Text("ImportToken")}},
       "InvalidImportTokenException",
       "The import token is not valid for " + arn + "."},
      {"AnotherAlgorithmsToken",
       {{"ImportToken", Parameters(id, "RSAES_OAEP_SHA_1").Text("ImportToken")}},
       "InvalidCiphertextException",
       ""},
      {"GarbageForMaterial", {{"EncryptedKeyMaterial", B64(std::string(256, 'x'))}}, "InvalidCiphertextException", ""},
      {"ShortMaterial",
       {{"EncryptedKeyMaterial", wrapped_short}},
       "IncorrectKeyMaterialException",
       "The key material is not of the form that key spec SYMMETRIC_DEFAULT takes."},
      {"OurOwnKey",
       {{"KeyId", ours}},
       "UnsupportedOperationException",
       ArnOf(ours) + " origin is AWS_KMS which is not valid for this operation."},
      {"AnAlias", {{"KeyId", "alias/x"}}, "ValidationException", ""},
      {"NoSuchKey",
       {{"KeyId", "134f2428-cec1-4b25-a1ae-9048164dba47"}},
       "NotFoundException",
       "Key '" + ArnOf("134f2428-cec1-4b25-a1ae-9048164dba47") + "' does not exist"}};
  for (const Row& row : rows) {
    json::object request = good;
    for (const auto& [name, value] : row.change) request[name] = value;
    const Answer answer = service.Call("ImportKeyMaterial", request);
    if (std::string(row.name) == "AnAlias") {
      EXPECT_FALSE(answer.ok()) << answer.raw;
      continue;
    }
    EXPECT_EQ(answer.type, row.type) << row.name << answer.raw;
    if (!row.message.empty()) {
      EXPECT_EQ(answer.message, row.message) << row.name;
    }
    EXPECT_EQ(State(id), "PendingImport") << row.name;
  }
  service.domain_hsm().FailNext(Errc::kExpiredImportToken);
  EXPECT_EQ(service.Call("ImportKeyMaterial", good).type, "ExpiredImportTokenException");
  EXPECT_TRUE(service.Call("ImportKeyMaterial", good).ok());
  EXPECT_TRUE(service.Call("ImportKeyMaterial", good).ok()) << "a token may be used again";
}

TEST_F(Imports, ParametersAnswerAsTheRowSays) {
  const std::string id = NewKey(), rsa = NewKey("RSA_2048", "SIGN_VERIFY"),
                    p521 = NewKey("ECC_NIST_P521", "SIGN_VERIFY"), ours = service.NewKey();
  const struct {
    std::string key, algorithm, wrapping, type;
  } rows[] = {{id, "RSAES_OAEP_SHA_1", "RSA_3072", ""},
              {id, "RSA_AES_KEY_WRAP_SHA_1", "RSA_4096", ""},
              {id, "RSAES_PKCS1_V1_5", "RSA_2048", "UnsupportedOperationException"},
              {id, "SM2PKE", "SM2", "UnsupportedOperationException"},
              {id, "RSAES_OAEP_SHA_256", "SM2", "UnsupportedOperationException"},
              {id, "SM2PKE", "RSA_2048", "UnsupportedOperationException"},
              {id, "RSAES_OAEP_SHA_256", "RSA_1024", "ValidationException"},
              {id, "OAEP", "RSA_2048", "ValidationException"},
              {rsa, "RSAES_OAEP_SHA_256", "RSA_4096", "UnsupportedOperationException"},
              {rsa, "RSA_AES_KEY_WRAP_SHA_256", "RSA_2048", ""},
              {p521, "RSAES_OAEP_SHA_256", "RSA_2048", "UnsupportedOperationException"},
              {p521, "RSAES_OAEP_SHA_256", "RSA_3072", ""},
              {ours, "RSAES_OAEP_SHA_256", "RSA_2048", "UnsupportedOperationException"}};
  for (const auto& row : rows) {
    const Answer answer = Parameters(row.key, row.algorithm, row.wrapping);
    EXPECT_EQ(answer.type, row.type) << row.algorithm << row.wrapping << answer.raw;
    if (!answer.ok()) continue;
    EXPECT_EQ(answer.Text("KeyId"), ArnOf(row.key));
    const auto public_key = crypto::PublicKey::FromSpki(FromB64(answer.Text("PublicKey")));
    ASSERT_TRUE(public_key.ok());
    EXPECT_EQ("RSA_" + std::to_string(public_key->RsaModulus().size() * 8), row.wrapping);
    EXPECT_NEAR(std::stod(answer.Text("ParametersValidTo")), SecondsFromNow(24 * 3600), 60);
    EXPECT_LE(FromB64(answer.Text("ImportToken")).size(), 6144U);
  }
  EXPECT_EQ(Parameters(ours).message, ArnOf(ours) + " origin is AWS_KMS which is not valid for this operation.");
  EXPECT_EQ(Delete(ours).message, ArnOf(ours) + " origin is AWS_KMS which is not valid for this operation.");
  EXPECT_EQ(Delete(id, std::string(64, 'a')).type, "NotFoundException");
  ASSERT_TRUE(service.Call("ScheduleKeyDeletion", {{"KeyId", ours}}).ok());
  EXPECT_EQ(Delete(ours).type, "UnsupportedOperationException") << "origin before state";
}

TEST_F(Imports, Sm2WrapsWhereItIsSwitchedOn) {
  service.RestartWithSm2();
  const std::string id = NewKey();
  const Answer parameters = Parameters(id, "SM2PKE", "SM2");
  ASSERT_TRUE(parameters.ok()) << parameters.raw;
  json::object request = kForEver;
  request["KeyId"] = id;
  request["ImportToken"] = parameters.Text("ImportToken");
  request["EncryptedKeyMaterial"] = Base64(Wrap("SM2PKE", FromB64(parameters.Text("PublicKey")), Bytes32(1)));
  EXPECT_TRUE(service.Call("ImportKeyMaterial", request).ok());
  EXPECT_EQ(State(id), "Enabled");
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

// What a client can send in the place of a token or of wrapped material never gets further than its own error.
TEST_F(Imports, DamagedTokensAndMaterialAreRefused) {
  const std::string id = NewKey();
  json::object good = Request(id, Bytes32(1), "RSA_AES_KEY_WRAP_SHA_256");
  const Bytes token = FromB64(std::string(good.at("ImportToken").as_string()));
  const Bytes wrapped = FromB64(std::string(good.at("EncryptedKeyMaterial").as_string()));
  std::size_t tried = 0;
  const auto attempt = [&](const char* member, const Bytes& original, const char* want) {
    for (std::size_t at = 0; at < original.size(); at += original.size() / 24 + 1) {
      for (int kind = 0; kind < 3; ++kind) {
        Bytes bad = original;
        if (kind == 0) bad[at] ^= 0x41;
        if (kind == 1) bad.resize(std::max<std::size_t>(at, 1));
        if (kind == 2) bad.insert(bad.begin() + static_cast<std::ptrdiff_t>(at), std::uint8_t{0});
        json::object request = good;
        request[member] = Base64(bad);
        const Answer answer = service.Call("ImportKeyMaterial", request);
        EXPECT_EQ(answer.type, want) << member << " " << at << " " << kind;
        ++tried;
      }
    }
  };
  attempt("ImportToken", token, "InvalidImportTokenException");
  attempt("EncryptedKeyMaterial", wrapped, "InvalidCiphertextException");
  EXPECT_GT(tried, 100U);
  EXPECT_EQ(State(id), "PendingImport");
  EXPECT_TRUE(service.Call("ImportKeyMaterial", good).ok());
}

}  // namespace
}  // namespace strongroom::kms::testing
