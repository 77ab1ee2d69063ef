// Keys in an external key store: making and using them (spec/kms.md 7.9, 7.10).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "kms/xks/external_store_for_tests.h"
#include "xks_protocol/errors.h"
#include "xks_protocol/limits.h"

namespace strongroom::kms::testing {
namespace {
namespace json = boost::json;
using ::testing::HasSubstr;
using ::testing::Not;
using Kit = ExternalStoreKit;
using Script = xks::testing::FakeProxy::Script;
using xks::ErrorName;

Script Named(ErrorName error) { return {xks::FormOf(error).http_status, xks::WriteError(error, "its own words")}; }
json::object Decrypting(const Bytes& blob, json::object context = {}) {
  json::object body{{"CiphertextBlob", Base64(blob)}};
  if (!context.empty()) body["EncryptionContext"] = std::move(context);
  return body;
}

TEST(ExternalKey, IsShownWithItsExternalKey) {
  Kit kit;
  const std::string store = kit.ConnectedStore();
  kit.proxy.SetKey("hsm.key_1-A");
  kit.proxy.TakeSeen();
  const Answer made = kit.service.Call("CreateKey", Kit::KeyRequest(store, "hsm.key_1-A"));
  ASSERT_TRUE(made.ok()) << made.raw;
  json::object shown = made.body.at("KeyMetadata").as_object();
  EXPECT_EQ(shown.at("Origin"), "EXTERNAL_KEY_STORE");
  EXPECT_EQ(shown.at("KeyState"), "Enabled");
  EXPECT_EQ(shown.at("CustomKeyStoreId"), json::value(store));
  EXPECT_EQ(shown.at("XksKeyConfiguration"), json::value({{"Id", "hsm.key_1-A"}}));
  EXPECT_FALSE(shown.contains("CurrentKeyMaterialId"));
  EXPECT_FALSE(shown.contains("CloudHsmClusterId"));
  const auto seen = kit.proxy.TakeSeen();
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].target, "/prefix/kms/xks/v1/keys/hsm.key_1-A/metadata");
  EXPECT_THAT(seen[0].body, HasSubstr("\"kmsOperation\":\"CreateKey\""));
  EXPECT_THAT(seen[0].body, HasSubstr("\"awsPrincipalArn\":\"arn:aws:iam::111122223333:root\""));
  EXPECT_THAT(seen[0].body, Not(HasSubstr("kmsKeyArn")));
  const Answer again = kit.service.Call("CreateKey", Kit::KeyRequest(store, "hsm.key_1-A"));
  EXPECT_EQ(again.type, "XksKeyAlreadyInUseException") << again.raw;
  EXPECT_EQ(kit.service.Count("SELECT COUNT(*) FROM kms_keys"), 1);
}

struct CreateRow {
  std::string name;
  std::function<void(Kit&, json::object&)> change;
  std::string type, part_of_text;
};
void PrintTo(const CreateRow& row, std::ostream* out) { *out << row.name; }
CreateRow Shows(const std::string& name, xks::KeyMetadataAnswer shown, const std::string& text) {
  return {name, [shown](Kit& kit, json::object&) { kit.proxy.SetKey("key-1", shown); },
          "XksKeyInvalidConfigurationException", text};
}
CreateRow Told(const std::string& name, Script script, const std::string& type, const std::string& text) {
  return {name, [script](Kit& kit, json::object&) { kit.proxy.AnswerNext({script}); }, type, text};
}
const CreateRow kCreateRows[] = {
    {"NoXksKeyId", [](Kit&, json::object& b) { b.erase("XksKeyId"); }, "ValidationException", "XksKeyId is required"},
    {"NoStore", [](Kit&, json::object& b) { b.erase("CustomKeyStoreId"); }, "ValidationException",
     "CustomKeyStoreId is required"},
    {"OtherPath", [](Kit&, json::object& b) { b["XksKeyId"] = ".."; }, "ValidationException", "XksKeyId"},
    {"Slash", [](Kit&, json::object& b) { b["XksKeyId"] = "a/b"; }, "ValidationException", "xksKeyId"},
    {"UnknownStore", [](Kit&, json::object& b) { b["CustomKeyStoreId"] = "cks-0123456789abcdef0"; },
     "CustomKeyStoreNotFoundException", ""},
    {"MultiRegion", [](Kit&, json::object& b) { b["MultiRegion"] = true; }, "UnsupportedOperationException", ""},
    {"Asymmetric",
     [](Kit&, json::object& b) {
       b["KeySpec"] = "RSA_2048";
       b["KeyUsage"] = "SIGN_VERIFY";
     },
     "UnsupportedOperationException", ""},
    {"CloudHsmKeyInIt",
     [](Kit&, json::object& b) {
       b["Origin"] = "AWS_CLOUDHSM";
       b.erase("XksKeyId");
     },
     "UnsupportedOperationException", "not of type AWS_CLOUDHSM"},
    {"InACloudHsmStore",
     [](Kit& kit, json::object& b) {
       kit.service.MakeCluster();
       b["CustomKeyStoreId"] = kit.service.NewStore("of-a-cluster");
     },
     "UnsupportedOperationException", "not of type EXTERNAL_KEY_STORE"},
    {"Disconnected",
     [](Kit& kit, json::object& b) { kit.service.Disconnect(std::string(b["CustomKeyStoreId"].as_string())); },
     "CustomKeyStoreInvalidStateException", ""},
    {"UnknownKey", [](Kit& kit, json::object&) { kit.proxy.RemoveKey("key-1"); }, "XksKeyNotFoundException",
     "could not find the external key"},
    Shows("OtherSpec", {"AES_128", {"ENCRYPT", "DECRYPT"}, "ENABLED"},
          "The key spec of the external key must be AES_256. The key spec of specified external key is AES_128."),
    Shows("NotEnabled", {"AES_256", {"ENCRYPT", "DECRYPT"}, "DISABLED"},
          "The status of the external key must be ENABLED. The status of specified external key is DISABLED."),
    Shows(
        "NoDecrypt", {"AES_256", {"ENCRYPT", "WRAP"}, "ENABLED"},
        "The key usage of the external key must include ENCRYPT and DECRYPT. The key use of specified external key is "
        "ENCRYPT, WRAP."),
    Told("InvalidState", Named(ErrorName::kInvalidState), "XksKeyInvalidConfigurationException", "is not enabled"),
    Told("InvalidKeyUsage", Named(ErrorName::kInvalidKeyUsage), "XksKeyInvalidConfigurationException",
         "does not support the requested operation"),
    Told("BadCredential", Named(ErrorName::kAuthenticationFailed), "CustomKeyStoreInvalidStateException",
         "could not authenticate"),
    Told("AccessDenied", Named(ErrorName::kAccessDenied), "CustomKeyStoreInvalidStateException", "denied access"),
    Told("Unsupported", Named(ErrorName::kUnsupportedOperation), "UnsupportedOperationException",
         "does not support the requested cryptographic operation"),
    Told("Garbage", {200, "[]"}, "CustomKeyStoreInvalidStateException", "cannot interpret"),
    {"NobodyListens", [](Kit& kit, json::object&) { kit.proxy.StopListening(); }, "CustomKeyStoreInvalidStateException",
     "cannot communicate with the external key store proxy"},
};
class CreateExternalKey : public ::testing::TestWithParam<CreateRow> {};
TEST_P(CreateExternalKey, IsRefusedAsTheRowSays) {
  Kit kit;
  const std::string store = kit.ConnectedStore();
  kit.proxy.SetKey("key-1");
  json::object body = Kit::KeyRequest(store, "key-1");
  GetParam().change(kit, body);
  const Answer answer = kit.service.Call("CreateKey", body);
  EXPECT_EQ(answer.type, GetParam().type) << answer.raw;
  EXPECT_THAT(answer.message, HasSubstr(GetParam().part_of_text));
  EXPECT_EQ(kit.service.Count("SELECT COUNT(*) FROM kms_keys"), 0);
}
INSTANTIATE_TEST_SUITE_P(ExternalKey, CreateExternalKey, ::testing::ValuesIn(kCreateRows),
                         [](const auto& row) { return row.param.name; });

TEST(ExternalKey, EncryptsTwice) {
  Kit kit;
  const std::string key = kit.NewKey(kit.ConnectedStore());
  ASSERT_EQ(key.size(), 36u) << key;
  kit.proxy.TakeSeen();
  const Bytes blob = kit.service.Encrypted(key, kMarker, {{"project", "nile"}});
  ASSERT_FALSE(blob.empty());
  const auto seen = kit.proxy.TakeSeen();
  ASSERT_EQ(seen.size(), 1u);
  const json::object sent = json::parse(seen[0].body).as_object();
  EXPECT_EQ(sent.at("requestMetadata").at("kmsKeyArn"),
            json::value("arn:aws:kms:eu-central-1:111122223333:key/" + key));
  EXPECT_EQ(sent.at("requestMetadata").at("kmsOperation"), "Encrypt");
  // KMS's own layer is below: the proxy sees 48 bytes more than the plaintext, and not the plaintext.
  const Bytes inner = FromB64(std::string(sent.at("plaintext").as_string()));
  EXPECT_EQ(inner.size(), kMarker.size() + 48);
  EXPECT_EQ(std::string(AsText(inner)).find(kMarker), std::string::npos);
  // The context is authenticated by the external key, too.
  EXPECT_EQ(std::string(sent.at("additionalAuthenticatedData").as_string()),
            Base64(Bytes{0, 1, 0, 7, 'p', 'r', 'o', 'j', 'e', 'c', 't', 0, 4, 'n', 'i', 'l', 'e'}));
  const Answer opened = kit.service.Call("Decrypt", Decrypting(blob, {{"project", "nile"}}));
  ASSERT_TRUE(opened.ok()) << opened.raw;
  EXPECT_EQ(opened.Text("Plaintext"), B64(kMarker));
  EXPECT_EQ(opened.Text("KeyMaterialId"), "");
  EXPECT_THAT(kit.service.Log(), Not(HasSubstr(std::string(kMarker))));
  EXPECT_NE(kit.service.Encrypted(key, kMarker), kit.service.Encrypted(key, kMarker));
}

TEST(ExternalKey, MakesDataKeysAndReEncrypts) {
  Kit kit;
  const std::string store = kit.ConnectedStore();
  const std::string key = kit.NewKey(store);
  const Answer made = kit.service.Call("GenerateDataKey", {{"KeyId", key}, {"KeySpec", "AES_256"}});
  ASSERT_TRUE(made.ok()) << made.raw;
  EXPECT_EQ(made.Text("KeyMaterialId"), "");
  const Bytes blob = FromB64(made.Text("CiphertextBlob"));
  EXPECT_EQ(kit.service.Call("Decrypt", Decrypting(blob)).Text("Plaintext"), made.Text("Plaintext"));
  const Answer hidden = kit.service.Call("GenerateDataKeyWithoutPlaintext", {{"KeyId", key}, {"NumberOfBytes", 24}});
  ASSERT_TRUE(hidden.ok()) << hidden.raw;
  EXPECT_EQ(
      FromB64(kit.service.Call("Decrypt", Decrypting(FromB64(hidden.Text("CiphertextBlob")))).Text("Plaintext")).size(),
      24u);
  // From the external key store to the domain's and back, and within it.
  const std::string domain = kit.service.NewKey();
  const std::string second = kit.NewKey(store, "key-2");
  Bytes moving = blob;
  for (const std::string& to : {domain, key, second, second}) {
    kit.proxy.TakeSeen();
    const Answer moved = kit.service.Call("ReEncrypt", {{"CiphertextBlob", Base64(moving)}, {"DestinationKeyId", to}});
    ASSERT_TRUE(moved.ok()) << moved.raw;
    moving = FromB64(moved.Text("CiphertextBlob"));
    for (const auto& one : kit.proxy.TakeSeen()) EXPECT_THAT(one.body, HasSubstr("\"kmsOperation\":\"ReEncrypt\""));
  }
  EXPECT_EQ(kit.service.Call("Decrypt", Decrypting(moving)).Text("Plaintext"), made.Text("Plaintext"));
  EXPECT_EQ(kit.service.Call("GenerateDataKeyPair", {{"KeyId", key}, {"KeyPairSpec", "ECC_NIST_P256"}}).type,
            "UnsupportedOperationException");
  EXPECT_EQ(kit.service.Call("EnableKeyRotation", {{"KeyId", key}}).type, "UnsupportedOperationException");
}

TEST(ExternalKey, LargestPlaintextFits) {
  Kit kit;
  const std::string key = kit.NewKey(kit.ConnectedStore());
  kit.proxy.SetKey("key-1", {"AES_256", {"ENCRYPT", "DECRYPT"}, "ENABLED"}, Bytes(20, 6));
  json::object context;
  context["c"] = std::string(8000, 'c');
  const std::string plain(4096, 'p');
  const Bytes blob = kit.service.Encrypted(key, plain, context);
  ASSERT_FALSE(blob.empty());
  EXPECT_LE(blob.size(), 6144u);
  EXPECT_EQ(kit.service.Call("Decrypt", Decrypting(blob, context)).Text("Plaintext"), B64(plain));
}

TEST(ExternalKey, TamperedCiphertextAndWrongContextAreTheStoresState) {
  Kit kit;
  const std::string key = kit.NewKey(kit.ConnectedStore());
  const Bytes blob = kit.service.Encrypted(key, "secret", {{"a", "b"}});
  const Answer context = kit.service.Call("Decrypt", Decrypting(blob, {{"a", "c"}}));
  EXPECT_EQ(context.type, "KMSInvalidStateException") << context.raw;
  EXPECT_THAT(context.message, HasSubstr("the specified ciphertext or additional authenticated data"));
  Bytes flipped = blob;
  flipped.back() ^= 1;
  EXPECT_EQ(kit.service.Call("Decrypt", Decrypting(flipped, {{"a", "b"}})).type, "KMSInvalidStateException");
  Bytes longer = blob;
  longer.push_back(0);
  EXPECT_EQ(kit.service.Call("Decrypt", Decrypting(longer, {{"a", "b"}})).type, "KMSInvalidStateException");
  Bytes no_header = blob;
  no_header[2] = 9;
  EXPECT_EQ(kit.service.Call("Decrypt", Decrypting(no_header, {{"a", "b"}})).type, "InvalidCiphertextException");
  // The proxy gives back something else than it was given: the inner layer finds out.
  json::object lie{{"plaintext", Base64(Bytes(48 + 6, 9))}};
  kit.proxy.AnswerNext({{200, json::serialize(lie)}});
  const Answer inner = kit.service.Call("Decrypt", Decrypting(blob, {{"a", "b"}}));
  EXPECT_EQ(inner.type, "KMSInvalidStateException") << inner.raw;
  EXPECT_THAT(inner.message, HasSubstr("that the external key store proxy submitted for decryption"));
}

struct UseRow {
  std::string name;
  Script script;
  std::string part_of_text;
};
void PrintTo(const UseRow& row, std::ostream* out) { *out << row.name; }
const UseRow kUseRows[] = {
    {"Validation", Named(ErrorName::kValidation), "cannot interpret the response"},
    {"InvalidState", Named(ErrorName::kInvalidState), "the external key is not enabled"},
    {"InvalidKeyUsage", Named(ErrorName::kInvalidKeyUsage), "does not support the requested operation"},
    {"InvalidCiphertext", Named(ErrorName::kInvalidCiphertext), "the specified ciphertext or additional"},
    {"AuthenticationFailed", Named(ErrorName::kAuthenticationFailed), "could not authenticate AWS KMS"},
    {"AccessDenied", Named(ErrorName::kAccessDenied), "denied access to the operation"},
    {"KeyNotFound", Named(ErrorName::kKeyNotFound), "could not find the external key"},
    {"InvalidUriPath", Named(ErrorName::kInvalidUriPath), "invalid URI path"},
    {"Throttling", Named(ErrorName::kThrottling), "very high request rate"},
    {"Internal", Named(ErrorName::kInternal), "cannot communicate with the external key manager"},
    {"UnsupportedOperation", Named(ErrorName::kUnsupportedOperation), "requested cryptographic operation"},
    {"DependencyTimeout", Named(ErrorName::kDependencyTimeout), "did not respond in time"},
    {"Garbage", {200, "nonsense"}, "cannot interpret the response"},
    {"Oversize", {200, "\"" + std::string(xks::kMostBodyBytes, 'x') + "\""}, "cannot interpret the response"},
    {"WrongLength", {200, R"({"plaintext":"AAAA","ciphertext":"AAAA"})"}, "cannot interpret the response"},
};
class UseExternalKey : public ::testing::TestWithParam<UseRow> {};
TEST_P(UseExternalKey, FailsAsKmsInvalidStateWithTheCausesText) {
  Kit kit;
  const std::string key = kit.NewKey(kit.ConnectedStore());
  const Bytes blob = kit.service.Encrypted(key, "secret");
  const std::pair<std::string, json::object> calls[] = {
      {"Encrypt", {{"KeyId", key}, {"Plaintext", B64(kMarker)}}},
      {"Decrypt", Decrypting(blob)},
      {"GenerateDataKey", {{"KeyId", key}, {"KeySpec", "AES_128"}}},
      {"GenerateDataKeyWithoutPlaintext", {{"KeyId", key}, {"KeySpec", "AES_128"}}},
      {"ReEncrypt", {{"CiphertextBlob", Base64(blob)}, {"DestinationKeyId", key}}},
  };
  for (const auto& [operation, body] : calls) {
    kit.proxy.AnswerNext({GetParam().script});
    const Answer answer = kit.service.Call(operation, body);
    EXPECT_EQ(answer.type, "KMSInvalidStateException") << operation << ": " << answer.raw;
    EXPECT_THAT(answer.message, HasSubstr(GetParam().part_of_text)) << operation;
    EXPECT_THAT(answer.raw, Not(HasSubstr("its own words")));
  }
  EXPECT_EQ(kit.service.Call("Decrypt", Decrypting(blob)).Text("Plaintext"), B64("secret"));
}
INSTANTIATE_TEST_SUITE_P(ExternalKey, UseExternalKey, ::testing::ValuesIn(kUseRows),
                         [](const auto& row) { return row.param.name; });

TEST(ExternalKey, WrongIntegrityValueIsNotBelieved) {
  Kit kit;
  const std::string key = kit.NewKey(kit.ConnectedStore());
  const xks::EncryptAnswer lie{Bytes(48 + 6, 1), Bytes(12, 2), Bytes(16, 3), {}};
  kit.proxy.AnswerNext({{200, xks::WriteEncryptAnswer(lie, true, Bytes{1})}});
  const Answer answer = kit.service.Call("Encrypt", {{"KeyId", key}, {"Plaintext", B64("secret")}});
  EXPECT_EQ(answer.type, "KMSInvalidStateException") << answer.raw;
  EXPECT_THAT(answer.message, HasSubstr("cannot interpret the response"));
}

TEST(ExternalKey, IsUnavailableWhileItsStoreIsNotConnected) {
  Kit kit;
  const std::string store = kit.ConnectedStore();
  const std::string key = kit.NewKey(store);
  const Bytes blob = kit.service.Encrypted(key, "secret");
  EXPECT_EQ(kit.service.Disconnect(store), "DISCONNECTED");
  EXPECT_EQ(kit.service.Call("DescribeKey", {{"KeyId", key}}).Text("KeyMetadata.KeyState"), "Unavailable");
  const Answer refused = kit.service.Call("Decrypt", Decrypting(blob));
  EXPECT_EQ(refused.type, "KMSInvalidStateException");
  EXPECT_EQ(refused.message,
            "This KMS key is in a custom key store that is not connected to its external key store proxy. Connect the "
            "external key store and try the request again.");
  const Answer cancel = kit.service.Call("CancelKeyDeletion", {{"KeyId", key}});
  EXPECT_TRUE(cancel.message.ends_with(key + " is not pending deletion.")) << cancel.raw;
  EXPECT_EQ(kit.service.Connect(store), "CONNECTED");
  EXPECT_EQ(kit.service.Call("Decrypt", Decrypting(blob)).Text("Plaintext"), B64("secret"));
  EXPECT_TRUE(kit.service.Call("DisableKey", {{"KeyId", key}}).ok());
  EXPECT_EQ(kit.service.Call("Decrypt", Decrypting(blob)).type, "DisabledException");
}

TEST(ExternalKey, OutageOfTheProxyLeavesTheStoreConnectedAndEndsByItself) {
  Kit kit;
  const std::string store = kit.ConnectedStore();
  const std::string key = kit.NewKey(store);
  const Bytes blob = kit.service.Encrypted(key, "secret");
  kit.proxy.StopListening();
  const Answer away = kit.service.Call("Decrypt", Decrypting(blob));
  EXPECT_EQ(away.type, "KMSInvalidStateException") << away.raw;
  EXPECT_THAT(away.message, HasSubstr("cannot communicate with the external key store proxy"));
  EXPECT_EQ(kit.service.Settled(store), "CONNECTED");
  kit.proxy.Listen();
  EXPECT_EQ(kit.service.Call("Decrypt", Decrypting(blob)).Text("Plaintext"), B64("secret"));
}

TEST(ExternalKey, SurvivesARestart) {
  Kit kit;
  const std::string key = kit.NewKey(kit.ConnectedStore());
  const Bytes blob = kit.service.Encrypted(key, "secret");
  kit.service.Restart(true);
  EXPECT_EQ(kit.service.Call("Decrypt", Decrypting(blob)).Text("Plaintext"), B64("secret"));
}

}  // namespace
}  // namespace strongroom::kms::testing
