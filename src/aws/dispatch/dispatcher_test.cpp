#include "aws/dispatch/dispatcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "aws/dispatch/direct_for_tests.h"

namespace strongroom::aws {
namespace {
using ::testing::HasSubstr;

using testing_kit::Answered;
using testing_kit::Direct;

std::string Error(const std::string& type, const std::string& member, const std::string& message) {
  return R"({"__type":")" + type + "\",\"" + member + "\":\"" + message + "\"}";
}

struct Row {
  std::string name, operation, body;
  unsigned status;
  std::string answer;
};
const std::string kOk = R"({"KeyId":"arn:\"k\"","CiphertextBlob":"aGk="})";
std::string Serialization(const std::string& text) { return Error("SerializationException", "Message", text); }
std::string Nested(std::size_t depth) {
  return R"({"KeyId":"k","Plaintext":"aGk=","X":)" + std::string(depth, '[') + std::string(depth, ']') + "}";
}
const Row kRows[] = {
    {"Plain", "Encrypt", R"({"KeyId":"k","Plaintext":"aGk="})", 200, kOk},
    {"UnknownMembersAreIgnored", "Encrypt", R"({"KeyId":"k","Plaintext":"aGk=","Foo":{"a":[1,{}]}})", 200, kOk},
    {"NullIsAbsent", "Encrypt", R"({"KeyId":"k","Plaintext":"aGk=","GrantTokens":null})", 200, kOk},
    {"LastDuplicateWins", "Encrypt", R"({"KeyId":"x","Plaintext":"aGk=","KeyId":"k"})", 200, kOk},
    {"DepthOf31MoreIsTaken", "Encrypt", Nested(31), 200, kOk},
    {"DepthOf32MoreIsRefused", "Encrypt", Nested(32), 400,
     Serialization("The request body nests deeper than 32 levels.")},
    {"DepthOfThousandsIsRefused", "Encrypt", Nested(100'000), 400,
     Serialization("The request body nests deeper than 32 levels.")},
    {"NotJson", "Encrypt", "KeyId=k", 400, Serialization("The request body is not valid JSON.")},
    {"Cut", "Encrypt", R"({"KeyId":"k")", 400, Serialization("The request body is not valid JSON.")},
    {"TrailingGarbage", "Encrypt", "{}x", 400, Serialization("The request body is not valid JSON.")},
    {"InvalidUtf8", "Encrypt", "{\"KeyId\":\"\xff\xfe\"}", 400, Serialization("The request body is not valid JSON.")},
    {"LoneSurrogate", "Encrypt", R"({"KeyId":"\ud800"})", 400, Serialization("The request body is not valid JSON.")},
    {"TopLevelArray", "Encrypt", "[]", 400, Serialization("$: expected an object.")},
    {"NumberForString", "Encrypt", R"({"KeyId":5,"Plaintext":"aGk="})", 400,
     Serialization("$.KeyId: expected a string.")},
    {"MapOfWrongType", "Encrypt", R"({"KeyId":"k","Plaintext":"aGk=","EncryptionContext":{"a":7}})", 400,
     Serialization("$.EncryptionContext.a: expected a string.")},
    {"ListElementOfWrongType", "Encrypt", R"({"KeyId":"k","Plaintext":"aGk=","GrantTokens":["a",1]})", 400,
     Serialization("$.GrantTokens[1]: expected a string.")},
    {"NestedStructureOfWrongType", "CreateKey", R"({"Tags":[{"TagKey":"a","TagValue":[]}]})", 400,
     Serialization("$.Tags[0].TagValue: expected a string.")},
    {"BoolAsString", "Encrypt", R"({"KeyId":"k","Plaintext":"aGk=","DryRun":"true"})", 400,
     Serialization("$.DryRun: expected true or false.")},
    {"UrlSafeBase64", "Encrypt", R"({"KeyId":"k","Plaintext":"-_-_"})", 400,
     Serialization("$.Plaintext: expected base64 with padding.")},
    {"Unpadded", "Encrypt", R"({"KeyId":"k","Plaintext":"aGk"})", 400,
     Serialization("$.Plaintext: expected base64 with padding.")},
    {"StrayBits", "Encrypt", R"({"KeyId":"k","Plaintext":"aGl="})", 400,
     Serialization("$.Plaintext: expected base64 with padding.")},
    {"WhiteSpaceInBase64", "Encrypt", R"({"KeyId":"k","Plaintext":"aG\nk="})", 400,
     Serialization("$.Plaintext: expected base64 with padding.")},
    {"FiveAsDouble", "ScheduleKeyDeletion", R"({"KeyId":"k","PendingWindowInDays":7.0})", 200,
     R"({"PendingWindowInDays":7,"DeletionDate":1772366400.123})"},
    {"Fraction", "ScheduleKeyDeletion", R"({"KeyId":"k","PendingWindowInDays":7.5})", 400,
     Serialization("$.PendingWindowInDays: expected a whole number of 32 bits.")},
    {"NumberAsString", "ScheduleKeyDeletion", R"({"KeyId":"k","PendingWindowInDays":"7"})", 400,
     Serialization("$.PendingWindowInDays: expected a whole number of 32 bits.")},
    {"TooLargeForInteger", "ScheduleKeyDeletion", R"({"KeyId":"k","PendingWindowInDays":3000000000})", 400,
     Serialization("$.PendingWindowInDays: expected a whole number of 32 bits.")},
    {"ServiceIsTighterThanModel", "ScheduleKeyDeletion", R"({"KeyId":"k","PendingWindowInDays":6})", 400,
     Error("ValidationException", "message",
           "1 validation error detected: Value '6' at 'pendingWindowInDays' failed to satisfy constraint: Member must "
           "have value greater than or equal to 7")},
    {"NoBodyReply", "EnableKey", R"({"KeyId":"k"})", 200, ""},
    {"ObjectReply", "CreateKey", R"({"Tags":[{"TagKey":"a","TagValue":""}]})", 200,
     R"({"KeyMetadata":{"Enabled":true,"Tags":1}})"},
    {"EmptyBodyIsEmptyObject", "CreateKey", "", 200, R"({"KeyMetadata":{"Enabled":true,"Tags":0}})"},
    {"LowerCaseMessage", "Encrypt", R"({"KeyId":"missing","Plaintext":"aGk="})", 400,
     Error("NotFoundException", "message", "Key 'missing' does not exist")},
    {"CapitalMessage", "Encrypt", R"({"KeyId":"denied","Plaintext":"aGk="})", 400,
     Error("AccessDeniedException", "Message", "User is not authorized")},
    {"NoMessageMember", "Encrypt", R"({"KeyId":"silent","Plaintext":"aGk="})", 400,
     R"({"__type":"InvalidCiphertextException"})"},
    {"UnknownOperation", "Encryptt", "{}", 400, R"({"__type":"UnknownOperationException"})"},
    {"CaseOfTargetCounts", "encrypt", "{}", 400, R"({"__type":"UnknownOperationException"})"},
};
class DispatchTable : public ::testing::TestWithParam<Row> {};
TEST_P(DispatchTable, AnswersAsTheRowSays) {
  Direct direct;
  const Answered answer = direct.Kms(GetParam().operation, GetParam().body);
  EXPECT_EQ(answer.status, GetParam().status);
  EXPECT_EQ(answer.body, GetParam().answer);
  EXPECT_EQ(answer.content_type, "application/x-amz-json-1.1");
  EXPECT_EQ(answer.request_id.size(), 36u);
}
INSTANTIATE_TEST_SUITE_P(Dispatch, DispatchTable, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return row.param.name; });

TEST(Dispatch, FailuresOfOurOwnTellTheRequestIdOnly) {
  Direct direct;
  for (const char* key : {"broken", "throws"}) {
    const Answered answer = direct.Kms("Encrypt", fmt::format(R"({{"KeyId":"{}","Plaintext":"aGk="}})", key));
    EXPECT_EQ(answer.status, 500u);
    EXPECT_THAT(answer.body, HasSubstr("KMSInternalException"));
    EXPECT_THAT(answer.body, HasSubstr(answer.request_id));
    EXPECT_THAT(answer.body, testing::Not(testing::AnyOf(HasSubstr("inner"), HasSubstr("row"), HasSubstr("boom"))));
  }
}

TEST(Dispatch, OtherPathsAndMethodsAreNotFound) {
  Direct direct;
  for (const char* start : {"GET / HTTP/1.1\r\n", "PUT / HTTP/1.1\r\n", "POST /x HTTP/1.1\r\n"}) {
    const Answered answer = direct.Send(std::string(start) + "Host: a\r\n\r\n");
    EXPECT_EQ(answer.status, 404u) << start;
    EXPECT_EQ(answer.body, R"({"__type":"UnknownOperationException"})");
  }
}

TEST(Dispatch, TheTargetIsJudgedBeforeTheSignatureAndThatBeforeTheBody) {
  Direct direct;
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nX-Amz-Target: TrentService.";
  EXPECT_THAT(direct.Send(head + "Nothing\r\n\r\n{").body, HasSubstr("UnknownOperationException"));
  EXPECT_EQ(direct.Send(head + "Encrypt\r\n\r\n{").body,
            Error("MissingAuthenticationTokenException", "message", "Missing Authentication Token"));
  EXPECT_EQ(direct.kms.calls, 0);
}

TEST(Dispatch, TheTrailIsToldOfEveryCallThatNamesAnOperation) {
  Direct direct;
  direct.Kms("Encrypt", R"({"KeyId":"k","Plaintext":"aGk="})");
  direct.Kms("Encrypt", R"({"KeyId":"k","Plaintext":""})");
  direct.Send("POST / HTTP/1.1\r\nHost: a\r\nX-Amz-Target: TrentService.Encrypt\r\n\r\n{");
  direct.Send("POST / HTTP/1.1\r\nHost: a\r\nX-Amz-Target: TrentService.Nothing\r\n\r\n{");
  ASSERT_EQ(direct.trail.events.size(), 3u);
  const auto& good = direct.trail.events[0];
  EXPECT_EQ(good.source, "kms.amazonaws.com");
  EXPECT_EQ(good.name, "Encrypt");
  EXPECT_EQ(good.region, "eu-central-1");
  EXPECT_EQ(good.account, "111122223333");
  EXPECT_EQ(good.source_ip, "192.0.2.7");
  EXPECT_EQ(good.error_code, "");
  EXPECT_EQ(good.reply, "KeyId");
  EXPECT_THAT(good.parameters, HasSubstr("KeyId"));
  EXPECT_EQ(good.resources, std::vector<std::string>{"k"});
  EXPECT_EQ(direct.trail.events[1].error_code, "ValidationException");
  EXPECT_EQ(direct.trail.events[1].account, "111122223333");
  EXPECT_EQ(direct.trail.events[2].error_code, "MissingAuthenticationTokenException");
  EXPECT_EQ(direct.trail.events[2].account, "");
  EXPECT_EQ(direct.trail.events[2].claimed_key, "");
  EXPECT_EQ(direct.trail.events[2].region, "");
}

TEST(Dispatch, TheTrailIsToldWhoACallThatIsNotBelievedSaysItIsOf) {
  Direct direct;
  const std::string good = direct.Signed("kms", "TrentService.Encrypt", R"({"KeyId":"k","Plaintext":"aGk="})");
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string request = good;
    const auto at = request.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    request.replace(at, from.size(), to);
    return request;
  };
  const struct {
    std::string request, error, key, account, region;
  } rows[] = {
      {changed("aGk=", "aGl="), "InvalidSignatureException", std::string(testing_kit::kKeyId), "111122223333",
       "eu-central-1"},
      {changed(std::string(testing_kit::kKeyId), "AKIANOSUCHKEY"), "UnrecognizedClientException", "AKIANOSUCHKEY", "",
       "eu-central-1"},
      {changed(std::string(testing_kit::kKeyId), "AKIA\"<nobody>"), "UnrecognizedClientException", "", "",
       "eu-central-1"},
      {changed("eu-central-1", "eu-nowhere-1"), "InvalidSignatureException", std::string(testing_kit::kKeyId),
       "111122223333", ""},
  };
  for (const auto& row : rows) {
    const Answered answer = direct.Send(row.request);
    ASSERT_FALSE(direct.trail.events.empty());
    const auto seen = std::move(direct.trail.events.back());
    direct.trail.events.clear();
    EXPECT_THAT(answer.body, HasSubstr(seen.error_code)) << row.request;
    EXPECT_EQ(seen.error_code, row.error) << row.request;
    EXPECT_EQ(seen.account, "");
    EXPECT_EQ(seen.claimed_key, row.key);
    EXPECT_EQ(seen.claimed_account, row.account);
    EXPECT_EQ(seen.region, row.region);
    EXPECT_EQ(seen.parameters, "");
    EXPECT_EQ(seen.source_ip, "192.0.2.7");
  }
}

std::string WithToken(const std::string& token) {
  const std::string form =
      "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleSessionName=s1&RoleArn=arn%3Aaws%3Aiam%3A%3A444455556666"
      "%3Arole%2Fr&WebIdentityToken=" +
      token;
  return "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n" + form;
}

TEST(Dispatch, TheTrailIsToldWhoAnAnonymousCallHasProvedToBe) {
  Direct direct;
  EXPECT_EQ(direct.Send(WithToken("good")).status, 200U);
  EXPECT_EQ(direct.Send(WithToken("good%2C+but")).status, 403U);
  EXPECT_EQ(direct.Send(WithToken("bad!")).status, 400U);
  ASSERT_EQ(direct.trail.events.size(), 3U);
  EXPECT_EQ(direct.trail.events[0].account, "444455556666");
  EXPECT_EQ(direct.trail.events[1].account, "444455556666");
  EXPECT_EQ(direct.trail.events[2].account, "") << "nobody, whatever role was named";
}

TEST(Dispatch, AnAddressWithTooManyFailuresHasNoAnonymousCallsCarriedOut) {
  Direct direct(1, nullptr, {.hold = std::chrono::milliseconds(1), .longest = std::chrono::milliseconds(1), .most = 3});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(direct.Send(WithToken("bad!")).status, 400U);
  EXPECT_EQ(direct.kms.calls, 3);
  for (int i = 0; i < 3; ++i) EXPECT_THAT(direct.Send(WithToken("good")).body, HasSubstr("<Code>Throttling"));
  EXPECT_EQ(direct.kms.calls, 3);
  EXPECT_EQ(direct.Sts("Action=GetCallerIdentity&Version=2011-06-15").status, 200U) << "signed ones are";
}

TEST(Dispatch, NothingIsDoneThatCouldNotBeRecorded) {
  Direct direct;
  direct.trail.admits = strongroom::Error(Errc::kUnavailable, "The audit trail cannot be written.");
  const auto refused = direct.Kms("Encrypt", R"({"KeyId":"k","Plaintext":"aGk="})");
  EXPECT_EQ(refused.status, 503u);
  EXPECT_THAT(refused.body, HasSubstr("The audit trail cannot be written."));
  EXPECT_EQ(direct.kms.calls, 0);
}

TEST(Dispatch, AnAnswerWhoseRecordDidNotBecomeDurableIsNotGiven) {
  Direct direct;
  direct.trail.durable = strongroom::Error(Errc::kUnavailable, "The audit trail cannot be written.");
  EXPECT_EQ(direct.Kms("Encrypt", R"({"KeyId":"k","Plaintext":"aGk="})").status, 200u);
  direct.trail.holds = true;
  const auto refused = direct.Kms("Encrypt", R"({"KeyId":"k","Plaintext":"aGk="})");
  EXPECT_EQ(refused.status, 503u);
  EXPECT_THAT(refused.body, testing::Not(HasSubstr("CiphertextBlob")));
  direct.trail.durable = {};
  EXPECT_EQ(direct.Kms("Encrypt", R"({"KeyId":"k","Plaintext":"aGk="})").status, 200u);
}

struct QueryRow {
  std::string name, form;
  unsigned status;
  std::vector<std::string> parts;
};
const QueryRow kQueryRows[] = {
    {"WhoAmI",
     "Action=GetCallerIdentity&Version=2011-06-15",
     200,
     {"<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>",
      "<Account>111122223333</Account>", "<Arn>&lt;&amp;&gt;arn:aws:iam::111122223333:root</Arn>",
      "<ResponseMetadata><RequestId>"}},
    {"ListsStructuresAndNumbers",
     "Action=AssumeRole&RoleArn=arn:aws:iam::111122223333:role/test&RoleSessionName=me&DurationSeconds=900&"
     "Tags.member.1.Key=a&Tags.member.1.Value=b+c&Tags.member.2.Key=%C3%A4&Tags.member.2.Value=%3D",
     200,
     {"<AssumedRoleUser><Arn>me</Arn></AssumedRoleUser>",
      "<Tags><member>a=b c</member><member>\xC3\xA4==</member></Tags>", "<PackedPolicySize>900<"}},
    {"Constraint",
     "Action=AssumeRole&RoleSessionName=m&RoleArn=arn:aws:iam::111122223333:role/test",
     400,
     {"<Type>Sender</Type><Code>ValidationError</Code><Message>1 validation error detected: Value &#39;m&#39; at "
      "&#39;roleSessionName&#39; failed to satisfy constraint: Member must have length greater than or equal to 2"}},
    {"NumberIsNone",
     "Action=AssumeRole&DurationSeconds=x",
     400,
     {"<Code>MalformedQueryString</Code><Message>DurationSeconds: expected a whole number."}},
    {"ListWithAGap",
     "Action=AssumeRole&Tags.member.2.Key=a&Tags.member.2.Value=b",
     400,
     {"<Code>MalformedQueryString</Code><Message>Tags.member.2.Key: the members of a list are numbered from 1 on"}},
    {"ListEndsBeforeAGap",
     "Action=AssumeRole&Tags.member.1.Key=a&Tags.member.1.Value=b&Tags.member.3.Key=c",
     400,
     {"<Code>MalformedQueryString</Code><Message>Tags.member.3.Key"}},
    {"ListWithoutNumbers", "Action=AssumeRole&Tags.member.x.Key=a", 400, {"MalformedQueryString"}},
    {"ListWithAZero", "Action=AssumeRole&Tags.member.1.Key=a&Tags.member.01.Value=b", 400, {"MalformedQueryString"}},
    {"ListWithNothing", "Action=AssumeRole&Tags.member.=a", 400, {"MalformedQueryString"}},
    {"BadEscape", "Action=GetCallerIdentity&X=%zz", 400, {"not percent-encoded UTF-8"}},
    {"BadUtf8", "Action=GetCallerIdentity&X=%ff", 400, {"not percent-encoded UTF-8"}},
    {"UnknownAction", "Action=Dance", 400, {"<Code>InvalidAction</Code><Message>The action Dance is not valid"}},
    {"NoAction", "Version=2011-06-15", 400, {"<Code>InvalidAction</Code>"}},
};
class QueryTable : public ::testing::TestWithParam<QueryRow> {};
TEST_P(QueryTable, AnswersAsTheRowSays) {
  Direct direct;
  const Answered answer = direct.Sts(GetParam().form);
  EXPECT_EQ(answer.status, GetParam().status) << answer.body;
  EXPECT_EQ(answer.content_type, "text/xml");
  for (const std::string& part : GetParam().parts) EXPECT_THAT(answer.body, HasSubstr(part));
}
INSTANTIATE_TEST_SUITE_P(Dispatch, QueryTable, ::testing::ValuesIn(kQueryRows),
                         [](const auto& row) { return row.param.name; });

TEST(Dispatch, QueryFailuresUseTheQueryNames) {
  Direct direct;
  const Answered answer = direct.Send(
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\nAction=GetCallerIdentity");
  EXPECT_EQ(answer.status, 403u);
  EXPECT_THAT(answer.body, HasSubstr("<Code>MissingAuthenticationToken</Code>"));
}

TEST(Dispatch, AnOperationListedTwiceIsRefused) {
  testing_kit::FakeCredentials credentials;
  testing_kit::FakeKms kms;
  const std::array twice{&testing_kit::kEncrypt, &testing_kit::kEncrypt};
  DispatcherConfig config;
  config.credentials = &credentials;
  config.services = {Service{
      .name = "kms", .signing_name = "kms", .operations = twice, .instance = &kms, .errors = &testing_kit::kKmsErrors}};
  EXPECT_FALSE(Dispatcher::Create(std::move(config)).ok());
}

}  // namespace
}  // namespace strongroom::aws
