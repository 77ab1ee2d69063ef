// What GetParametersForImport, ImportKeyMaterial and DeleteImportedKeyMaterial take and refuse: spec/kms.md section 5.
#include <gmock/gmock.h>

#include "kms/testing/import_calls.h"

namespace strongroom::kms::testing {
namespace {
namespace json = boost::json;

class ImportRequests : public ImportCalls {};

TEST_F(ImportRequests, RequestsAnswerAsTheRowSays) {
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
      {"AnIdWhenThereHasBeenNone",
       {{"KeyMaterialId", hex}},
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

TEST_F(ImportRequests, ParametersAnswerAsTheRowSays) {
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

TEST_F(ImportRequests, Sm2WrapsWhereItIsSwitchedOn) {
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

// What a client can send in the place of a token or of wrapped material never gets further than its own error.
TEST_F(ImportRequests, DamagedTokensAndMaterialAreRefused) {
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
