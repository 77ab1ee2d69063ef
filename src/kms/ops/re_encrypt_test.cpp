// ReEncrypt between all kinds of keys, in one cluster and across two.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "aws/policy/engine.h"
#include "kms/testing/fake_service.h"

namespace strongroom::kms::testing {
namespace {
namespace json = boost::json;
using wire::Command;

std::string Arn(const std::string& id) { return "arn:aws:kms:eu-central-1:111122223333:key/" + id; }

/// A key with the algorithm that it is used with.
struct Side {
  std::string name, key, algorithm;
  bool symmetric() const { return algorithm == "SYMMETRIC_DEFAULT"; }
};
Answer Encrypt(FakeService& service, const Side& side, std::string_view plaintext, const json::object& context) {
  json::object request{{"KeyId", side.key}, {"Plaintext", B64(plaintext)}, {"EncryptionAlgorithm", side.algorithm}};
  if (side.symmetric()) request["EncryptionContext"] = context;
  return service.Call("Encrypt", request);
}
json::object ReEncryption(const Side& from, const Side& to, const std::string& blob) {
  json::object request{{"SourceKeyId", from.key},
                       {"DestinationKeyId", to.key},
                       {"CiphertextBlob", blob},
                       {"SourceEncryptionAlgorithm", from.algorithm},
                       {"DestinationEncryptionAlgorithm", to.algorithm}};
  if (from.symmetric()) request["SourceEncryptionContext"] = json::object{{"from", "a"}};
  if (to.symmetric()) request["DestinationEncryptionContext"] = json::object{{"to", "b"}};
  return request;
}
std::vector<Side> DomainSides(FakeService& service) {
  service.RestartWithSm2();
  return {{"symmetric", service.NewKey(), "SYMMETRIC_DEFAULT"},
          {"other", service.NewKey(), "SYMMETRIC_DEFAULT"},
          {"rsa", service.NewKey({{"KeySpec", "RSA_2048"}, {"KeyUsage", "ENCRYPT_DECRYPT"}}), "RSAES_OAEP_SHA_256"},
          {"sm2", service.NewKey({{"KeySpec", "SM2"}, {"KeyUsage", "ENCRYPT_DECRYPT"}}), "SM2PKE"}};
}

void ExpectEveryWay(FakeService& service, const std::vector<Side>& sides) {
  for (const Side& from : sides) {
    const std::string blob = Encrypt(service, from, kMarker, {{"from", "a"}}).Text("CiphertextBlob");
    for (const Side& to : sides) {
      SCOPED_TRACE(from.name + " to " + to.name);
      const Answer made = service.Call("ReEncrypt", ReEncryption(from, to, blob));
      ASSERT_TRUE(made.ok()) << made.raw;
      EXPECT_EQ(made.Text("SourceKeyId"), Arn(from.key));
      EXPECT_EQ(made.Text("KeyId"), Arn(to.key));
      EXPECT_EQ(made.Text("SourceEncryptionAlgorithm"), from.algorithm);
      EXPECT_EQ(made.Text("DestinationEncryptionAlgorithm"), to.algorithm);
      const auto material = [&](const Side& side) {
        return service.Call("DescribeKey", {{"KeyId", side.key}}).Text("KeyMetadata.CurrentKeyMaterialId");
      };
      EXPECT_EQ(made.Text("SourceKeyMaterialId"), material(from));
      EXPECT_EQ(made.Text("DestinationKeyMaterialId"), material(to));
      json::object open{
          {"KeyId", to.key}, {"CiphertextBlob", made.Text("CiphertextBlob")}, {"EncryptionAlgorithm", to.algorithm}};
      if (to.symmetric()) open["EncryptionContext"] = json::object{{"to", "b"}};
      EXPECT_EQ(AsText(FromB64(service.Call("Decrypt", open).Text("Plaintext"))), kMarker);
      json::object dry = ReEncryption(from, to, blob);
      dry["DryRun"] = true;
      EXPECT_EQ(service.Call("ReEncrypt", dry).type, "DryRunOperationException");
      Bytes bad = FromB64(blob);
      bad.back() ^= 1;
      for (const bool dry_run : {false, true}) {
        json::object damaged = ReEncryption(from, to, Base64(bad));
        damaged["DryRun"] = dry_run;
        EXPECT_EQ(service.Call("ReEncrypt", damaged).raw, R"({"__type":"InvalidCiphertextException"})");
      }
    }
  }
}

TEST(ReEncrypt, GoesBetweenAnyTwoKeysOfTheDomainInsideTheHsm) {
  FakeService service;
  const std::vector<Side> sides = DomainSides(service);
  const std::size_t opened = service.domain_hsm().executed(Command::kOpenMessage);
  const std::string blob = Encrypt(service, sides[0], kMarker, {{"from", "a"}}).Text("CiphertextBlob");
  ASSERT_TRUE(service.Call("ReEncrypt", ReEncryption(sides[0], sides[2], blob)).ok());
  EXPECT_EQ(service.domain_hsm().executed(Command::kOpenMessage), opened) << "the plaintext stays in the HSM";
  EXPECT_EQ(service.domain_hsm().executed(Command::kReSeal), 1u);
  ExpectEveryWay(service, sides);
  EXPECT_THAT(service.Log(), ::testing::Not(::testing::HasSubstr(kMarker)));
}

TEST(ReEncrypt, GoesAcrossClusters) {
  FakeService service;
  service.MakeCluster();
  const std::vector<Side> domain = DomainSides(service);
  const std::string store = service.NewStore();
  ASSERT_EQ(service.Connect(store), "CONNECTED");
  const Side custom{"custom", service.NewKey({{"Origin", "AWS_CLOUDHSM"}, {"CustomKeyStoreId", store}}),
                    "SYMMETRIC_DEFAULT"};
  ExpectEveryWay(service, {custom, domain[0], domain[2]});
  service.Disconnect(store);
  const std::string blob = Encrypt(service, domain[0], "hi", {{"from", "a"}}).Text("CiphertextBlob");
  const Answer refused = service.Call("ReEncrypt", ReEncryption(domain[0], custom, blob));
  EXPECT_EQ(refused.type, "KMSInvalidStateException");
  EXPECT_EQ(refused.message, Arn(custom.key) + " is unavailable.");
}

TEST(ReEncrypt, ChecksTheSourceWhollyBeforeTheDestination) {
  FakeService service;
  const std::vector<Side> sides = DomainSides(service);
  const Side &symmetric = sides[0], &other = sides[1], &rsa = sides[2];
  const std::string blob = Encrypt(service, symmetric, "hi", {{"from", "a"}}).Text("CiphertextBlob");
  const std::string signing = service.NewKey({{"KeySpec", "ECC_NIST_P256"}, {"KeyUsage", "SIGN_VERIFY"}});
  const auto call = [&](json::object changes) {
    json::object request = ReEncryption(symmetric, other, blob);
    for (const auto& [name, value] : changes) {
      if (value.is_null())
        request.erase(name);
      else
        request[name] = value;
    }
    return service.Call("ReEncrypt", request);
  };
  EXPECT_TRUE(call({{"SourceKeyId", nullptr}}).ok());
  EXPECT_TRUE(call({{"DestinationKeyId", symmetric.key}}).ok());
  EXPECT_EQ(call({{"SourceKeyId", other.key}}).type, "IncorrectKeyException");
  EXPECT_EQ(call({{"SourceKeyId", signing}}).type, "IncorrectKeyException");
  EXPECT_EQ(call({{"SourceEncryptionContext", nullptr}}).raw, R"({"__type":"InvalidCiphertextException"})");
  EXPECT_EQ(call({{"SourceEncryptionAlgorithm", "RSAES_OAEP_SHA_1"}, {"DestinationKeyId", "no-key"}}).message,
            "Algorithm RSAES_OAEP_SHA_1 is incompatible with key spec SYMMETRIC_DEFAULT.");
  EXPECT_EQ(call({{"DestinationKeyId", "no-key"}}).message, "Invalid keyId 'no-key'");
  EXPECT_EQ(call({{"DestinationKeyId", signing}}).message,
            Arn(signing) + " key usage is SIGN_VERIFY which is not valid for ReEncrypt.");
  EXPECT_EQ(call({{"DestinationKeyId", rsa.key}, {"DestinationEncryptionContext", nullptr}}).message,
            "Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048.");
  EXPECT_EQ(call({{"DestinationKeyId", rsa.key}, {"DestinationEncryptionAlgorithm", rsa.algorithm}}).message,
            "An encryption context is valid with symmetric encryption keys only.");
  EXPECT_EQ(call({{"DestinationKeyId", nullptr}}).message,
            "1 validation error detected: Value null at 'destinationKeyId' failed to satisfy constraint: Member must "
            "not be null");
  EXPECT_EQ(call({{"CiphertextBlob", nullptr}}).message,
            "1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy constraint: Member must not "
            "be null");
  const json::array ignore{"IGNORE_CIPHERTEXT"};
  EXPECT_EQ(call({{"CiphertextBlob", nullptr}, {"DryRun", true}, {"DryRunModifiers", ignore}}).type,
            "DryRunOperationException");
  EXPECT_EQ(call({{"SourceKeyId", nullptr}, {"DryRun", true}, {"DryRunModifiers", ignore}}).message,
            "1 validation error detected: Value null at 'sourceKeyId' failed to satisfy constraint: Member must not be "
            "null");
  const std::string long_blob =
      Encrypt(service, symmetric, std::string(191, 'x'), {{"from", "a"}}).Text("CiphertextBlob");
  for (const bool dry_run : {false, true}) {
    const Answer too_long = call({{"CiphertextBlob", long_blob},
                                  {"DestinationKeyId", rsa.key},
                                  {"DestinationEncryptionAlgorithm", rsa.algorithm},
                                  {"DestinationEncryptionContext", nullptr},
                                  {"DryRun", dry_run}});
    EXPECT_EQ(too_long.type, "ValidationException");
    EXPECT_EQ(too_long.message,
              "Algorithm RSAES_OAEP_SHA_256 and key spec RSA_2048 cannot encrypt data larger than 190 bytes.");
  }
  service.Call("DisableKey", {{"KeyId", other.key}});
  EXPECT_EQ(call({}).message, Arn(other.key) + " is disabled.");
  service.Call("DisableKey", {{"KeyId", symmetric.key}});
  EXPECT_EQ(call({}).message, Arn(symmetric.key) + " is disabled.");
}

TEST(ReEncrypt, NeedsBothPermissions) {
  FakeService service;
  const std::string to_only =
      R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"kms:*",)"
      R"("Resource":"*"},{"Effect":"Deny","Principal":{"AWS":"111122223333"},"Action":"kms:ReEncryptFrom","Resource":"*"}]})";
  const std::string key = service.NewKey({{"Policy", to_only}}), other = service.NewKey();
  const std::string own = Base64(service.Encrypted(key, "hi")), others = Base64(service.Encrypted(other, "hi"));
  const Answer from =
      service.Call("ReEncrypt", {{"CiphertextBlob", own}, {"SourceKeyId", key}, {"DestinationKeyId", other}});
  EXPECT_EQ(from.type, "AccessDeniedException");
  EXPECT_TRUE(service.Call("ReEncrypt", {{"CiphertextBlob", others}, {"DestinationKeyId", key}}).ok());
}

/// Moves the destination's alias when the source is judged.
class Mover final : public ports::Authorizer {
 public:
  Mover(FakeService& service, std::string to) : service_(service), to_(std::move(to)) {}
  ports::Decision Decide(const ports::Question& question) const override {
    if (question.action == "kms:ReEncryptFrom") service_.Sql("UPDATE kms_aliases SET key_id = $1", {store::Text(to_)});
    return engine_.Decide(question);
  }

 private:
  Result<std::shared_ptr<const ports::Policy>> DoCompile(ports::PolicyKind kind, std::string_view text,
                                                         const ports::PrincipalIds& ids) const override {
    return engine_.Compile(kind, text, ids);
  }
  FakeService& service_;
  std::string to_;
  aws::PolicyEngine engine_;
};

TEST(ReEncrypt, UsesTheDestinationThatItsPermissionWasAskedFor) {
  FakeService service;
  const std::string key = service.NewKey(), other = service.NewKey();
  const std::string blob = Base64(service.Encrypted(key, "x"));
  for (const bool dry_run : {false, true}) {
    service.Call("DeleteAlias", {{"AliasName", "alias/to"}});
    ASSERT_TRUE(service.Call("CreateAlias", {{"AliasName", "alias/to"}, {"TargetKeyId", key}}).ok());
    service.RestartAsking(std::make_shared<Mover>(service, other));
    const json::object move{
        {"CiphertextBlob", blob}, {"SourceKeyId", key}, {"DestinationKeyId", "alias/to"}, {"DryRun", dry_run}};
    const Answer answer = service.Call("ReEncrypt", move);
    EXPECT_EQ(answer.type, dry_run ? "DryRunOperationException" : "");
    EXPECT_EQ(answer.Text("KeyId"), dry_run ? "" : Arn(key));
    EXPECT_EQ(service.Call("DescribeKey", {{"KeyId", "alias/to"}}).Text("KeyMetadata.KeyId"), other);
  }
}

}  // namespace
}  // namespace strongroom::kms::testing
