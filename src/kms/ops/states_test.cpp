// Table 2.6 of spec/kms.md: what each operation answers for a key in each state.
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>

#include "kms/keys/policy.h"
#include "kms/ops/all.h"
#include "kms/testing/fake_service.h"

namespace strongroom::kms::testing {
namespace {
namespace json = boost::json;

std::string Arn(const std::string& id) { return "arn:aws:kms:eu-central-1:111122223333:key/" + id; }

/// One operation's line of the table: codes of table 2.5, "ok", or "-" for a state that its keys cannot be in.
struct Row {
  std::string operation, enabled, disabled, pending_deletion, unavailable;
  json::object key = {};   // of CreateKey; empty: a symmetric key
  json::object body = {};  // beside KeyId; texts in capitals stand for what World::Fill puts there
};

const json::object kSigning{{"KeySpec", "ECC_NIST_P256"}, {"KeyUsage", "SIGN_VERIFY"}};
const json::object kMac{{"KeySpec", "HMAC_256"}, {"KeyUsage", "GENERATE_VERIFY_MAC"}};
const json::object kAgreement{{"KeySpec", "ECC_NIST_P256"}, {"KeyUsage", "KEY_AGREEMENT"}};
const json::object kSign{{"Message", B64("hi")}, {"SigningAlgorithm", "ECDSA_SHA_256"}};
const json::object kSignature{{"Message", B64("hi")}, {"SigningAlgorithm", "ECDSA_SHA_256"}, {"Signature", "MADE"}};
const json::object kMacMade{{"Message", B64("hi")}, {"MacAlgorithm", "HMAC_SHA_256"}, {"Mac", "MADE"}};
const json::array kTags{{{"TagKey", "a"}, {"TagValue", "b"}}};

const Row kRows[] = {
    {"CancelKeyDeletion", "S4", "S4", "ok", "S4"},
    {"CreateAlias", "ok", "ok", "S3", "ok", {}, {{"AliasName", "NEWALIAS"}, {"TargetKeyId", "KEY"}}},
    {"CreateGrant",
     "ok",
     "S1",
     "S3",
     "ok",
     {},
     {{"GranteePrincipal", "arn:aws:iam::111122223333:root"}, {"Operations", {"Encrypt"}}}},
    {"Encrypt", "ok", "S1", "S3", "S11", {}, {{"Plaintext", B64("hi")}}},
    {"Decrypt", "ok", "S1", "S3", "S11", {}, {{"CiphertextBlob", "MADE"}}},
    {"ReEncrypt", "ok", "S1", "S3", "S11", {}, {{"CiphertextBlob", "MADE"}, {"DestinationKeyId", "OTHER"}}},
    {"GenerateDataKey", "ok", "S1", "S3", "S11", {}, {{"KeySpec", "AES_256"}}},
    {"GenerateDataKeyWithoutPlaintext", "ok", "S1", "S3", "S11", {}, {{"KeySpec", "AES_256"}}},
    {"GenerateDataKeyPair", "ok", "S1", "S3", "S11", {}, {{"KeyPairSpec", "ECC_NIST_P256"}}},
    {"GenerateDataKeyPairWithoutPlaintext", "ok", "S1", "S3", "S11", {}, {{"KeyPairSpec", "ECC_NIST_P256"}}},
    {"Sign", "ok", "S1", "S3", "-", kSigning, kSign},
    {"Verify", "ok", "S1", "S3", "-", kSigning, kSignature},
    {"GenerateMac", "ok", "S1", "S3", "-", kMac, {{"Message", B64("hi")}, {"MacAlgorithm", "HMAC_SHA_256"}}},
    {"VerifyMac", "ok", "S1", "S3", "-", kMac, kMacMade},
    {"GetPublicKey", "ok", "S1", "S3", "-", kSigning},
    {"DeriveSharedSecret",
     "ok",
     "S1",
     "S3",
     "-",
     kAgreement,
     {{"KeyAgreementAlgorithm", "ECDH"}, {"PublicKey", "MADE"}}},
    {"DeleteAlias", "ok", "ok", "ok", "ok", {}, {{"AliasName", "ALIAS"}}},
    {"UpdateAlias", "ok", "ok", "S3", "ok", {}, {{"AliasName", "alias/other"}, {"TargetKeyId", "KEY"}}},
    {"DescribeKey", "ok", "ok", "ok", "ok"},
    {"GetKeyPolicy", "ok", "ok", "ok", "ok"},
    {"PutKeyPolicy", "ok", "ok", "ok", "ok", {}, {{"Policy", DefaultPolicy(kAccount)}}},
    {"GetKeyLastUsage", "ok", "ok", "ok", "ok"},
    {"ListAliases", "ok", "ok", "ok", "ok"},
    {"ListGrants", "ok", "ok", "ok", "ok"},
    {"ListKeyPolicies", "ok", "ok", "ok", "ok"},
    {"ListResourceTags", "ok", "ok", "ok", "ok"},
    {"RetireGrant", "ok", "ok", "ok", "ok", {}, {{"GrantId", "GRANT"}}},
    {"RevokeGrant", "ok", "ok", "ok", "ok", {}, {{"GrantId", "GRANT"}}},
    {"EnableKey", "ok", "ok", "S3", "ok"},
    {"DisableKey", "ok", "ok", "S3", "ok"},
    {"ScheduleKeyDeletion", "ok", "ok", "S3", "ok"},
    {"TagResource", "ok", "ok", "S3", "ok", {}, {{"Tags", kTags}}},
    {"UntagResource", "ok", "ok", "S3", "ok", {}, {{"TagKeys", {"a"}}}},
    {"UpdateKeyDescription", "ok", "ok", "S3", "ok", {}, {{"Description", "d"}}},
};

/// Operations that no key's state concerns.
const std::string_view kOnNoKey[] = {
    "ConnectCustomKeyStore",    "CreateCustomKeyStore", "CreateKey", "DeleteCustomKeyStore", "DescribeCustomKeyStores",
    "DisconnectCustomKeyStore", "GenerateRandom",       "ListKeys",  "ListRetirableGrants",  "UpdateCustomKeyStore",
};

bool IsThere(std::string_view operation) {
  return std::ranges::any_of(kAllRows, [&](const aws::Operation* one) { return one->name() == operation; });
}

TEST(States, CoverEveryOperation) {
  for (const aws::Operation* operation : kAllRows) {
    const bool has_row = std::ranges::any_of(kRows, [&](const Row& row) { return row.operation == operation->name(); });
    const bool has_none = std::ranges::find(kOnNoKey, operation->name()) != std::end(kOnNoKey);
    EXPECT_TRUE(has_row != has_none) << operation->name() << " needs a row in this table";
  }
}

const char* const kStates[] = {"Enabled", "Disabled", "PendingDeletion", "Unavailable"};

/// A key in each state, with what the operation needs beside it.
class World {
 public:
  struct Made {
    std::string key, grant, made;
  };
  explicit World(const Row& row) {
    service_.MakeCluster();
    store_ = service_.NewStore();
    connected_ = service_.Connect(store_);
    other_ = service_.NewKey();
    service_.Call("CreateAlias", {{"AliasName", "alias/other"}, {"TargetKeyId", other_}});
    for (const std::string state : kStates) keys_[state] = Make(row, state);
    disconnected_ = service_.Disconnect(store_);
  }
  FakeService& service() { return service_; }
  const Made& key(const std::string& state) { return keys_.at(state); }
  const std::string& connected() const { return connected_; }
  const std::string& disconnected() const { return disconnected_; }

  json::object Fill(const Row& row, const std::string& state) {
    const Made& made = key(state);
    json::object body = row.body;
    const std::map<std::string, std::string> stand_ins{{"KEY", made.key},
                                                       {"GRANT", made.grant},
                                                       {"MADE", made.made},
                                                       {"OTHER", other_},
                                                       {"ALIAS", "alias/" + row.operation + state},
                                                       {"NEWALIAS", "alias/new/" + row.operation + state}};
    bool names_key = false;
    for (auto& [name, value] : body) {
      if (!value.is_string()) continue;
      const auto found = stand_ins.find(std::string(value.get_string().c_str()));
      if (found == stand_ins.end()) continue;
      names_key = names_key || found->first == "KEY" || found->first == "ALIAS";
      value = found->second;
    }
    if (!names_key && row.operation != "ReEncrypt") body["KeyId"] = made.key;
    return body;
  }

 private:
  Made Make(const Row& row, const std::string& state) {
    Made made;
    json::object more = row.key;
    if (state == "Unavailable") more = {{"Origin", "AWS_CLOUDHSM"}, {"CustomKeyStoreId", store_}};
    made.key = service_.NewKey(more);
    service_.Call("CreateAlias", {{"AliasName", "alias/" + row.operation + state}, {"TargetKeyId", made.key}});
    made.grant = service_
                     .Call("CreateGrant", {{"KeyId", made.key},
                                           {"GranteePrincipal", "arn:aws:iam::111122223333:root"},
                                           {"Operations", {"DescribeKey"}}})
                     .Text("GrantId");
    made.made = Product(row, made.key);
    if (state == "Disabled") service_.Call("DisableKey", {{"KeyId", made.key}});
    if (state == "PendingDeletion") service_.Call("ScheduleKeyDeletion", {{"KeyId", made.key}});
    return made;
  }
  /// What the key has to have made before.
  std::string Product(const Row& row, const std::string& key) {
    json::object body{{"KeyId", key}, {"Message", B64("hi")}};
    if (row.operation == "Decrypt" || row.operation == "ReEncrypt") return Base64(service_.Encrypted(key, "hi"));
    if (row.operation == "DeriveSharedSecret") return service_.Call("GetPublicKey", {{"KeyId", key}}).Text("PublicKey");
    if (row.operation == "Verify") {
      body["SigningAlgorithm"] = "ECDSA_SHA_256";
      return service_.Call("Sign", body).Text("Signature");
    }
    if (row.operation == "VerifyMac") {
      body["MacAlgorithm"] = "HMAC_SHA_256";
      return service_.Call("GenerateMac", body).Text("Mac");
    }
    return "";
  }

  FakeService service_;
  std::string store_, connected_, disconnected_, other_;
  std::map<std::string, Made> keys_;
};

class StateTable : public ::testing::TestWithParam<Row> {};
TEST_P(StateTable, AnswersAsTheRowSays) {
  const Row& row = GetParam();
  World world(row);
  ASSERT_EQ(world.connected(), "CONNECTED");
  ASSERT_EQ(world.disconnected(), "DISCONNECTED");
  const std::string* const wanted[] = {&row.enabled, &row.disabled, &row.pending_deletion, &row.unavailable};
  for (std::size_t i = 0; i < std::size(kStates); ++i) {
    if (*wanted[i] == "-") continue;
    const std::string arn = Arn(world.key(kStates[i]).key);
    ASSERT_EQ(world.service().Call("DescribeKey", {{"KeyId", arn}}).Text("KeyMetadata.KeyState"), kStates[i]);
    const Answer answer = world.service().Call(row.operation, world.Fill(row, kStates[i]));
    const std::map<std::string, std::string> texts{
        {"ok", " "},
        {"S1", "DisabledException " + arn + " is disabled."},
        {"S3", "KMSInvalidStateException " + arn + " is pending deletion."},
        {"S4", "KMSInvalidStateException " + arn + " is not pending deletion."},
        {"S11", "KMSInvalidStateException " + arn + " is unavailable."}};
    EXPECT_EQ(answer.type + " " + answer.message, texts.at(*wanted[i])) << kStates[i];
  }
}
std::vector<Row> RowsOfWhatIsThere() {
  std::vector<Row> rows;
  std::ranges::copy_if(kRows, std::back_inserter(rows), [](const Row& row) { return IsThere(row.operation); });
  return rows;
}
INSTANTIATE_TEST_SUITE_P(States, StateTable, ::testing::ValuesIn(RowsOfWhatIsThere()),
                         [](const auto& row) { return row.param.operation; });

}  // namespace
}  // namespace strongroom::kms::testing
