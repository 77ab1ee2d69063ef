// The proxy's API: what KMS gets back, and each of its errors.
#include <gmock/gmock.h>

#include "crypto/aes_gcm.h"
#include "crypto/random.h"
#include "xks_protocol/integrity.h"
#include "xks_protocol/limits.h"
#include "xks_proxy/testing/proxy_fixture.h"

namespace strongroom::xks_proxy::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
constexpr std::string_view kMarker = "plaintext-marker-7261";

Bytes Decoded(const Answer& answer, std::string_view name) { return Must(FromBase64(answer.Text(name))); }

class XksProxy : public ::testing::Test {
 protected:
  void SetUp() override { id = f.MakeProxy(); }
  ProxyFixture f;
  std::string id;
};

TEST_F(XksProxy, EncryptsAndDecrypts) {
  for (const std::string aad : {"", "the context"}) {
    const Answer made = f.Send(f.Encrypt(kMarker, aad));
    ASSERT_EQ(made.status, 200u) << made.raw;
    EXPECT_EQ(Decoded(made, "ciphertext").size(), kMarker.size());
    EXPECT_EQ(Decoded(made, "initializationVector").size(), 12u);
    EXPECT_EQ(Decoded(made, "authenticationTag").size(), 16u);
    EXPECT_FALSE(made.body.as_object().contains("ciphertextMetadata"));
    EXPECT_FALSE(made.body.as_object().contains("ciphertextDataIntegrityValue"));
    const Answer opened = f.Send(f.Decrypt(made, aad));
    ASSERT_EQ(opened.status, 200u) << opened.raw;
    EXPECT_EQ(AsText(Decoded(opened, "plaintext")), kMarker);
    EXPECT_EQ(opened.body.as_object().size(), 1u);
  }
  EXPECT_THAT(f.Log(), Not(HasSubstr(std::string(kMarker))));
  EXPECT_THAT(f.Log(), Not(HasSubstr(Base64(AsBytes(kMarker)))));
}

TEST_F(XksProxy, IsPlainAesGcmUnderTheClustersKey) {
  const Answer made = f.Send(f.Encrypt(kMarker, "the context"));
  f.ChangeKeys([&](auto& keys) {
    const Bytes iv = Decoded(made, "initializationVector");
    Bytes sealed = Decoded(made, "ciphertext");
    Append(sealed, Decoded(made, "authenticationTag"));
    const auto opened =
        crypto::AesGcmDecrypt(keys.begin()->second.material, {.iv = iv, .aad = AsBytes("the context")}, sealed);
    ASSERT_TRUE(opened.ok());
    EXPECT_TRUE(opened->EqualsInConstantTime(AsBytes(kMarker)));
  });
}

TEST_F(XksProxy, GivesTheIntegrityValueWhenAsked) {
  json::object body{{"plaintext", Base64(AsBytes(kMarker))},
                    {"encryptionAlgorithm", "AES_GCM"},
                    {"additionalAuthenticatedData", Base64(AsBytes("aad"))},
                    {"ciphertextDataIntegrityValueAlgorithm", "SHA_256"}};
  const Answer made = f.Send(f.Of("encrypt", std::move(body)));
  ASSERT_EQ(made.status, 200u) << made.raw;
  Bytes all = ToBytes(AsBytes("aad"));
  for (const char* name : {"initializationVector", "ciphertext", "authenticationTag"}) Append(all, Decoded(made, name));
  EXPECT_EQ(made.Text("ciphertextDataIntegrityValue"), Base64(crypto::Sha256(all)));
}

TEST_F(XksProxy, TakesTheLargestOfEverything) {
  const std::string plaintext(xks::kMostPlaintextBytes, 'p'), aad(xks::kMostAadBytes, 'a');
  const Answer made = f.Send(f.Encrypt(plaintext, aad));
  ASSERT_EQ(made.status, 200u) << made.raw;
  EXPECT_EQ(AsText(Decoded(f.Send(f.Decrypt(made, aad)), "plaintext")), plaintext);
}

TEST_F(XksProxy, DescribesAKey) {
  const Answer shown = f.Send(f.Of("metadata", {}));
  ASSERT_EQ(shown.status, 200u) << shown.raw;
  EXPECT_EQ(shown.body,
            json::value({{"keySpec", "AES_256"}, {"keyUsage", {"ENCRYPT", "DECRYPT"}}, {"keyStatus", "ENABLED"}}));
}

TEST_F(XksProxy, TellsItsHealth) {
  json::object metadata{{"kmsOperation", "KmsHealthCheck"}, {"kmsRequestId", "4112f4d6"}};
  const Answer shown = f.Send(f.Of("health", {{"requestMetadata", metadata}}));
  ASSERT_EQ(shown.status, 200u) << shown.raw;
  EXPECT_EQ(shown.Text("ekmVendor"), "Strongroom");
  const auto& fleet = shown.body.at("ekmFleetDetails").as_array();
  ASSERT_EQ(fleet.size(), 1u);
  EXPECT_EQ(fleet[0].at("healthStatus").as_string(), "ACTIVE");
}

TEST_F(XksProxy, SaysThatItsClusterIsAway) {
  f.directory.info->hsms[0].active = false;
  f.hsm().Hold(true);
  const Answer shown = f.Send(f.Of("health", {}));
  ASSERT_EQ(shown.status, 200u) << shown.raw;
  EXPECT_EQ(shown.body.at("ekmFleetDetails").as_array().at(0).at("healthStatus").as_string(), "UNAVAILABLE");
  const Answer refused = f.Send(f.Encrypt("x"));
  EXPECT_EQ(refused.status, 503u);
  EXPECT_EQ(refused.error, "DependencyTimeoutException");
  f.hsm().Hold(false);
}

TEST_F(XksProxy, LeavesALineForEachRequest) {
  f.Send(f.Encrypt("x"));
  EXPECT_THAT(f.Log(),
              HasSubstr(R"(xks {"proxy":")" + id +
                        R"(","api":"Encrypt","externalKey":"key-1","awsPrincipalArn":"arn:aws:iam::123456789012:)"
                        R"(user/Alice","kmsKeyArn":)"));
  EXPECT_THAT(f.Log(), HasSubstr(R"("remoteAddress":"192.0.2.7","result":"ok","microseconds":)"));
  f.Send(f.Of("metadata", {}, "absent"));
  EXPECT_THAT(f.Log(), HasSubstr(R"("result":"KeyNotFoundException")"));
}

TEST_F(XksProxy, NoticesThatAKeyIsGoneAndMadeAnew) {
  const Answer made = f.Send(f.Encrypt("x"));
  ASSERT_EQ(f.Send(f.Decrypt(made)).status, 200u);
  f.ChangeKeys([](auto& keys) {
    auto node = keys.extract(keys.begin());
    node.key() = 900;
    node.mapped().info.set_handle(900);
    keys.insert(std::move(node));
  });
  EXPECT_EQ(f.Send(f.Decrypt(made)).status, 200u) << "the same key by another handle";
  EXPECT_EQ(f.Send(f.Encrypt("x")).status, 200u);
  f.ChangeKeys([](auto& keys) { keys.clear(); });
  EXPECT_EQ(f.Send(f.Encrypt("x")).error, "KeyNotFoundException");
  EXPECT_EQ(f.Send(f.Decrypt(made)).error, "KeyNotFoundException");
}

TEST_F(XksProxy, HandsOtherPathsOn) {
  EXPECT_EQ(f.Call("ListXksProxies", {}).status, 200u);
  Request request;
  request.target = "/healthz";
  request.method = "GET";
  EXPECT_EQ(f.Send(request).raw, "ok\n");
}

struct Row {
  std::string name;
  std::function<void(ProxyFixture&, Request&)> change;
  unsigned status;
  std::string error;
};
void Change(Request& request, const std::function<void(json::object&)>& change) {
  json::value body = json::parse(request.body);
  change(body.as_object());
  request.body = json::serialize(body);
}
/// A request on a key that the cluster has otherwise than it should.
std::function<void(ProxyFixture&, Request&)> WithKey(std::function<void(proto::KeyInfo&)> change) {
  return [change](ProxyFixture& f, Request&) { f.ChangeKeys([&](auto& keys) { change(keys.begin()->second.info); }); };
}
std::function<void(ProxyFixture&, Request&)> WithMember(std::string name, json::value value) {
  return [name = std::move(name), value = std::move(value)](ProxyFixture&, Request& request) {
    Change(request, [&](json::object& body) {
      if (value.is_null()) {
        body.erase(name);
      } else {
        body[name] = value;
      }
    });
  };
}
std::string Encoded(std::size_t bytes) { return Base64(Bytes(bytes, 'x')); }
const std::string kAuth = "AuthenticationFailedException", kPath = "InvalidUriPathException",
                  kValidation = "ValidationException", kUsage = "InvalidKeyUsageException";

const Row kEncryptRows[] = {
    {"AsItIs", [](auto&, auto&) {}, 200, ""},
    {"WrongSecret", [](auto&, Request& r) { r.secret[0] ^= 1; }, 401, kAuth},
    {"UnknownAccessKey", [](auto&, Request& r) { r.access_key_id = "AAAAAAAAAAAAAAAAAAAAAAAA"; }, 401, kAuth},
    {"RootsAccessKey",
     [](auto&, Request& r) {
       r.access_key_id = "AKIA111122223333";
       r.secret = kRootSecret;
     },
     401, kAuth},
    {"OtherRegion", [](auto&, Request& r) { r.region = "us-east-1"; }, 401, kAuth},
    {"OtherService", [](auto&, Request& r) { r.service = "kms"; }, 401, kAuth},
    {"FiveMinutesOld", [](auto&, Request& r) { r.age = std::chrono::minutes(5); }, 200, ""},
    {"Older", [](auto&, Request& r) { r.age = std::chrono::seconds(301); }, 401, kAuth},
    {"FromTheFuture", [](auto&, Request& r) { r.age = -std::chrono::seconds(302); }, 401, kAuth},
    {"Unsigned", [](auto&, Request& r) { r.with_signature = false; }, 401, kAuth},
    {"WrongPathAndUnsigned",
     [](auto&, Request& r) {
       r.target = "/b/kms/xks/v1/health";
       r.with_signature = false;
     },
     401, kAuth},
    {"OtherPrefix", [](auto&, Request& r) { r.target = "/b/kms/xks/v1/keys/key-1/encrypt"; }, 404, kPath},
    {"OtherVersion", [](auto&, Request& r) { r.target = "/team-a/kms/xks/v2/keys/key-1/encrypt"; }, 404, kPath},
    {"UnknownApi", [](auto&, Request& r) { r.target += "s"; }, 404, kPath},
    {"Query", [](auto&, Request& r) { r.target += "?a=b"; }, 404, kPath},
    {"Get", [](auto&, Request& r) { r.method = "GET"; }, 404, kPath},
    {"Put", [](auto&, Request& r) { r.method = "PUT"; }, 404, kPath},
    {"NotJson", [](auto&, Request& r) { r.body = "plaintext"; }, 400, kValidation},
    {"NoBody", [](auto&, Request& r) { r.body.clear(); }, 400, kValidation},
    {"AList", [](auto&, Request& r) { r.body = "[]"; }, 400, kValidation},
    {"EndlessBody", [](auto&, Request& r) { Change(r, [](auto& body) { body["more"] = std::string(70'000, 'x'); }); },
     400, kValidation},
    {"MoreMembers", WithMember("more", 1), 200, ""},
    {"NoMetadata", WithMember("requestMetadata", nullptr), 400, kValidation},
    {"MetadataOfAnotherType", WithMember("requestMetadata", "Alice"), 400, kValidation},
    {"MetadataWithoutPrincipal",
     WithMember("requestMetadata", json::object{{"kmsOperation", "Encrypt"}, {"kmsRequestId", "1"}}), 400, kValidation},
    {"NoPlaintext", WithMember("plaintext", nullptr), 400, kValidation},
    {"EmptyPlaintext", WithMember("plaintext", ""), 400, kValidation},
    {"PlaintextNotBase64", WithMember("plaintext", "###"), 400, kValidation},
    {"PlaintextTooLong", WithMember("plaintext", json::value(Encoded(4301))), 400, kValidation},
    {"AadTooLong", WithMember("additionalAuthenticatedData", json::value(Encoded(8193))), 400, kValidation},
    {"AadOfAnotherType", WithMember("additionalAuthenticatedData", 7), 400, kValidation},
    {"NoAlgorithm", WithMember("encryptionAlgorithm", nullptr), 400, kValidation},
    {"OtherAlgorithm", WithMember("encryptionAlgorithm", "AES_CBC"), 400, kValidation},
    {"OtherIntegrityAlgorithm", WithMember("ciphertextDataIntegrityValueAlgorithm", "MD5"), 400, kValidation},
    {"UnknownKey", [](auto&, Request& r) { r.target = "/team-a/kms/xks/v1/keys/absent/encrypt"; }, 404,
     "KeyNotFoundException"},
    {"SomebodyElsesKey", WithKey([](auto& key) { key.set_owner(key.owner() + 1); }), 404, "KeyNotFoundException"},
    {"KeyOf128Bits", WithKey([](auto& key) { key.set_size_bits(128); }), 400, kUsage},
    {"NoAesKey", WithKey([](auto& key) { key.set_type(proto::GENERIC_SECRET); }), 400, kUsage},
    {"KeyThatDoesNotEncrypt", WithKey([](auto& key) { key.set_encrypt(false); }), 400, kUsage},
    {"TwoKeysOfOneName",
     [](ProxyFixture& f, Request&) {
       f.ChangeKeys([](auto& keys) {
         auto& second = keys[700];
         second.info = keys.begin()->second.info;
         second.info.set_handle(700);
         second.material = Must(crypto::RandomSecret(32));
       });
     },
     400, "InvalidStateException"},
};
class XksEncrypt : public XksProxy, public ::testing::WithParamInterface<Row> {};
TEST_P(XksEncrypt, AnswersAsTheRowSays) {
  Request request = f.Encrypt(kMarker, "the context");
  GetParam().change(f, request);
  const Answer answer = f.Send(request);
  EXPECT_EQ(answer.status, GetParam().status) << answer.raw;
  EXPECT_EQ(answer.error, GetParam().error) << answer.raw;
  EXPECT_LE(answer.Text("errorMessage").size(), 512u);
  EXPECT_THAT(answer.raw + f.Log(), Not(HasSubstr(std::string(kMarker))));
}
INSTANTIATE_TEST_SUITE_P(Proxy, XksEncrypt, ::testing::ValuesIn(kEncryptRows),
                         [](const auto& row) { return row.param.name; });

const std::string kCiphertext = "InvalidCiphertextException";
const Row kDecryptRows[] = {
    {"AsItIs", [](auto&, auto&) {}, 200, ""},
    {"OtherCiphertext", WithMember("ciphertext", json::value(Encoded(21))), 400, kCiphertext},
    {"ShorterCiphertext", WithMember("ciphertext", json::value(Encoded(1))), 400, kCiphertext},
    {"OtherIv", WithMember("initializationVector", json::value(Encoded(12))), 400, kCiphertext},
    {"LongIv", WithMember("initializationVector", json::value(Encoded(16))), 400, kCiphertext},
    {"OtherTag", WithMember("authenticationTag", json::value(Encoded(16))), 400, kCiphertext},
    {"OtherAad", WithMember("additionalAuthenticatedData", json::value(Encoded(3))), 400, kCiphertext},
    {"NoAad", WithMember("additionalAuthenticatedData", nullptr), 400, kCiphertext},
    {"MetadataThatNobodyMade", WithMember("ciphertextMetadata", json::value(Encoded(20))), 400, kCiphertext},
    {"MetadataTooLong", WithMember("ciphertextMetadata", json::value(Encoded(21))), 400, kValidation},
    {"NoCiphertext", WithMember("ciphertext", nullptr), 400, kValidation},
    {"EmptyCiphertext", WithMember("ciphertext", ""), 400, kValidation},
    {"CiphertextTooLong", WithMember("ciphertext", json::value(Encoded(4301))), 400, kValidation},
    {"NoIv", WithMember("initializationVector", nullptr), 400, kValidation},
    {"IvOfThirteen", WithMember("initializationVector", json::value(Encoded(13))), 400, kValidation},
    {"ShortTag", WithMember("authenticationTag", json::value(Encoded(15))), 400, kValidation},
    {"OtherAlgorithm", WithMember("encryptionAlgorithm", "AES"), 400, kValidation},
    {"KeyThatDoesNotDecrypt", WithKey([](auto& key) { key.set_decrypt(false); }), 400, kUsage},
    {"OtherKey",
     [](ProxyFixture& f, Request& r) {
       const std::string proxy =
           f.Call("ListXksProxies", {}).body.at("Proxies").at(0).at("ProxyId").as_string().c_str();
       EXPECT_EQ(f.Call("CreateXksKey", {{"ProxyId", proxy}, {"KeyId", "key-2"}}).status, 200u);
       r.target = "/team-a/kms/xks/v1/keys/key-2/decrypt";
     },
     400, kCiphertext},
};
class XksDecrypt : public XksProxy, public ::testing::WithParamInterface<Row> {};
TEST_P(XksDecrypt, AnswersAsTheRowSays) {
  Request request = f.Decrypt(f.Send(f.Encrypt(kMarker, "the context")), "the context");
  GetParam().change(f, request);
  const Answer answer = f.Send(request);
  EXPECT_EQ(answer.status, GetParam().status) << answer.raw;
  EXPECT_EQ(answer.error, GetParam().error) << answer.raw;
}
INSTANTIATE_TEST_SUITE_P(Proxy, XksDecrypt, ::testing::ValuesIn(kDecryptRows),
                         [](const auto& row) { return row.param.name; });

const Row kOtherRows[] = {
    {"UnknownKey", [](auto&, Request& r) { r.target = "/team-a/kms/xks/v1/keys/absent/metadata"; }, 404,
     "KeyNotFoundException"},
    {"NoMetadata", [](auto&, Request& r) { r.body = "{}"; }, 400, kValidation},
    {"NoAesKey", WithKey([](auto& key) { key.set_type(proto::GENERIC_SECRET); }), 400, kUsage},
    {"KeyOf128Bits", WithKey([](auto& key) { key.set_size_bits(128); }), 200, ""},
    {"HealthWithoutMetadata",
     [](auto&, Request& r) {
       r.target = "/team-a/kms/xks/v1/health";
       r.body = "{}";
     },
     400, kValidation},
};
class XksMetadata : public XksProxy, public ::testing::WithParamInterface<Row> {};
TEST_P(XksMetadata, AnswersAsTheRowSays) {
  Request request = f.Of("metadata", {});
  GetParam().change(f, request);
  const Answer answer = f.Send(request);
  EXPECT_EQ(answer.status, GetParam().status) << answer.raw;
  EXPECT_EQ(answer.error, GetParam().error) << answer.raw;
}
INSTANTIATE_TEST_SUITE_P(Proxy, XksMetadata, ::testing::ValuesIn(kOtherRows),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace strongroom::xks_proxy::testing
