// Which condition keys each operation has, as an authorizer is shown them: every operation of the service, every key of
// spec/kms.md 6.9.
#include "kms/access/conditions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <map>
#include <mutex>
#include <set>

#include "aws/policy/engine.h"
#include "kms/access/condition_rows_for_tests.h"
#include "kms/attestation/verifier.h"
#include "kms/ops/all.h"
#include "kms/testing/attestation_maker.h"
#include "kms/testing/fake_service.h"

namespace strongroom::kms::testing {
namespace {
namespace json = boost::json;
using Row = ConditionRow;
using Want = WantedQuestion;

/// In another case than they are documented in: case is ignored.
const std::vector<std::string> kAllKeys = {"KMS:bypasspolicylockoutsafetycheck",
                                           "kms:calleraccount",
                                           "kms:CustomerMasterKeySpec",
                                           "kms:CustomerMasterKeyUsage",
                                           "kms:DataKeyPairSpec",
                                           "kms:EncryptionAlgorithm",
                                           "kms:EncryptionContext:dept",
                                           "kms:EncryptionContextKeys",
                                           "kms:ExpirationModel",
                                           "kms:GrantConstraintType",
                                           "kms:GrantIsForAWSResource",
                                           "kms:GrantOperations",
                                           "kms:GranteePrincipal",
                                           "kms:KeyAgreementAlgorithm",
                                           "kms:KeyOrigin",
                                           "kms:KeySpec",
                                           "kms:KeyUsage",
                                           "kms:MacAlgorithm",
                                           "kms:MessageType",
                                           "kms:MultiRegion",
                                           "kms:MultiRegionKeyType",
                                           "kms:PrimaryRegion",
                                           "kms:ReEncryptOnSameKey",
                                           "kms:ReplicaRegion",
                                           "kms:RequestAlias",
                                           "kms:ResourceAliases",
                                           "kms:RetiringPrincipal",
                                           "kms:RotationPeriodInDays",
                                           "kms:ScheduleKeyDeletionPendingWindowInDays",
                                           "kms:SigningAlgorithm",
                                           "kms:ValidTo",
                                           "kms:ViaService",
                                           "kms:WrappingAlgorithm",
                                           "kms:WrappingKeySpec",
                                           "kms:RecipientAttestation:PCR0",
                                           "kms:RecipientAttestation:ImageSha384",
                                           "aws:requesttag/TEAM",
                                           "aws:resourcetag/PROJECT",
                                           "aws:TagKeys",
                                           "kms:NoSuchKey",
                                           "s3:prefix"};

struct Asked {
  std::string action, resource, region;
  bool policy = false;
  Conditioned conditions;  // "kms:KeySpec=RSA_2048"; values in order, joined by commas
};

/// Writes down what it is asked, and allows so many questions before it refuses: what is only asked changes nothing.
class Recorder final : public ports::Authorizer {
 public:
  void Begin(std::size_t allowed) {
    asked_.clear();
    allowed_ = allowed;
  }
  const std::vector<Asked>& asked() const { return asked_; }

  ports::Decision Decide(const ports::Question& question) const override {
    Asked one{std::string(question.action),
              std::string(question.resource),
              std::string(question.request.region),
              question.policy != nullptr,
              {}};
    for (const std::string& key : kAllKeys) {
      ports::ConditionValues values;
      const bool found = question.source != nullptr && question.source->Find(key, values);
      if (found != (values.size() != 0)) ADD_FAILURE() << key << " is there without a value, or the reverse";
      std::string text = key + "=";
      for (const std::string_view value : values) text += (text.ends_with('=') ? "" : ",") + std::string(value);
      if (question.context != nullptr) {
        if (const auto in = question.context->find(key); in != question.context->end()) text += in->second.front();
      }
      if (!text.ends_with('=')) one.conditions.insert(text);
    }
    // The same question, once more with what had to be read first.
    if (!asked_.empty() && asked_.back().action == one.action && asked_.back().resource == one.resource)
      asked_.pop_back();
    asked_.push_back(std::move(one));
    return {.allowed = asked_.size() <= allowed_, .message = "no"};
  }

 private:
  Result<std::shared_ptr<const ports::Policy>> DoCompile(ports::PolicyKind kind, std::string_view text,
                                                         const ports::PrincipalIds&) const override {
    return engine_.Compile(kind, text);
  }
  aws::PolicyEngine engine_;
  mutable std::vector<Asked> asked_;
  std::size_t allowed_ = 1000;
};

Conditioned OfKey(const std::string& spec, const std::string& usage = "ENCRYPT_DECRYPT",
                  const std::string& origin = "AWS_KMS", const std::string& type = "") {
  Conditioned set{"kms:calleraccount=111122223333",
                  "kms:CustomerMasterKeySpec=" + spec,
                  "kms:CustomerMasterKeyUsage=" + usage,
                  "kms:KeyOrigin=" + origin,
                  "kms:KeySpec=" + spec,
                  "kms:KeyUsage=" + usage,
                  std::string("kms:MultiRegion=") + (type.empty() ? "false" : "true")};
  if (!type.empty()) set.insert("kms:MultiRegionKeyType=" + type);
  return set;
}
/// What the keys $SYM, $RSA and so on are; $SYM has tags and aliases.
Conditioned Base(const std::string& name) {
  if (name.empty()) return {"kms:calleraccount=111122223333"};
  if (name == "SYM") {
    Conditioned set = OfKey("SYMMETRIC_DEFAULT");
    set.insert({"aws:resourcetag/PROJECT=blue", "kms:ResourceAliases=alias/one,alias/two"});
    return set;
  }
  if (name == "OTHER") return OfKey("SYMMETRIC_DEFAULT");
  if (name == "RSA") return OfKey("RSA_2048", "SIGN_VERIFY");
  if (name == "HMAC") return OfKey("HMAC_256", "GENERATE_VERIFY_MAC");
  if (name == "ECDH") return OfKey("ECC_NIST_P256", "KEY_AGREEMENT");
  if (name == "EXT") return OfKey("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "EXTERNAL");
  return OfKey("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "AWS_KMS", "PRIMARY");  // MRK
}

/// One service for all rows: what is only asked changes nothing in it.
class ConditionTable : public ::testing::TestWithParam<Row> {
 protected:
  static void SetUpTestSuite() {
    service_ = std::make_unique<FakeService>();
    FakeService& s = *service_;
    recorder_ = std::make_shared<Recorder>();
    auto& names = *names_;
    names["$SYM"] = s.NewKey({{"Tags", OneTag("Project", "blue")}});
    names["$OTHER"] = s.NewKey();
    names["$RSA"] = s.NewKey({{"KeySpec", "RSA_2048"}, {"KeyUsage", "SIGN_VERIFY"}});
    names["$HMAC"] = s.NewKey({{"KeySpec", "HMAC_256"}, {"KeyUsage", "GENERATE_VERIFY_MAC"}});
    names["$ECDH"] = s.NewKey({{"KeySpec", "ECC_NIST_P256"}, {"KeyUsage", "KEY_AGREEMENT"}});
    names["$EXT"] = s.NewKey({{"Origin", "EXTERNAL"}});
    names["$MRK"] = s.NewKey({{"MultiRegion", true}});
    names["$REGION"] = "arn:aws:kms:eu-central-1:111122223333";
    names["$SYMARN"] = names["$REGION"] + ":key/" + names["$SYM"];
    names["$ROOT"] = kRoot;
    for (const char* alias : {"alias/one", "alias/two"})
      s.Call("CreateAlias", {{"AliasName", alias}, {"TargetKeyId", names["$SYM"]}});
    names["$BLOB"] = Base64(s.Encrypted(names["$SYM"], "x", {{"Dept", "IT"}, {"Level", "3"}}));
    names["$GRANT"] =
        s.Call("CreateGrant",
               {{"KeyId", names["$SYM"]}, {"GranteePrincipal", kRoot}, {"Operations", json::array{"RetireGrant"}}})
            .Text("GrantId");
    s.RestartAsking(recorder_);
  }
  static void TearDownTestSuite() {
    service_.reset();
    recorder_.reset();
    names_->clear();
  }
  /// The longest names first, so that $SYMARN is not taken for $SYM.
  static std::string Filled(std::string text) {
    for (auto it = names_->rbegin(); it != names_->rend(); ++it)
      for (std::size_t at = text.find(it->first); at != std::string::npos; at = text.find(it->first))
        text.replace(at, it->first.size(), it->second);
    return text;
  }
  static std::string ResourceOf(const Want& want) {
    if (!want.resource.empty()) return Filled(want.resource);
    return names_->at("$REGION") + ":key/" + names_->at("$" + want.key);
  }
  static Conditioned ConditionsOf(const Want& want) {
    Conditioned all =
        want.key == "REPLICA" ? OfKey("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "AWS_KMS", "REPLICA") : Base(want.key);
    all.insert(want.more.begin(), want.more.end());
    return all;
  }

  static inline std::unique_ptr<FakeService> service_;
  static inline std::shared_ptr<Recorder> recorder_;
  static inline auto names_ = std::make_unique<std::map<std::string, std::string>>();
};

TEST_P(ConditionTable, HasTheseAndNoOthers) {
  const Row& row = GetParam();
  recorder_->Begin(row.wants.size() - 1);
  const Answer answer = service_->Call(row.operation, json::parse(Filled(row.body)));
  EXPECT_NE(answer.status, 200u) << answer.raw;
  const std::vector<Asked>& asked = recorder_->asked();
  ASSERT_GE(asked.size(), row.wants.size()) << answer.raw;
  for (std::size_t i = 0; i < row.wants.size(); ++i) {
    const Want& want = row.wants[i];
    SCOPED_TRACE(want.action);
    EXPECT_EQ(asked[i].action, want.action);
    const std::string resource = ResourceOf(want);
    if (resource.ends_with("mrk-*"))
      EXPECT_THAT(asked[i].resource, ::testing::StartsWith(resource.substr(0, resource.size() - 1)));
    else
      EXPECT_EQ(asked[i].resource, resource);
    EXPECT_EQ(asked[i].conditions, ConditionsOf(want));
    EXPECT_EQ(asked[i].region, want.key == "REPLICA" ? "us-west-2" : std::string(kRegion));
    // Only what is done to a key that is there is judged by its policy.
    EXPECT_EQ(asked[i].policy, want.resource.empty());
  }
}

INSTANTIATE_TEST_SUITE_P(Conditions, ConditionTable, ::testing::ValuesIn(kConditionRows),
                         [](const auto& info) { return info.param.name; });

TEST(ConditionTableItself, HasEveryOperation) {
  std::set<std::string_view> rows, operations;
  for (const Row& row : kConditionRows) rows.insert(row.operation);
  for (const aws::Operation* operation : kAllRows) operations.insert(operation->name());
  EXPECT_EQ(rows, operations);
}

TEST(ConditionTableItself, HasEveryKeyButThoseThatNoRequestHas) {
  Conditioned seen;
  for (const Row& row : kConditionRows)
    for (const Want& want : row.wants) {
      Conditioned all = Base(want.key);
      all.insert(want.more.begin(), want.more.end());
      for (const std::string& one : all) seen.insert(one.substr(0, one.find('=')));
    }
  Conditioned without;
  for (const std::string& key : kAllKeys)
    if (!seen.contains(key)) without.insert(key);
  EXPECT_EQ(without, (Conditioned{"kms:ViaService", "kms:RecipientAttestation:PCR0",
                                  "kms:RecipientAttestation:ImageSha384", "kms:NoSuchKey", "s3:prefix"}));
}

TEST(AttestedConditions, AreSeenWithARecipient) {
  const AttestationMaker enclave;
  FakeService service;
  const std::string key = service.NewKey();
  service.RestartTrusting(AttestationVerifier::Make(enclave.root().ToPem()).value());
  const auto recorder = std::make_shared<Recorder>();
  service.RestartAsking(recorder);
  const auto pair = crypto::PrivateKey::Generate(crypto::KeySpec::kRsa2048).value();
  const json::object recipient{{"KeyEncryptionAlgorithm", "RSAES_OAEP_SHA_256"},
                               {"AttestationDocument", Base64(enclave.Document(pair.public_key()))}};
  recorder->Begin(0);
  service.Call("GenerateDataKey", {{"KeyId", key}, {"KeySpec", "AES_256"}, {"Recipient", recipient}});
  ASSERT_EQ(recorder->asked().size(), 1u);
  const auto attested = ::testing::StartsWith("kms:RecipientAttestation:");
  EXPECT_THAT(recorder->asked()[0].conditions, ::testing::Contains(attested).Times(2));
}

TEST(LazyConditions, APolicyWithoutThemAsksForNothing) {
  FakeService service;
  const std::string key = service.NewKey(), other = service.NewKey();
  const auto labels = [&](const std::string& id) {
    const KeyPtr warm = service.kms().keys().Warm(kAccount, kRegion, id);
    return warm ? warm->labels.load() : nullptr;
  };
  const auto describe = [&](const std::string& id) {
    return service.Call("DescribeKey", {{"KeyId", id}}, "111122223333.alice").status;
  };
  service.credentials().Attach("111122223333.alice", R"({"Version":"2012-10-17","Statement":[
      {"Effect":"Allow","Action":"kms:DescribeKey","Resource":"*"}]})");
  EXPECT_EQ(describe(key), 200u);
  EXPECT_EQ(labels(key), nullptr);
  service.credentials().Attach("111122223333.alice", R"({"Version":"2012-10-17","Statement":[
      {"Effect":"Deny","Action":"kms:DescribeKey","Resource":"*",
       "Condition":{"StringEquals":{"aws:ResourceTag/a":"b"}}}]})");
  EXPECT_EQ(describe(other), 200u);
  EXPECT_NE(labels(other), nullptr);
  EXPECT_EQ(labels(key), nullptr);
}

/// What a policy does not ask for is not worked out: nothing is read for it, and nothing allocated.
TEST(LazyConditions, LabelsAreReadWhenAskedForAndKnownAfterwards) {
  const aws::Fields body{json::object()};
  const ports::Caller caller;
  const aws::Call call{.caller = caller,
                       .region = kRegion,
                       .request_id = "",
                       .operation = "DescribeKey",
                       .iam_action = "kms:DescribeKey",
                       .source_ip = "",
                       .user_agent = "",
                       .time = {},
                       .body = body};
  Key key;
  Conditions conditions(call, "kms:DescribeKey", &key);
  ports::ConditionValues values;
  EXPECT_TRUE(conditions.Find("kms:KeySpec", values));
  EXPECT_FALSE(conditions.wants_labels());
  EXPECT_FALSE(conditions.Find("aws:ResourceTag/Project", values));
  EXPECT_TRUE(conditions.wants_labels());
  KeyLabels labels{.tags = {{"project", "blue"}, {"Project", "red"}}, .aliases = {}};
  conditions.Use(labels);
  values.Clear();
  EXPECT_TRUE(conditions.Find("aws:ResourceTag/Project", values));
  EXPECT_EQ(values.size(), 2u) << "tags whose keys differ in case only are one condition key";
  EXPECT_FALSE(conditions.wants_labels());
  key.labels.store(std::make_shared<const KeyLabels>(KeyLabels{.tags = {}, .aliases = std::vector<std::string>(51)}));
  const Conditions again(call, "kms:DescribeKey", &key);
  values.Clear();
  EXPECT_FALSE(again.Find("kms:ResourceAliases", values)) << "over 50 aliases count as none";
  EXPECT_FALSE(again.wants_labels());
}

}  // namespace
}  // namespace strongroom::kms::testing
