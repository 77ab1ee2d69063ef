#include "trail/record/record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "trail/record/facts.h"
#include "trail/record/identity.h"
#include "trail/record/services_for_tests.h"
#include "trail/segment/entry.h"

namespace strongroom::trail {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kArn = "arn:aws:kms:eu-central-1:111122223333:key/1234";
const ports::WallTime kNow{std::chrono::milliseconds(1'660'171'107'250)};  // 2022-08-10T22:38:27.250Z

// Records -------------------------------------------------------------------------------------------------------------

ports::Caller User() {
  ports::Caller caller;
  caller.kind = ports::PrincipalKind::kUser;
  caller.account = "111122223333";
  caller.arn = "arn:aws:iam::111122223333:user/Alice";
  caller.principal_id = "AIDAEXAMPLE";
  caller.user_name = "Alice";
  caller.access_key_id = "AKIAIOSFODNN7EXAMPLE";
  return caller;
}

/// One call, made into its records.
struct MadeRecord {
  std::string service = "kms", operation = "Decrypt", body = "{}";
  ports::Caller caller = User();
  std::vector<std::string> resources{std::string(kArn)};
  std::vector<std::pair<std::string_view, std::string>> data{};
  std::optional<aws::Reply> reply{};
  std::vector<std::pair<std::string_view, ports::AuditEvent::Texts>> objects{};
  std::vector<std::pair<std::string_view, std::string>> answer{};
  std::string error_code{}, error_message{};
  std::string request_id = "5f3c0a9e-1f0a-4c7e-9a55-1d2c3b4a5968";
  bool established = true;  // the caller is known
  std::string claimed_key{}, claimed_account{}, region = "eu-central-1";

  std::vector<json::object> Records() {
    Make();
    return Take();
  }
  void Make() {
    const json::value parsed = json::parse(body);
    const aws::Operation& row = All().Operation(service, operation);
    const aws::HttpHeader headers[] = {{"Host", "127.81.4.1:8443"}, {"User-Agent", "aws-cli/2.9.19 \"x\""}};
    const aws::HttpRequest request{.method = "POST",
                                   .target = "/",
                                   .headers = headers,
                                   .body = body,
                                   .remote_address = "192.0.2.7",
                                   .tls_version = "TLSv1.3",
                                   .tls_cipher = "TLS_AES_128_GCM_SHA256"};
    aws::Call call{.caller = caller,
                   .region = "eu-central-1",
                   .user_agent = request.Get("user-agent"),
                   .body = aws::Fields(parsed.get_object())};
    call.audit_resources = resources;
    call.audit_data = data;
    call.audit_objects = objects;
    call.audit_answer = answer;
    const aws::EndedCall ended{.service = All().Get(service),
                               .operation = row,
                               .request = request,
                               .request_id = request_id,
                               .region = region,
                               .caller = !established ? nullptr
                                         : credential ? &credential->caller
                                                      : &caller,
                               .credential = credential ? &credential : nullptr,
                               .claimed_key = claimed_key,
                               .claimed_account = claimed_account,
                               .call = established ? &call : nullptr,
                               .parameters = established ? &parsed.get_object() : nullptr,
                               .reply = reply ? &*reply : nullptr,
                               .error_code = error_code,
                               .error_message = error_message,
                               .time = kNow};
    EXPECT_EQ(Recorder::IsNobodys(ended), !established);
    for (std::size_t i = 0; i <= before; ++i) recorder->Call(Tables(), ended, {"999999999999", "us-east-1"});
  }
  std::vector<json::object> Take() {
    std::string groups = recorder->groups().Take({});
    Chain().Link(groups);
    bytes = groups.size();
    std::vector<json::object> made;
    GroupReader reader(groups);
    Group group;
    while (true) {
      const auto more = reader.Next(group);
      EXPECT_TRUE(more.ok());
      if (!more.ok() || !*more) break;
      EntryReader in(group);
      Entry entry;
      while (true) {
        const auto there = in.Next(entry);
        EXPECT_TRUE(there.ok());
        if (!there.ok() || !*there) break;
        const auto text = in.JsonOf(entry);
        EXPECT_TRUE(text.ok());
        json_text = *text;
        std::vector<std::string> texts;
        const auto told = FactsOfJson(json_text, texts);
        EXPECT_TRUE(told.ok());
        const auto facts = in.FactsOf(entry);
        EXPECT_TRUE(facts.ok());
        EXPECT_EQ(*told, *facts);  // the index says what the record says
        made.push_back(json::parse(json_text).as_object());
      }
    }
    return made;
  }
  json::object One() {
    auto all = Records();
    EXPECT_EQ(all.size(), 1U);
    return all.empty() ? json::object() : all[0];
  }
  std::shared_ptr<const ports::Credential> credential{};  // instead of the caller
  std::shared_ptr<Recorder> recorder = std::make_shared<Recorder>();
  std::size_t bytes = 0, before = 0;  // size of the group; how many calls are made before the last
  std::string json_text;
};

TEST(Record, OfADecryptIsAsAwsWritesIt) {
  MadeRecord made{.body =
                      R"({"CiphertextBlob":"c2VjcmV0","EncryptionContext":{"Dept":"IT"},"GrantTokens":["secret"]})"};
  made.reply.emplace();
  made.reply->Text("KeyId", std::string(kArn)).Blob("Plaintext", {1, 2, 3}).Text("KeyMaterialId", "abcd");
  json::object record = made.One();
  const std::string id(record.at("eventID").as_string());
  EXPECT_EQ(MillisOfEventId(id), 1'660'171'107'250);
  EXPECT_EQ(id.substr(15), "c7e-9a55-1d2c3b4a5968");  // the request id's random bits
  record.erase("eventID");
  EXPECT_EQ(json::value(record), json::parse(R"({
    "eventVersion": "1.11",
    "userIdentity": {"type": "IAMUser", "principalId": "AIDAEXAMPLE", "arn": "arn:aws:iam::111122223333:user/Alice",
                     "accountId": "111122223333", "accessKeyId": "AKIAIOSFODNN7EXAMPLE", "userName": "Alice"},
    "eventTime": "2022-08-10T22:38:27Z", "eventSource": "kms.amazonaws.com", "eventName": "Decrypt",
    "awsRegion": "eu-central-1", "sourceIPAddress": "192.0.2.7", "userAgent": "aws-cli/2.9.19 \"x\"",
    "requestParameters": {"encryptionContext": {"Dept": "IT"}, "encryptionAlgorithm": "SYMMETRIC_DEFAULT"},
    "responseElements": null, "additionalEventData": {"keyMaterialId": "abcd"}, "requestID": "5f3c0a9e-1f0a-4c7e-9a55-1d2c3b4a5968",
    "readOnly": true,
    "resources": [{"accountId": "111122223333", "type": "AWS::KMS::Key",
                   "ARN": "arn:aws:kms:eu-central-1:111122223333:key/1234"}],
    "eventType": "AwsApiCall", "managementEvent": true, "recipientAccountId": "111122223333",
    "eventCategory": "Management",
    "tlsDetails": {"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256",
                   "clientProvidedHostHeader": "127.81.4.1:8443"}})"));
}

TEST(Record, OfAChangeShowsTheAnswer) {
  MadeRecord made{.operation = "CreateKey", .body = R"({"Tags":[{"TagKey":"a","TagValue":"b"}],"MultiRegion":true})"};
  aws::Reply metadata;
  metadata.Text("AWSAccountId", "111122223333").Timestamp("CreationDate", kNow).Bool("Enabled", true);
  metadata.Texts("EncryptionAlgorithms", {"SYMMETRIC_DEFAULT"}).Text("SomethingNew", "secret");
  made.reply.emplace();
  made.reply->Object("KeyMetadata", std::move(metadata));
  const json::object record = made.One();
  EXPECT_EQ(record.at("responseElements"),
            json::parse(R"({"keyMetadata":{"aWSAccountId":"111122223333","creationDate":"Aug 10, 2022, 10:38:27 PM",
                            "enabled":true,"encryptionAlgorithms":["SYMMETRIC_DEFAULT"]}})"));
  EXPECT_EQ(record.at("requestParameters"),
            json::parse(R"({"tags":[{"tagKey":"a","tagValue":"b"}],"multiRegion":true,"keyUsage":"ENCRYPT_DECRYPT",
                            "keySpec":"SYMMETRIC_DEFAULT","customerMasterKeySpec":"SYMMETRIC_DEFAULT","origin":"AWS_KMS",
                            "description":"","bypassPolicyLockoutSafetyCheck":false})"));
  EXPECT_EQ(record.at("readOnly"), false);
}

TEST(Record, ShowsWhatTheCallTellsBesideRequestAndAnswer) {
  MadeRecord made{.data = {{"keyMaterialId", "abcd"}},
                  .objects = {{"recipient", {{"moduleId", "i-1 \"x\""}, {"pcr", "11"}}}, {"nothing", {}}}};
  made.reply.emplace();
  json::object record = made.One();
  const json::value additional =
      json::parse(R"({"keyMaterialId":"abcd","recipient":{"moduleId":"i-1 \"x\"","pcr":"11"},"nothing":{}})");
  EXPECT_EQ(record.at("additionalEventData"), additional);
  EXPECT_TRUE(record.at("responseElements").is_null());
  made.data.clear();
  EXPECT_EQ(made.One().at("additionalEventData").as_object().size(), 2U);

  MadeRecord grant{.operation = "CreateGrant", .answer = {{"keyId", std::string(kArn)}, {"quote", "\""}}};
  EXPECT_TRUE(grant.One().at("responseElements").is_null()) << "refused";
  grant.reply.emplace();
  grant.reply->Text("GrantToken", "secret").Text("GrantId", "abcd");
  record = grant.One();
  EXPECT_EQ(record.at("responseElements"),
            json::parse(R"({"grantId":"abcd","keyId":")" + std::string(kArn) + R"(","quote":"\""})"));
}

TEST(Record, CreateKeyShowsItsSpecUnderBothNames) {
  const struct {
    std::string body, spec;
  } rows[] = {{R"({})", "SYMMETRIC_DEFAULT"},
              {R"({"KeySpec":"RSA_2048"})", "RSA_2048"},
              {R"({"CustomerMasterKeySpec":"ECC_NIST_P256"})", "ECC_NIST_P256"},
              {R"({"KeySpec":null,"CustomerMasterKeySpec":"RSA_4096"})", "RSA_4096"},
              {R"({"KeySpec":"HMAC_256","CustomerMasterKeySpec":null})", "HMAC_256"}};
  for (const auto& row : rows) {
    MadeRecord made{.operation = "CreateKey", .body = row.body};
    const json::object shown = made.One().at("requestParameters").as_object();
    EXPECT_EQ(shown.at("keySpec"), json::value(row.spec)) << row.body;
    EXPECT_EQ(shown.at("customerMasterKeySpec"), json::value(row.spec)) << row.body;
  }
}

TEST(Record, AKeyStoresClusterHasTheNameThatTheTrailHasForIt) {
  for (const char* operation : {"CreateCustomKeyStore", "UpdateCustomKeyStore"}) {
    MadeRecord made{.operation = operation, .body = R"({"CloudHsmClusterId":"cluster-abcdefghijk"})"};
    EXPECT_EQ(made.One().at("requestParameters"), json::parse(R"({"clusterId":"cluster-abcdefghijk"})")) << operation;
  }
}

TEST(Record, SecretsOfRequestsStayOut) {
  const struct {
    std::string service, operation, body;
  } rows[] = {
      {"kms", "Encrypt", R"({"KeyId":"k","Plaintext":"c2VjcmV0"})"},
      {"kms", "Sign", R"({"KeyId":"k","Message":"c2VjcmV0","SigningAlgorithm":"ECDSA_SHA_256"})"},
      {"kms", "CreateCustomKeyStore",
       R"({"KeyStorePassword":"c2VjcmV0","XksProxyAuthenticationCredential":{"AccessKeyId":"c2VjcmV0","RawSecretAccessKey":"c2VjcmV0"}})"},
      {"kms", "ImportKeyMaterial", R"({"KeyId":"k","ImportToken":"c2VjcmV0","EncryptedKeyMaterial":"c2VjcmV0"})"},
      {"iam", "CreateLoginProfile", R"({"UserName":"u","Password":"c2VjcmV0"})"},
      {"iam", "ChangePassword", R"({"OldPassword":"c2VjcmV0","NewPassword":"c2VjcmV0"})"},
      {"iam", "EnableMFADevice", R"({"UserName":"u","AuthenticationCode1":"c2VjcmV0"})"},
      {"sts", "AssumeRole", R"({"RoleArn":"r","TokenCode":"c2VjcmV0"})"},
      {"sts", "AssumeRoleWithWebIdentity", R"({"RoleArn":"r","WebIdentityToken":"c2VjcmV0"})"},
      {"strongroom", "CreateXksProxy", R"({"ClusterId":"c","Password":"c2VjcmV0"})"},
  };
  for (const auto& row : rows) {
    MadeRecord made{.service = row.service, .operation = row.operation, .body = row.body, .resources = {}};
    made.reply.emplace();
    made.reply->Text("SecretAccessKey", "c2VjcmV0").Text("Plaintext", "c2VjcmV0").Text("GrantToken", "c2VjcmV0");
    made.Records();
    EXPECT_THAT(made.json_text, Not(HasSubstr("c2VjcmV0"))) << row.operation;
  }
}

TEST(Record, FailuresHaveTheirCode) {
  MadeRecord made{.error_code = "AccessDeniedException", .error_message = "User: x is not authorized"};
  const json::object record = made.One();
  EXPECT_EQ(record.at("errorCode"), "AccessDenied");
  EXPECT_EQ(record.at("errorMessage"), "User: x is not authorized");
  EXPECT_TRUE(record.at("responseElements").is_null());
}

TEST(Record, OfAnotherAccountsKeyIsInBothTrails) {
  MadeRecord made{.resources = {"arn:aws:kms:eu-central-1:444455556666:key/1"}};
  const auto records = made.Records();
  ASSERT_EQ(records.size(), 2U);
  const json::object &own = records[0], &other = records[1];
  EXPECT_EQ(own.at("recipientAccountId"), "111122223333");
  EXPECT_EQ(other.at("recipientAccountId"), "444455556666");
  EXPECT_EQ(own.at("sharedEventID"), other.at("sharedEventID"));
  EXPECT_NE(own.at("eventID"), other.at("eventID"));
  EXPECT_EQ(other.at("userIdentity"),
            json::parse(R"({"type":"AWSAccount","principalId":"AIDAEXAMPLE","accountId":"111122223333"})"));
}

TEST(Record, OfACallLikeTheOneBeforeIsShort) {
  MadeRecord made{.body = R"({"CiphertextBlob":"c2VjcmV0"})"};
  made.reply.emplace();
  made.reply->Text("KeyId", std::string(kArn)).Text("KeyMaterialId", std::string(64, 'a'));
  const json::object first = made.One();
  const std::size_t alone = made.bytes;
  // MadeRecord as one group.
  constexpr std::size_t kMany = 100;
  made.before = kMany - 1;
  const auto all = made.Records();
  ASSERT_EQ(all.size(), kMany);
  for (const json::object& one : all) EXPECT_EQ(one, first);
  EXPECT_LT((made.bytes - alone) / (kMany - 1), 60U);
}

TEST(Record, OfCallsThatTakeTurnsAreAsIfEachWereAlone) {
  // More resources than the recorder keeps, and what it keeps of one call is in the way of another.
  const auto credential_of = [](std::string name) {
    auto made = std::make_shared<ports::Credential>();
    made->caller = User();
    made->caller.user_name = std::move(name);
    return std::shared_ptr<const ports::Credential>(std::move(made));
  };
  MadeRecord together;
  std::vector<json::object> want;
  std::shared_ptr<const ports::Credential> credential;
  for (std::size_t i = 0; i < 1500; ++i) {
    MadeRecord one;
    const std::string number = std::to_string(i % 700);
    switch (i % 5) {
      case 0: one.resources = {"arn:aws:kms:eu-central-1:111122223333:key/" + number}; break;
      case 1: one.resources = {std::string(kArn)}; break;
      case 2: one.resources = {"arn:aws:kms:eu-central-1:111122223333:alias/\"" + number, std::string(kArn)}; break;
      case 3: one.resources = {}; break;
      case 4: one.resources = {number, ""}; break;
    }
    one.body = R"({"CiphertextBlob":"eA==","EncryptionContext":{"n":")" + std::to_string(i % 3) + R"("}})";
    if (i % 7 == 0) one.request_id = "no \"UUID\" " + number;
    if (i % 2 == 0) one.reply.emplace().Text("KeyMaterialId", std::to_string(i % 4));
    if (i % 11 == 0) one.error_code = "DisabledException";
    // The same access key is of another user now and then, at the place in memory where the one before was.
    if (i % 13 == 0) {
      credential.reset();
      credential = credential_of("user " + number);
    }
    if (i % 3 != 0) one.credential = credential;
    one.recorder = together.recorder;
    one.Make();
    one.recorder = std::make_shared<Recorder>();
    for (json::object& record : one.Records()) want.push_back(std::move(record));
  }
  const auto made = together.Take();
  ASSERT_EQ(made.size(), want.size());
  for (std::size_t i = 0; i < made.size(); ++i) {
    json::object a = made[i], b = want[i];
    if (i % 7 == 0) {  // random
      a.erase("eventID");
      b.erase("eventID");
    }
    ASSERT_EQ(a, b) << i;
  }
}

TEST(Record, OfCallersWhoCouldNotBeEstablished) {
  MadeRecord made{.error_code = "InvalidSignatureException", .error_message = "The request signature does not match."};
  made.established = false;
  made.claimed_key = "AKIAIOSFODNN7EXAMPLE";
  made.claimed_account = "444455556666";
  json::object record = made.One();
  EXPECT_EQ(record.at("userIdentity"), json::parse(R"({"type":"Unknown","accessKeyId":"AKIAIOSFODNN7EXAMPLE"})"));
  EXPECT_EQ(record.at("recipientAccountId"), "444455556666");
  EXPECT_EQ(record.at("awsRegion"), "eu-central-1");
  EXPECT_EQ(record.at("errorCode"), "InvalidSignatureException");
  EXPECT_EQ(record.at("sourceIPAddress"), "192.0.2.7");
  EXPECT_TRUE(record.at("requestParameters").is_null());
  // What names neither key nor Region is in the deployment's own account.
  made.claimed_key = made.claimed_account = made.region = "";
  record = made.One();
  EXPECT_EQ(record.at("userIdentity"), json::parse(R"({"type":"Unknown"})"));
  EXPECT_EQ(record.at("recipientAccountId"), "999999999999");
  EXPECT_EQ(record.at("awsRegion"), "us-east-1");
}

TEST(Record, AnotherCallersRecordDoesNotTakeTheirPlace) {
  // One recorder makes them all: what it keeps must be of the call that is recorded.
  MadeRecord made{.body = R"({"CiphertextBlob":"c2VjcmV0"})"};
  const json::object alice = made.One();
  made.caller.user_name = "Bob";
  made.caller.arn = "arn:aws:iam::111122223333:user/Bob";
  EXPECT_EQ(made.One().at("userIdentity").at("userName"), "Bob");
  auto session = std::make_shared<ports::Session>();
  session->source_identity = "Carol";
  made.caller.session = session;
  EXPECT_EQ(made.One().at("userIdentity").at("sessionContext").at("sourceIdentity"), "Carol");
  made.operation = "Encrypt";
  EXPECT_EQ(made.One().at("eventName"), "Encrypt");
  made.resources = {"arn:aws:kms:eu-central-1:111122223333:key/\"\\"};
  EXPECT_EQ(made.One().at("resources").at(0).at("ARN").as_string(), made.resources[0]);
  made.request_id = "not a \"UUID\"";
  EXPECT_EQ(made.One().at("requestID").as_string(), made.request_id);
  MadeRecord again{.body = made.body};
  EXPECT_EQ(again.One(), alice);
}

TEST(Record, AnOverlongRequestIsLeftOut) {
  MadeRecord made{.operation = "CreateKey",
                  .body = R"({"Policy":")" + std::string(kLongestParameters, 'x') + R"("})",
                  .resources = {}};
  EXPECT_EQ(made.One().at("requestParameters").at("omitted"), true);
}

TEST(Record, NothingThatACallerSendsMakesItLongerThanItMayBe) {
  const std::string longest(8 << 20, '"');
  MadeRecord made{.body = "{\"KeyId\":\"k\"}", .data = {{"keyStore", longest}}, .error_code = "ValidationException"};
  made.error_message = longest;
  made.request_id = longest.substr(0, 1000);
  made.One();
  EXPECT_LT(made.bytes, std::size_t{64} << 10);
}

TEST(Record, OfAServiceEvent) {
  ports::AuditEvent event;
  event.account = "111122223333";
  event.region = "eu-central-1";
  event.event_name = "RotateKey";
  event.resources = {std::string(kArn)};
  event.details = {{"keyId", "1234"}};
  Recorder recorder;
  recorder.Event(event, kNow);
  const std::string groups = recorder.groups().Take({});
  GroupReader reader(groups);
  Group group;
  ASSERT_TRUE(*reader.Next(group));
  EXPECT_EQ(group.records, 1);
  EntryReader entries(group);
  Entry entry;
  ASSERT_TRUE(*entries.Next(entry));
  const auto text = entries.JsonOf(entry);
  ASSERT_TRUE(text.ok());
  json::object made = json::parse(*text).as_object();
  made.erase("eventID");
  EXPECT_EQ(json::value(made), json::parse(R"({
    "eventVersion": "1.11", "userIdentity": {"accountId": "111122223333", "invokedBy": "AWS Internal"},
    "eventTime": "2022-08-10T22:38:27Z", "eventSource": "kms.amazonaws.com", "eventName": "RotateKey",
    "awsRegion": "eu-central-1", "sourceIPAddress": "AWS Internal", "userAgent": "AWS Internal",
    "requestParameters": null, "responseElements": null, "readOnly": false,
    "resources": [{"accountId": "111122223333", "type": "AWS::KMS::Key",
                   "ARN": "arn:aws:kms:eu-central-1:111122223333:key/1234"}],
    "eventType": "AwsServiceEvent", "managementEvent": true, "recipientAccountId": "111122223333",
    "serviceEventDetails": {"keyId": "1234"}, "eventCategory": "Management"})"));
}

struct IdentityRow {
  std::string name;
  ports::PrincipalKind kind;
  std::string arn, principal_id, user_name, role_arn;
  bool session;
  std::string want, want_user;
};
class IdentityTest : public ::testing::TestWithParam<IdentityRow> {};
TEST_P(IdentityTest, IsWrittenAsItsKind) {
  const IdentityRow& row = GetParam();
  ports::Caller caller;
  caller.kind = row.kind;
  caller.account = "111122223333";
  caller.arn = row.arn;
  caller.principal_id = row.principal_id;
  caller.user_name = row.user_name;
  caller.role_arn = row.role_arn;
  caller.access_key_id = "ASIA";
  if (row.session) {
    auto session = std::make_shared<ports::Session>();
    session->issued_at = kNow;
    session->mfa_at = kNow;
    session->source_identity = "Bob";
    caller.session = session;
  }
  aws::WipedBuffer out;
  WriteIdentity(caller, out);
  EXPECT_EQ(json::parse(std::string(out.view())), json::parse(row.want)) << out.view();
  EXPECT_EQ(UserName(caller), row.want_user);
}
INSTANTIATE_TEST_SUITE_P(
    Rows, IdentityTest,
    ::testing::Values(
        IdentityRow{"Root", ports::PrincipalKind::kRoot, "arn:aws:iam::111122223333:root", "111122223333", "", "",
                    false,
                    R"({"type":"Root","principalId":"111122223333","arn":"arn:aws:iam::111122223333:root",
                        "accountId":"111122223333","accessKeyId":"ASIA"})",
                    "root"},
        IdentityRow{"Session", ports::PrincipalKind::kUser, "arn:aws:iam::111122223333:user/Al", "AIDA", "Al", "", true,
                    R"({"type":"IAMUser","principalId":"AIDA","arn":"arn:aws:iam::111122223333:user/Al",
                        "accountId":"111122223333","accessKeyId":"ASIA","userName":"Al","sessionContext":{"attributes":
                        {"creationDate":"2022-08-10T22:38:27Z","mfaAuthenticated":"true"},"sourceIdentity":"Bob"}})",
                    "Al"},
        IdentityRow{
            "AssumedRole", ports::PrincipalKind::kAssumedRole, "arn:aws:sts::111122223333:assumed-role/r/me", "AROA:me",
            "", "arn:aws:iam::111122223333:role/path/r", true,
            R"({"type":"AssumedRole","principalId":"AROA:me","arn":"arn:aws:sts::111122223333:assumed-role/r/me",
                        "accountId":"111122223333","accessKeyId":"ASIA","sessionContext":{"sessionIssuer":{"type":"Role",
                        "principalId":"AROA","arn":"arn:aws:iam::111122223333:role/path/r","accountId":"111122223333",
                        "userName":"r"},"attributes":{"creationDate":"2022-08-10T22:38:27Z","mfaAuthenticated":"true"},
                        "sourceIdentity":"Bob"}})",
            "me"},
        IdentityRow{"Federated", ports::PrincipalKind::kFederatedUser, "arn:aws:sts::111122223333:federated-user/f",
                    "111122223333:f", "", "", false,
                    R"({"type":"FederatedUser","principalId":"111122223333:f",
                        "arn":"arn:aws:sts::111122223333:federated-user/f","accountId":"111122223333",
                        "accessKeyId":"ASIA"})",
                    "f"},
        IdentityRow{"Service", ports::PrincipalKind::kService, "kms.amazonaws.com", "", "", "", false,
                    R"({"type":"AWSService","invokedBy":"kms.amazonaws.com"})", "kms.amazonaws.com"},
        IdentityRow{"WebIdentity", ports::PrincipalKind::kWebIdentity, "issuer.example", "issuer.example:aud:sub",
                    "sub", "", false,
                    R"({"type":"WebIdentityUser","principalId":"issuer.example:aud:sub","userName":"sub",
                        "identityProvider":"issuer.example"})",
                    "sub"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace strongroom::trail
