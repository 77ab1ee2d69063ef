// Table 2.6 of spec/kms.md: what each operation answers for a key in each state.
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <iterator>
#include <map>
#include <sstream>

#include "crypto/key_pair.h"
#include "kms/keys/key_set.h"
#include "kms/keys/policy.h"
#include "kms/ops/all.h"
#include "kms/testing/fake_service.h"

namespace strongroom::kms::testing {
namespace {
namespace json = boost::json;

std::string Arn(const std::string& id) { return "arn:aws:kms:eu-central-1:111122223333:key/" + id; }

/// One operation's line of the table.
struct Row {
  std::string operation;
  /// What it answers in each of kStates: codes of table 2.5, "ok", or "-" for a state that its keys cannot be in.
  std::string answers;
  json::object key = {};   // of CreateKey; empty: a symmetric key
  json::object body = {};  // beside KeyId; texts in capitals stand for what World::Fill puts there
};

/// PRD, PendingReplicaDeletion, answers as PD does.
const char* const kStates[] = {"Enabled",       "Disabled", "PendingDeletion", "Unavailable",
                               "PendingImport", "Creating", "Updating",        "PendingReplicaDeletion"};
constexpr std::size_t kPendingDeletion = 2, kPendingReplicaDeletion = 7;

const json::object kSigning{{"KeySpec", "ECC_NIST_P256"}, {"KeyUsage", "SIGN_VERIFY"}};
const json::object kMac{{"KeySpec", "HMAC_256"}, {"KeyUsage", "GENERATE_VERIFY_MAC"}};
const json::object kAgreement{{"KeySpec", "ECC_NIST_P256"}, {"KeyUsage", "KEY_AGREEMENT"}};
const json::object kMultiRegion{{"MultiRegion", true}};
const json::object kImported{{"Origin", "EXTERNAL"}};
const json::object kWrapping{{"WrappingAlgorithm", "RSAES_OAEP_SHA_256"}, {"WrappingKeySpec", "RSA_2048"}};
const json::object kImport{
    {"ImportToken", "MADE"}, {"EncryptedKeyMaterial", "WRAPPED"}, {"ExpirationModel", "KEY_MATERIAL_DOES_NOT_EXPIRE"}};
const json::object kSign{{"Message", B64("hi")}, {"SigningAlgorithm", "ECDSA_SHA_256"}};
const json::object kSignature{{"Message", B64("hi")}, {"SigningAlgorithm", "ECDSA_SHA_256"}, {"Signature", "MADE"}};
const json::object kMacMade{{"Message", B64("hi")}, {"MacAlgorithm", "HMAC_SHA_256"}, {"Mac", "MADE"}};
const json::object kGrant{{"GranteePrincipal", "arn:aws:iam::111122223333:root"}, {"Operations", {"Encrypt"}}};
const json::array kTags{{{"TagKey", "a"}, {"TagValue", "b"}}};

constexpr char kUse[] = "ok S1 S3 S11 S5 S14 ok", kUseInDomain[] = "ok S1 S3 - S5 S14 ok";
constexpr char kAlways[] = "ok ok ok ok ok ok ok", kNotWhilePending[] = "ok ok S3 ok ok ok ok";

const Row kRows[] = {
    {"CancelKeyDeletion", "S4 S4 ok S4 S4 S4 S4"},
    {"CreateAlias", kNotWhilePending, {}, {{"AliasName", "NEWALIAS"}, {"TargetKeyId", "KEY"}}},
    {"CreateGrant", "ok S1 S3 ok S5 S14 ok", {}, kGrant},
    {"Encrypt", kUse, {}, {{"Plaintext", B64("hi")}}},
    {"Decrypt", kUse, {}, {{"CiphertextBlob", "MADE"}}},
    {"ReEncrypt", kUse, {}, {{"CiphertextBlob", "MADE"}, {"DestinationKeyId", "OTHER"}}},
    {"GenerateDataKey", kUse, {}, {{"KeySpec", "AES_256"}}},
    {"GenerateDataKeyWithoutPlaintext", kUse, {}, {{"KeySpec", "AES_256"}}},
    {"GenerateDataKeyPair", kUse, {}, {{"KeyPairSpec", "ECC_NIST_P256"}}},
    {"GenerateDataKeyPairWithoutPlaintext", kUse, {}, {{"KeyPairSpec", "ECC_NIST_P256"}}},
    {"Sign", kUseInDomain, kSigning, kSign},
    {"Verify", kUseInDomain, kSigning, kSignature},
    {"GenerateMac", kUseInDomain, kMac, {{"Message", B64("hi")}, {"MacAlgorithm", "HMAC_SHA_256"}}},
    {"VerifyMac", kUseInDomain, kMac, kMacMade},
    {"GetPublicKey", kUseInDomain, kSigning},
    {"DeriveSharedSecret", kUseInDomain, kAgreement, {{"KeyAgreementAlgorithm", "ECDH"}, {"PublicKey", "MADE"}}},
    {"DeleteAlias", kAlways, {}, {{"AliasName", "ALIAS"}}},
    {"UpdateAlias", kNotWhilePending, {}, {{"AliasName", "alias/other"}, {"TargetKeyId", "KEY"}}},
    {"DescribeKey", kAlways},
    {"GetKeyPolicy", kAlways},
    {"PutKeyPolicy", kAlways, {}, {{"Policy", DefaultPolicy(kAccount)}}},
    {"GetKeyLastUsage", kAlways},
    {"ListAliases", kAlways},
    {"ListGrants", kAlways},
    {"ListKeyPolicies", kAlways},
    {"ListKeyRotations", "ok ok ok U7 ok ok ok"},
    {"ListResourceTags", kAlways},
    {"RetireGrant", kAlways, {}, {{"GrantId", "GRANT"}}},
    {"RevokeGrant", kAlways, {}, {{"GrantId", "GRANT"}}},
    {"EnableKey", "ok ok S3 ok S5 S14 S15"},
    {"DisableKey", "ok ok S3 ok S5 S14 S15"},
    {"EnableKeyRotation", "ok S1 S3 U7 U6 S14 ok"},
    {"DisableKeyRotation", "ok S1 S3 U7 U6 S14 ok"},
    {"GetKeyRotationStatus", "ok ok ok U7 ok ok ok"},
    {"RotateKeyOnDemand", "ok S1 S3 U7 S5 S14 ok"},
    {"GetParametersForImport", "ok ok S3 U7 ok S14 S15", kImported, kWrapping},
    {"ImportKeyMaterial", "ok ok S3 U7 ok S14 ok", kImported, kImport},
    {"DeleteImportedKeyMaterial", "ok ok ok U7 ok S14 S15", kImported},
    {"ReplicateKey", "ok S1 S3 - S5 S14 S15", kMultiRegion, {{"ReplicaRegion", kThirdRegion}}},
    {"UpdatePrimaryRegion", "ok S1 S3 - S5 S14 ok", kMultiRegion, {{"PrimaryRegion", kOtherRegion}}},
    {"ScheduleKeyDeletion", "ok ok S3 ok ok ok S15"},
    {"TagResource", kNotWhilePending, {}, {{"Tags", kTags}}},
    {"UntagResource", kNotWhilePending, {}, {{"TagKeys", {"a"}}}},
    {"UpdateKeyDescription", kNotWhilePending, {}, {{"Description", "d"}}},
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
  /// As DescribeKey has it, once what replications began has ended.
  std::string State(const std::string& state) {
    const std::string id = key(state).key;
    service_.RunTask(EndTransitions(service_.kms()));
    Bring(id, state);
    return service_.Call("DescribeKey", {{"KeyId", id}}).Text("KeyMetadata.KeyState");
  }
  const std::string& connected() const { return connected_; }
  const std::string& disconnected() const { return disconnected_; }

  json::object Fill(const Row& row, const std::string& state) {
    const Made& made = key(state);
    json::object body = row.body;
    const std::map<std::string, std::string> stand_ins{{"KEY", made.key},
                                                       {"GRANT", made.grant},
                                                       {"MADE", made.made},
                                                       {"WRAPPED", wrapped_},
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
    if (more.contains("Origin") && state != "Unavailable") made.made = Import(made.key);
    if (made.made.empty()) made.made = Product(row, made.key);
    if (row.operation == "UpdatePrimaryRegion" && more.contains("MultiRegion"))
      service_.Call("ReplicateKey", {{"KeyId", made.key}, {"ReplicaRegion", kOtherRegion}});
    Bring(made.key, state);
    return made;
  }
  void Bring(const std::string& key, const std::string& state) {
    if (state == "Disabled") service_.Call("DisableKey", {{"KeyId", key}});
    if (state == "PendingDeletion") service_.Call("ScheduleKeyDeletion", {{"KeyId", key}});
    const auto set = [&](const std::string& what) {
      service_.Sql("UPDATE kms_keys SET " + what + " WHERE key_id = $1 AND region = $2", {key, store::Text(kRegion)});
    };
    // What AWS passes through within seconds is held here.
    if (state == "Creating") set("transition = 'CREATING'");
    if (state == "Updating") set("transition = 'UPDATING'");
    if (state == "PendingReplicaDeletion") set("pending_window_days = 7");
    // Whatever it is to a replica.
    if (state == "PendingDeletion") set("deletion_at = COALESCE(deletion_at, created_at + 864000000)");
    if (state != "PendingImport") return;
    set("origin = 'EXTERNAL'");
    service_.Sql("UPDATE kms_materials SET token = NULL WHERE key_id = $1", {key});
  }
  /// Gives the key its material; the import token. The double has one wrapping pair for all keys.
  std::string Import(const std::string& key) {
    json::object request = kWrapping;
    request["KeyId"] = key;
    const Answer parameters = service_.Call("GetParametersForImport", request);
    const auto wrapping_key = crypto::PublicKey::FromSpki(FromB64(parameters.Text("PublicKey")));
    const auto material = SecretBuffer::CopyOf(Bytes(32, 7));
    wrapped_ = Base64(wrapping_key->EncryptOaep(crypto::OaepHash::kSha256, {}, *material).value());
    request = kImport;
    request["KeyId"] = key;
    request["ImportToken"] = parameters.Text("ImportToken");
    request["EncryptedKeyMaterial"] = wrapped_;
    const Answer imported = service_.Call("ImportKeyMaterial", request);
    EXPECT_TRUE(imported.ok()) << imported.raw;
    return parameters.Text("ImportToken");
  }
  /// What the key has to have made before.
  std::string Product(const Row& row, const std::string& key) {
    json::object body{{"KeyId", key}, {"Message", B64("hi")}};
    if (row.operation == "ImportKeyMaterial") return B64("of another origin");
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
  std::string store_, connected_, disconnected_, other_, wrapped_;
  std::map<std::string, Made> keys_;
};

class StateTable : public ::testing::TestWithParam<Row> {};
TEST_P(StateTable, AnswersAsTheRowSays) {
  const Row& row = GetParam();
  World world(row);
  ASSERT_EQ(world.connected(), "CONNECTED");
  ASSERT_EQ(world.disconnected(), "DISCONNECTED");
  std::istringstream answers(row.answers);
  std::vector<std::string> wanted(std::istream_iterator<std::string>(answers), {});
  ASSERT_EQ(wanted.size(), kPendingReplicaDeletion);
  wanted.push_back(wanted[kPendingDeletion]);
  for (std::size_t i = 0; i < std::size(kStates); ++i) {
    if (wanted[i] == "-") continue;
    const std::string arn = Arn(world.key(kStates[i]).key);
    ASSERT_EQ(world.State(kStates[i]), kStates[i]);
    const Answer answer = world.service().Call(row.operation, world.Fill(row, kStates[i]));
    const std::string origin = "UnsupportedOperationException " + arn + " origin is ";
    const std::map<std::string, std::string> texts{
        {"ok", " "},
        {"S1", "DisabledException " + arn + " is disabled."},
        {"S3", "KMSInvalidStateException " + arn + " is pending deletion."},
        {"S4", "KMSInvalidStateException " + arn + " is not pending deletion."},
        {"S5", "KMSInvalidStateException " + arn + " is pending import."},
        {"S11", "KMSInvalidStateException " + arn + " is unavailable."},
        {"S14", "KMSInvalidStateException " + arn + " is creating."},
        {"S15", "KMSInvalidStateException " + arn + " is updating."},
        {"U6", origin + "EXTERNAL which is not valid for this operation."},
        {"U7", origin + "AWS_CLOUDHSM which is not valid for this operation."}};
    EXPECT_EQ(answer.type + " " + answer.message, texts.at(wanted[i])) << kStates[i];
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
