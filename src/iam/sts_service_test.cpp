#include "iam/sts_service.h"

#include <gmock/gmock.h>
#include <cstring>

#include <boost/json.hpp>

#include "aws/policy/engine.h"
#include "base/testing/temporary_directory.h"
#include "iam/access_keys.h"
#include "iam/credential_cache.h"
#include "iam/key_ids.h"
#include "iam/sts/request.h"
#include "iam/testing/fake_sealer.h"
#include "iam/testing/fake_signing_secrets.h"
#include "store/testing/engines.h"

namespace strongroom::iam {
namespace {
namespace json = boost::json;
using store::testing::RunToEnd;

constexpr std::string_view kAccount = "111122223333", kOther = "444455556666";
const ports::WallTime kNow{std::chrono::seconds(1'772'366'400)};  // 2026-03-01T12:00:00Z

class TestClock final : public ports::Clock {
 public:
  ports::WallTime Now() const noexcept override { return kNow; }
};

/// One member of an answer, by its path: "Credentials/AccessKeyId".
std::string Shown(const aws::Reply& reply, std::string_view path) {
  const std::size_t slash = path.find('/');
  for (const aws::Reply::Member& member : reply.members()) {
    if (member.name != path.substr(0, slash)) continue;
    if (const auto* inner = std::get_if<aws::Reply>(&member.value); inner != nullptr && slash != path.npos)
      return Shown(*inner, path.substr(slash + 1));
    if (const auto* text = std::get_if<std::string>(&member.value)) return *text;
    if (const auto* number = std::get_if<std::int64_t>(&member.value)) return std::to_string(*number);
    if (const auto* time = std::get_if<ports::WallTime>(&member.value))
      return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(*time - kNow).count()) + " s";
  }
  return "(none)";
}

std::string Allow(const std::string& principal, const std::string& action, const std::string& condition = "") {
  return R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":)" + principal + R"(,"Action":)" +
         action + (condition.empty() ? "" : R"(,"Condition":)" + condition) + "}]}";
}
const std::string kAccountRoot = R"({"AWS":"arn:aws:iam::111122223333:root"})";
const std::string kAllowAll =
    R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]})";

class StsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    store::Config config;
    config.sqlite_path = dir_.path() / "strongroom.db";
    database_ = std::move(store::Database::Open(config).value());
    tokens_ = std::make_unique<SessionTokens>(*database_, sealer_, secrets_);
    ASSERT_TRUE(RunToEnd(tokens_->Start()).ok());
    cache_ = std::make_unique<CredentialCache>(
        CredentialCache::Parts{
            .loop = home_, .database = *database_, .authorizer = engine_, .secrets = secrets_, .tokens = *tokens_},
        CredentialCache::Options{.clock = &clock_});
    web_identity_ = std::make_unique<WebIdentityVerifier>(xks::Network::Make({}).value());
    sts_ = std::make_unique<Sts>(Sts::Parts{.database = *database_,
                                            .authorizer = engine_,
                                            .sealer = sealer_,
                                            .tokens = *tokens_,
                                            .web_identity = *web_identity_});
    MakeEntity("user", "anna", "AIDA1", "");
    PutPolicy("AIDA1", kAllowAll);
    MakeEntity("role", "open", "AROA1",
               Allow(kAccountRoot, R"(["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"])"));
    PutPolicy("AROA1", kAllowAll);
    ASSERT_TRUE(RunToEnd(cache_->Reload()).ok());
  }
  void Execute(std::string_view sql, std::vector<std::string> texts = {}) {
    auto done = database_->Transact([&](store::Transaction& t) {
      std::vector<store::Value> values;
      for (const std::string& text : texts) values.push_back(store::Text(text));
      return t.Execute(sql, values);
    });
    ASSERT_TRUE(done.ok()) << done.error();
  }
  void MakeEntity(const std::string& kind, const std::string& name, const std::string& id, const std::string& trust) {
    Execute(
        "INSERT INTO iam_entities (account_id, kind, name_key, name, path, entity_id, created_at, trust_policy, "
        "max_session_seconds) VALUES ($1, $2, $3, $3, '/', $4, 0, $5, 7200)",
        {std::string(kAccount), kind, name, id, trust});
  }
  void PutPolicy(const std::string& id, const std::string& text) {
    Execute("INSERT INTO iam_inline_policies (account_id, entity_id, name, document) VALUES ($1, $2, 'p', $3)",
            {std::string(kAccount), id, text});
  }
  ports::Caller Root(std::string_view account = kAccount) {
    return {.account = std::string(account), .arn = RootArn(account), .principal_id = std::string(account)};
  }
  ports::Caller Anna() {
    auto policies = std::make_shared<ports::PrincipalPolicies>();
    policies->identity.push_back({"p", engine_.Compile(ports::PolicyKind::kIdentity, kAllowAll).value()});
    ports::Caller caller{.kind = ports::PrincipalKind::kUser,
                         .account = std::string(kAccount),
                         .arn = "arn:aws:iam::111122223333:user/anna",
                         .principal_id = "AIDA1",
                         .user_name = "anna"};
    caller.policies = std::move(policies);
    return caller;
  }
  /// Whom the credentials of an answer are of.
  ports::Caller Bearer(const aws::Reply& reply) {
    const std::string id = Shown(reply, "Credentials/AccessKeyId");
    ports::WantedKey wanted{id, Shown(reply, "Credentials/SessionToken"), "20260301", "us-east-1", "sts"};
    const Status fetched = RunToEnd(cache_->Fetch(std::move(wanted)));
    EXPECT_TRUE(fetched.ok()) << fetched.error();
    return cache_->Find(id)->caller;
  }
  Result<aws::Reply> Call(std::string_view operation, const ports::Caller& caller, std::string_view body) {
    const json::value parsed = json::parse(body);
    const aws::Service service = sts_->Service();
    for (const aws::Operation* row : service.operations) {
      if (row->name() != operation) continue;
      aws::Call call{.caller = caller,
                     .region = "us-east-1",
                     .operation = row->name(),
                     .iam_action = row->iam_action,
                     .source_ip = "192.0.2.1",
                     .time = kNow,
                     .body = aws::Fields(parsed.get_object())};
      SR_CHECK(service.admit(service.instance, call));
      return RunToEnd(row->handler(service.instance, call));
    }
    return Error(Errc::kUnknownOperation, std::string(operation));
  }
  Result<aws::Reply> Assume(const ports::Caller& caller, std::string_view more = "", std::string_view role = "open") {
    return Call("AssumeRole", caller,
                R"({"RoleArn":"arn:aws:iam::111122223333:role/)" + std::string(role) + R"(","RoleSessionName":"s1")" +
                    std::string(more) + "}");
  }

  TemporaryDirectory dir_;
  TestClock clock_;
  aws::PolicyEngine engine_;
  testing::FakeSealer sealer_;
  testing::FakeSigningSecrets secrets_;
  std::unique_ptr<store::Database> database_;
  std::unique_ptr<SessionTokens> tokens_;
  Loop home_;
  std::unique_ptr<CredentialCache> cache_;
  std::unique_ptr<WebIdentityVerifier> web_identity_;
  std::unique_ptr<Sts> sts_;
};

TEST_F(StsTest, GetCallerIdentitySaysWhoSigned) {
  const auto root = Call("GetCallerIdentity", Root(), "{}");
  ASSERT_TRUE(root.ok());
  EXPECT_EQ(Shown(*root, "Arn"), "arn:aws:iam::111122223333:root");
  EXPECT_EQ(Shown(*root, "UserId"), kAccount);
  const auto assumed = Assume(Anna());
  ASSERT_TRUE(assumed.ok()) << assumed.error();
  const auto session = Call("GetCallerIdentity", Bearer(*assumed), "{}");
  EXPECT_EQ(Shown(*session, "Arn"), "arn:aws:sts::111122223333:assumed-role/open/s1");
  EXPECT_EQ(Shown(*session, "UserId"), "AROA1:s1");
  EXPECT_EQ(Shown(*session, "Account"), kAccount);
}

TEST_F(StsTest, AnAssumedRoleAnswersInAwssForm) {
  const auto answer = Assume(Anna(), R"(,"Tags":[{"Key":"Team","Value":"blue"}],"TransitiveTagKeys":["team"],)"
                                     R"("SourceIdentity":"anna","DurationSeconds":900)");
  ASSERT_TRUE(answer.ok()) << answer.error();
  EXPECT_EQ(AccountOfKeyId(Shown(*answer, "Credentials/AccessKeyId")), kAccount);
  EXPECT_EQ(Shown(*answer, "Credentials/Expiration"), "900 s");
  EXPECT_EQ(Shown(*answer, "AssumedRoleUser/AssumedRoleId"), "AROA1:s1");
  EXPECT_EQ(Shown(*answer, "AssumedRoleUser/Arn"), "arn:aws:sts::111122223333:assumed-role/open/s1");
  EXPECT_EQ(Shown(*answer, "PackedPolicySize"), "1");
  EXPECT_EQ(Shown(*answer, "SourceIdentity"), "anna");
  const ports::Caller bearer = Bearer(*answer);
  EXPECT_EQ(bearer.session->issued_at, kNow);
  EXPECT_EQ(bearer.session->source_identity, "anna");
  EXPECT_THAT(*bearer.tags, ::testing::ElementsAre(ports::Tag{"Team", "blue"}));

  // From one session to the next: transitive tags and the source identity go along, one hour is the most.
  const auto chained = Assume(bearer);
  ASSERT_TRUE(chained.ok()) << chained.error();
  EXPECT_EQ(Shown(*chained, "SourceIdentity"), "anna");
  EXPECT_THAT(*Bearer(*chained).tags, ::testing::ElementsAre(ports::Tag{"Team", "blue"}));
  EXPECT_EQ(Assume(bearer, R"(,"DurationSeconds":3601)").error().public_message(),
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.");
  EXPECT_EQ(Assume(bearer, R"(,"Tags":[{"Key":"TEAM","Value":"red"}])").error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(Assume(bearer, R"(,"SourceIdentity":"bob")").error().code(), Errc::kAccessDenied);
}

TEST_F(StsTest, TagsThatASessionHandsDownNeedTagSessionToo) {
  MakeEntity("role", "untaggable", "AROA7", Allow(kAccountRoot, R"("sts:AssumeRole")"));
  const auto tagged = Assume(Anna(), R"(,"Tags":[{"Key":"Team","Value":"blue"}],"TransitiveTagKeys":["Team"])");
  ASSERT_TRUE(tagged.ok()) << tagged.error();
  const auto chained = Assume(Bearer(*tagged), "", "untaggable");
  ASSERT_FALSE(chained.ok());
  EXPECT_EQ(chained.error().code(), Errc::kAccessDenied);
  EXPECT_THAT(chained.error().public_message(), ::testing::HasSubstr("sts:TagSession"));
  const auto plain = Assume(Anna());
  ASSERT_TRUE(plain.ok()) << plain.error();
  EXPECT_TRUE(Assume(Bearer(*plain), "", "untaggable").ok()) << "nothing is handed down";
}

struct Refusal {
  std::string name, more, role;
  Errc want;
  std::string text;
};
class RefusedRole : public StsTest, public ::testing::WithParamInterface<Refusal> {};
TEST_P(RefusedRole, AnswersAsTheRowSays) {
  MakeEntity("role", "closed", "AROA2", Allow(R"({"AWS":"arn:aws:iam::444455556666:root"})", R"("sts:AssumeRole")"));
  MakeEntity("role", "external", "AROA3",
             Allow(R"({"AWS":"arn:aws:iam::111122223333:user/anna"})", R"("sts:AssumeRole")",
                   R"({"StringEquals":{"sts:ExternalId":"42"}})"));
  MakeEntity("role", "mfa", "AROA4",
             Allow(R"({"AWS":"arn:aws:iam::111122223333:user/anna"})", R"("sts:AssumeRole")",
                   R"({"Bool":{"aws:MultiFactorAuthPresent":"true"}})"));
  for (const auto& [name, id, prefix] :
       {std::tuple("red-only", "AROA5", "aws"), std::tuple("blue-only", "AROA6", "iam")}) {
    const std::string colour(name, std::strchr(name, '-'));
    MakeEntity("role", name, id,
               Allow(kAccountRoot, R"("sts:AssumeRole")",
                     R"({"StringEquals":{")" + std::string(prefix) + R"(:ResourceTag/Colour":")" + colour + R"("}})"));
    Execute("INSERT INTO iam_tags (account_id, owner_id, key_folded, tag_key, tag_value) VALUES ($1, $2, $3, $4, $5)",
            {std::string(kAccount), id, "colour", "Colour", "red"});
  }
  const auto answer = Assume(Anna(), GetParam().more, GetParam().role);
  if (GetParam().want == Errc::kCount_) {
    EXPECT_TRUE(answer.ok()) << answer.error();
    return;
  }
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code(), GetParam().want) << answer.error();
  EXPECT_THAT(answer.error().public_message(), ::testing::HasSubstr(GetParam().text));
}
const std::string kTagged = R"(,"Tags":[{"Key":"a","Value":"b"}])";
const Refusal kRefusals[] = {
    {"TrustsAnother", "", "closed", Errc::kAccessDenied,
     "is not authorized to perform: sts:AssumeRole on resource: "
     "arn:aws:iam::111122223333:role/closed"},
    {"IsNotThere", "", "absent", Errc::kAccessDenied,
     "is not authorized to perform: sts:AssumeRole on resource: "
     "arn:aws:iam::111122223333:role/absent"},
    {"WithoutExternalId", "", "external", Errc::kAccessDenied, "sts:AssumeRole"},
    {"OtherExternalId", R"(,"ExternalId":"43")", "external", Errc::kAccessDenied, "sts:AssumeRole"},
    {"RightExternalId", R"(,"ExternalId":"42")", "external", Errc::kCount_, ""},
    {"TagsNeedTagSession", R"(,"ExternalId":"42")" + kTagged, "external", Errc::kAccessDenied, "sts:TagSession"},
    {"SourceIdentityNeedsItsAction", R"(,"ExternalId":"42","SourceIdentity":"anna")", "external", Errc::kAccessDenied,
     "sts:SetSourceIdentity"},
    {"TaggedAsItsTrustWants", "", "red-only", Errc::kCount_, ""},
    {"NotTaggedAsItsTrustWants", "", "blue-only", Errc::kAccessDenied, "sts:AssumeRole"},
    {"WithoutSecondFactor", "", "mfa", Errc::kAccessDenied, "sts:AssumeRole"},
    {"UnknownDevice", R"(,"SerialNumber":"arn:aws:iam::111122223333:mfa/x","TokenCode":"123456")", "mfa",
     Errc::kAccessDenied, "MultiFactorAuthentication"},
    {"SerialWithoutCode", R"(,"SerialNumber":"arn:aws:iam::111122223333:mfa/x")", "mfa", Errc::kInvalidArgument, ""},
    {"LongerThanTheRole", R"(,"DurationSeconds":7201)", "open", Errc::kInvalidArgument,
     "exceeds the MaxSessionDuration set for this role"},
    {"AsLongAsTheRole", R"(,"DurationSeconds":7200)", "open", Errc::kCount_, ""},
    {"BrokenPolicy", R"(,"Policy":"{")", "open", Errc::kMalformedPolicy, ""},
    {"UnknownManagedPolicy", R"(,"PolicyArns":[{"arn":"arn:aws:iam::111122223333:policy/gone"}])", "open",
     Errc::kInvalidArgument, "does not exist"},
    {"TagTwice", R"(,"Tags":[{"Key":"a","Value":"b"},{"Key":"A","Value":"c"}])", "open", Errc::kInvalidArgument,
     "Duplicate tag keys"},
    {"TagOfAws", R"(,"Tags":[{"Key":"aws:x","Value":"b"}])", "open", Errc::kInvalidArgument, "reserved"},
    {"TransitiveWithoutTag", R"(,"TransitiveTagKeys":["a"])", "open", Errc::kInvalidArgument, "transitive"},
    {"Contexts", R"(,"ProvidedContexts":[{"ProviderArn":"x"}])", "open", Errc::kInvalidArgument, "ProvidedContexts"},
};
INSTANTIATE_TEST_SUITE_P(Sts, RefusedRole, ::testing::ValuesIn(kRefusals),
                         [](const auto& info) { return info.param.name; });

TEST_F(StsTest, RolesAreNotForRootNorForFederatedUsers) {
  EXPECT_EQ(Assume(Root()).error().public_message(), "Roles may not be assumed by root accounts.");
  EXPECT_EQ(Assume(Root(kOther)).error().code(), Errc::kAccessDenied);
  ports::Caller stranger = Anna();
  stranger.account = kOther;
  stranger.arn = "arn:aws:iam::444455556666:user/anna";
  EXPECT_EQ(Assume(stranger).error().code(), Errc::kAccessDenied) << "another account's user by its own rights alone";
  ports::Caller nobody = Anna();
  nobody.policies = std::make_shared<ports::PrincipalPolicies>();
  EXPECT_EQ(Assume(nobody).error().code(), Errc::kAccessDenied) << "the account is trusted, the user has no right";
}

TEST_F(StsTest, TooManyTagsAndPoliciesAreTooLarge) {
  std::string tags;
  for (int i = 0; i < 20; ++i)
    tags += (i == 0 ? "" : ",") + std::string(R"({"Key":"k)") + std::to_string(i) + R"(","Value":")" +
            std::string(200, 'v') + "\"}";
  const auto answer = Assume(Anna(), R"(,"Tags":[)" + tags + "]");
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code(), Errc::kLimitExceeded);
  EXPECT_THAT(answer.error().public_message(), ::testing::MatchesRegex("Packed policy consumes 1[0-9]+% of allotted "
                                                                       "space, please use smaller policy."));
}

TEST_F(StsTest, SessionTokensOfUsersAndRoot) {
  const auto of_user = Call("GetSessionToken", Anna(), "{}");
  ASSERT_TRUE(of_user.ok()) << of_user.error();
  EXPECT_EQ(Shown(*of_user, "Credentials/Expiration"), "43200 s");
  const ports::Caller user = Bearer(*of_user);
  EXPECT_EQ(user.arn, "arn:aws:iam::111122223333:user/anna");
  EXPECT_EQ(user.kind, ports::PrincipalKind::kUser);
  ASSERT_TRUE(user.session);
  EXPECT_FALSE(user.session->mfa_at);
  const auto of_root = Call("GetSessionToken", Root(), "{}");
  ASSERT_TRUE(of_root.ok());
  EXPECT_EQ(Shown(*of_root, "Credentials/Expiration"), "3600 s");
  EXPECT_TRUE(Bearer(*of_root).is_root());
  const std::string longer = R"({"Name":"bob","DurationSeconds":3601})";
  for (const char* operation : {"GetSessionToken", "GetFederationToken"})
    EXPECT_EQ(Shown(*Call(operation, Root(), longer), "Credentials/Expiration"), "3600 s") << operation;
  EXPECT_EQ(Shown(*Call("GetSessionToken", Anna(), longer), "Credentials/Expiration"), "3601 s");

  // What such a session may ask of STS.
  EXPECT_TRUE(Assume(user).ok());
  EXPECT_TRUE(Call("GetCallerIdentity", user, "{}").ok());
  for (const char* operation : {"GetSessionToken", "GetFederationToken", "GetAccessKeyInfo"})
    EXPECT_EQ(Call(operation, user, R"({"Name":"x","AccessKeyId":"x"})").error().code(), Errc::kAccessDenied)
        << operation;
}

TEST_F(StsTest, FederatedUsers) {
  const auto answer = Call("GetFederationToken", Anna(), R"({"Name":"bob","Tags":[{"Key":"a","Value":"b"}]})");
  ASSERT_TRUE(answer.ok()) << answer.error();
  EXPECT_EQ(Shown(*answer, "FederatedUser/Arn"), "arn:aws:sts::111122223333:federated-user/bob");
  EXPECT_EQ(Shown(*answer, "FederatedUser/FederatedUserId"), "111122223333:bob");
  const ports::Caller bob = Bearer(*answer);
  EXPECT_EQ(bob.kind, ports::PrincipalKind::kFederatedUser);
  EXPECT_TRUE(Call("GetCallerIdentity", bob, "{}").ok());
  EXPECT_EQ(Assume(bob).error().code(), Errc::kAccessDenied);
  EXPECT_EQ(Call("GetSessionToken", bob, "{}").error().code(), Errc::kAccessDenied);
  ports::Caller nobody = Anna();
  nobody.policies = std::make_shared<ports::PrincipalPolicies>();
  EXPECT_EQ(Call("GetFederationToken", nobody, R"({"Name":"bob"})").error().code(), Errc::kAccessDenied);
}

TEST_F(StsTest, AccessKeyInfoAndEncodedMessages) {
  const auto info = Call("GetAccessKeyInfo", Anna(), R"({"AccessKeyId":")" + NewAccessKeyId("AKIA", kOther) + "\"}");
  ASSERT_TRUE(info.ok()) << info.error();
  EXPECT_EQ(Shown(*info, "Account"), kOther);
  EXPECT_EQ(Call("GetAccessKeyInfo", Anna(), R"({"AccessKeyId":"AKIAEXAMPLEEXAMPLE"})").error().code(),
            Errc::kInvalidArgument);
  EXPECT_EQ(Call("DecodeAuthorizationMessage", Anna(), R"({"EncodedMessage":"abc"})").error().code(),
            Errc::kBadCiphertext);
  ports::Caller nobody = Anna();
  nobody.policies = std::make_shared<ports::PrincipalPolicies>();
  for (const char* operation : {"GetAccessKeyInfo", "DecodeAuthorizationMessage"})
    EXPECT_EQ(Call(operation, nobody, R"({"AccessKeyId":"AKIAEXAMPLEEXAMPLE","EncodedMessage":"abc"})").error().code(),
              Errc::kAccessDenied)
        << operation;
}

TEST_F(StsTest, AnswersInItsOwnWords) {
  const aws::Service service = sts_->Service();
  const auto type = [&](Errc code) { return (*service.errors)[std::size_t(code)].type; };
  EXPECT_EQ(type(Errc::kInvalidSignature), "SignatureDoesNotMatch");
  EXPECT_EQ(type(Errc::kUnrecognizedClient), "InvalidClientTokenId");
  EXPECT_EQ(type(Errc::kExpiredToken), "ExpiredToken");
  EXPECT_EQ(type(Errc::kLimitExceeded), "PackedPolicyTooLarge");
  EXPECT_EQ(type(Errc::kBadSignature), "InvalidIdentityToken");
  EXPECT_EQ(type(Errc::kClusterInUse), "InternalFailure");
  std::vector<std::string> names;
  for (const aws::Operation* row : service.operations) names.emplace_back(row->name());
  EXPECT_THAT(names,
              ::testing::ElementsAre("AssumeRole", "AssumeRoleWithWebIdentity", "DecodeAuthorizationMessage",
                                     "GetAccessKeyInfo", "GetCallerIdentity", "GetFederationToken", "GetSessionToken"));
  for (const aws::Operation* row : service.operations)
    EXPECT_EQ(row->anonymous, row->name() == "AssumeRoleWithWebIdentity") << row->name();
}

}  // namespace
}  // namespace strongroom::iam
