#include "iam/credential_cache.h"

#include <gmock/gmock.h>

#include <boost/asio/executor_work_guard.hpp>
#include <thread>

#include "aws/policy/engine.h"
#include "base/testing/temporary_directory.h"
#include "crypto/hash.h"
#include "iam/access_keys.h"
#include "iam/service.h"
#include "iam/testing/fake_sealer.h"
#include "iam/testing/fake_signing_secrets.h"
#include "secret/peek_for_tests.h"
#include "store/testing/engines.h"

namespace strongroom::iam {
namespace {
using store::testing::RunToEnd;
using Token = ports::SigningKeySource::Token;

constexpr std::string_view kAccount = "111122223333", kOther = "444455556666";
constexpr std::string_view kAllowAll =
    R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]})";

class TestClock final : public ports::Clock {
 public:
  ports::WallTime Now() const noexcept override { return now; }
  ports::WallTime now = ports::WallTime(std::chrono::seconds(1'772'366'400));  // 2026-03-01T12:00:00Z
};

/// A front end's part of it all, over a store in a directory and HSMs in memory.
class CredentialCacheTest : public ::testing::Test {
 protected:
  void SetUp() override {
    store::Config config;
    config.sqlite_path = dir_.path() / "strongroom.db";
    auto opened = store::Database::Open(config);
    ASSERT_TRUE(opened.ok());
    database_ = *std::move(opened);
    keys_ = std::make_unique<AccessKeys>(*database_, secrets_);
    tokens_ = std::make_unique<SessionTokens>(*database_, sealer_, secrets_);
    ASSERT_TRUE(RunToEnd(tokens_->Start()).ok());
    MakeCache({.clock = &clock_});
  }
  void MakeCache(CredentialCache::Options options) {
    cache_ = std::make_unique<CredentialCache>(
        CredentialCache::Parts{
            .loop = home_, .database = *database_, .authorizer = engine_, .secrets = secrets_, .tokens = *tokens_},
        options);
  }
  NewAccessKey Account(std::string_view id = kAccount) {
    auto made = RunToEnd(keys_->CreateAccount("test", std::string(id)));
    EXPECT_TRUE(made.ok()) << made.error();
    return *std::move(made);
  }
  void Execute(std::string_view sql) {
    auto done = database_->Transact([&](store::Transaction& tx) { return tx.Execute(sql); });
    ASSERT_TRUE(done.ok()) << done.error();
  }
  void MakeEntity(const std::string& kind, const std::string& name, const std::string& id) {
    Execute("INSERT INTO iam_entities (account_id, kind, name_key, name, path, entity_id, created_at) VALUES ('" +
            std::string(kAccount) + "', '" + kind + "', '" + name + "', '" + name + "', '/', '" + id + "', 0)");
  }
  void PutPolicy(const std::string& id, std::string_view text) {
    Execute("INSERT INTO iam_inline_policies (account_id, entity_id, name, document) VALUES ('" +
            std::string(kAccount) + "', '" + id + "', 'p', '" + std::string(text) + "')");
  }
  Status Reload() { return RunToEnd(cache_->Reload()); }
  Status Fetch(std::string id, std::string token = "", std::string date = "20260301") {
    ports::WantedKey wanted{std::move(id), std::move(token), std::move(date), "eu-central-1", "kms"};
    return RunToEnd(cache_->Fetch(std::move(wanted)));
  }
  std::shared_ptr<const SecretBuffer> KeyOf(const std::string& id, std::string_view date = "20260301",
                                            std::string_view region = "eu-central-1") {
    const auto credential = cache_->Find(id);
    if (!credential) return nullptr;
    return static_cast<const ports::SigningKeySource&>(*cache_).Find(*credential, {date, region, "kms"});
  }
  SessionTokens::Minted Mint(proto::SessionClaims claims, std::chrono::seconds life = std::chrono::hours(1)) {
    claims.set_account(std::string(kAccount));
    claims.set_issued_millis(1'772'366'400'000);
    auto minted = RunToEnd(tokens_->Mint(std::move(claims), clock_.now + life));
    EXPECT_TRUE(minted.ok()) << minted.error();
    return *std::move(minted);
  }
  proto::SessionClaims RoleClaims() {
    proto::SessionClaims claims;
    claims.set_kind(proto::SESSION_OF_ROLE);
    claims.set_principal_id("AROA1");
    claims.set_name("s1");
    return claims;
  }
  bool May(const std::string& id, std::string_view action) {
    const auto credential = cache_->Find(id);
    return credential && credential->active && engine_.Decide({.caller = credential->caller, .action = action}).allowed;
  }
  /// May it decrypt with a key of whose policy these are the statements?
  bool MayDecrypt(const std::string& id, std::string_view statements, const ports::PrincipalIds& ids = {}) {
    auto policy = engine_.Compile(ports::PolicyKind::kKey,
                                  R"({"Version":"2012-10-17","Statement":[)" + std::string(statements) + "]}", ids);
    EXPECT_TRUE(policy.ok()) << policy.error();
    const auto credential = cache_->Find(id);
    return policy.ok() && credential && credential->active &&
           engine_
               .Decide({.caller = credential->caller,
                        .action = "kms:Decrypt",
                        .resource = "arn:aws:kms:eu-central-1:111122223333:key/1",
                        .resource_account = kAccount,
                        .policy = policy->get()})
               .allowed;
  }
  static std::string Statement(std::string_view effect, std::string_view principal) {
    return fmt::format(R"({{"Effect":"{}","Principal":{{"AWS":"{}"}},"Action":"kms:*","Resource":"*"}})", effect,
                       principal);
  }

  TemporaryDirectory dir_;
  TestClock clock_;
  aws::PolicyEngine engine_;
  testing::FakeSealer sealer_;
  testing::FakeSigningSecrets secrets_;
  std::unique_ptr<store::Database> database_;
  std::unique_ptr<AccessKeys> keys_;
  std::unique_ptr<SessionTokens> tokens_;
  Loop home_;
  std::unique_ptr<CredentialCache> cache_;
};

TEST_F(CredentialCacheTest, HasNoSecretButTheSigningKeyThatTheClientDerives) {
  const NewAccessKey made = Account();
  ASSERT_TRUE(Reload().ok());
  const auto found = cache_->Find(made.access_key_id);
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->secret.empty());
  EXPECT_TRUE(found->active);
  EXPECT_FALSE(found->is_temporary());
  EXPECT_TRUE(found->caller.is_root());
  EXPECT_EQ(found->caller.arn, "arn:aws:iam::111122223333:root");
  EXPECT_EQ(found->caller.principal_id, kAccount);
  EXPECT_EQ(KeyOf(made.access_key_id), nullptr) << "nobody has asked for it yet";
  ASSERT_TRUE(Fetch(made.access_key_id).ok());
  const auto key = KeyOf(made.access_key_id);
  ASSERT_TRUE(key);
  EXPECT_TRUE(key->EqualsInConstantTime(*aws::SigningKeyMaker::Derive(made.secret, "20260301", "eu-central-1", "kms")));
  EXPECT_EQ(KeyOf(made.access_key_id, "20260302"), nullptr);
  EXPECT_EQ(KeyOf(made.access_key_id, "20260301", "us-east-1"), nullptr);
}

TEST_F(CredentialCacheTest, UnknownAndSwitchedOffKeysAskNoHsm) {
  const NewAccessKey made = Account();
  ASSERT_TRUE(RunToEnd(keys_->SetActive(std::string(kAccount), made.access_key_id, false)).ok());
  ASSERT_TRUE(Reload().ok());
  EXPECT_FALSE(cache_->Find("AKIAAAAAAAAAAAAAAAAA"));
  EXPECT_FALSE(cache_->Find("ASIAAAAAAAAAAAAAAAAA"));
  EXPECT_FALSE(cache_->Find(""));
  ASSERT_TRUE(cache_->Find(made.access_key_id));
  EXPECT_FALSE(cache_->Find(made.access_key_id)->active);
  EXPECT_EQ(Fetch("AKIAAAAAAAAAAAAAAAAA").error().code(), Errc::kUnrecognizedClient);
  EXPECT_EQ(Fetch(made.access_key_id).error().code(), Errc::kUnrecognizedClient);
  EXPECT_EQ(Fetch("ASIAAAAAAAAAAAAAAAAA", "bm9uZQ==").error().code(), Errc::kUnrecognizedClient);
  EXPECT_EQ(secrets_.asked, 0);
}

TEST_F(CredentialCacheTest, WarmKeysGoOnWithoutTheHsmsAndDeletedOnesDoNot) {
  const NewAccessKey one = Account();
  const NewAccessKey two = Account(kOther);
  ASSERT_TRUE(Reload().ok());
  ASSERT_TRUE(Fetch(one.access_key_id).ok());
  ASSERT_TRUE(Fetch(two.access_key_id).ok());
  secrets_.away = true;
  ASSERT_TRUE(RunToEnd(keys_->Delete(std::string(kOther), two.access_key_id)).ok());
  ASSERT_TRUE(Reload().ok());
  EXPECT_TRUE(KeyOf(one.access_key_id));
  EXPECT_FALSE(cache_->Find(two.access_key_id));
  EXPECT_EQ(Fetch(one.access_key_id, "", "20260302").error().code(), Errc::kUnavailable);
}

TEST_F(CredentialCacheTest, ARowThatIsAnothersDoesNotOpen) {
  const NewAccessKey one = Account();
  const NewAccessKey two = Account(kOther);
  Execute(
      "UPDATE access_keys SET sealed_secret = (SELECT sealed_secret FROM access_keys AS other WHERE "
      "other.account_id = '444455556666') WHERE account_id = '111122223333'");
  ASSERT_TRUE(Reload().ok());
  EXPECT_EQ(Fetch(one.access_key_id).error().code(), Errc::kUnrecognizedClient);
  EXPECT_TRUE(Fetch(two.access_key_id).ok());
  // Nor does a key that was given to another principal.
  MakeEntity("user", "anna", "AIDA1");
  Execute(
      "UPDATE access_keys SET principal_id = 'AIDA1', account_id = '111122223333' WHERE account_id = "
      "'444455556666'");
  ASSERT_TRUE(Reload().ok());
  EXPECT_EQ(Fetch(two.access_key_id, "", "20260302").error().code(), Errc::kUnrecognizedClient);
}

TEST_F(CredentialCacheTest, TomorrowsKeysAreFetchedAheadAndOldOnesForgotten) {
  const NewAccessKey one = Account();
  ASSERT_TRUE(Reload().ok());
  ASSERT_TRUE(Fetch(one.access_key_id).ok());
  ASSERT_TRUE(Fetch(one.access_key_id, "", "20260226").ok());
  const auto ahead = [this]() -> Task<Status> {
    co_await cache_->FetchAhead();
    co_return Status();
  };
  ASSERT_TRUE(RunToEnd(ahead()).ok());
  EXPECT_TRUE(KeyOf(one.access_key_id, "20260302"));
  EXPECT_TRUE(KeyOf(one.access_key_id, "20260301"));
  EXPECT_FALSE(KeyOf(one.access_key_id, "20260226"));
  const int asked = secrets_.asked;
  ASSERT_TRUE(RunToEnd(ahead()).ok());
  EXPECT_EQ(secrets_.asked, asked) << "what is there is not fetched again";
}

TEST_F(CredentialCacheTest, HoldsNoMoreKeysThanItMay) {
  MakeCache({.most_keys = 3, .clock = &clock_});
  const NewAccessKey one = Account();
  ASSERT_TRUE(Reload().ok());
  for (const std::string date : {"20260225", "20260226", "20260227", "20260228"})
    ASSERT_TRUE(Fetch(one.access_key_id, "", date).ok());
  EXPECT_FALSE(KeyOf(one.access_key_id, "20260225"));
  EXPECT_TRUE(KeyOf(one.access_key_id, "20260226"));
  EXPECT_TRUE(KeyOf(one.access_key_id, "20260228"));
}

TEST_F(CredentialCacheTest, AUserHasThePoliciesOfItsGroupsAndItsBoundary) {
  Account();
  MakeEntity("user", "anna", "AIDA1");
  MakeEntity("group", "admins", "AGPA1");
  PutPolicy("AGPA1", kAllowAll);
  Execute("INSERT INTO iam_memberships (account_id, group_id, user_id) VALUES ('111122223333', 'AGPA1', 'AIDA1')");
  Execute(
      "INSERT INTO iam_tags (account_id, owner_id, key_folded, tag_key, tag_value) VALUES ('111122223333', 'AIDA1', "
      "'team', 'Team', 'blue')");
  auto drawn = RunToEnd(keys_->Draw(std::string(kAccount), "AIDA1"));
  ASSERT_TRUE(drawn.ok());
  const std::string id = drawn->shown.access_key_id;
  auto insert = database_->Transact([&](store::Transaction& t) { return InsertAccessKey(t, drawn->kept, "arn"); });
  ASSERT_TRUE(insert.ok()) << insert.error();
  ASSERT_TRUE(Reload().ok());
  const auto found = cache_->Find(id);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->caller.kind, ports::PrincipalKind::kUser);
  EXPECT_EQ(found->caller.arn, "arn:aws:iam::111122223333:user/anna");
  EXPECT_EQ(found->caller.user_name, "anna");
  ASSERT_TRUE(found->caller.tags);
  EXPECT_THAT(*found->caller.tags, ::testing::ElementsAre(ports::Tag{"Team", "blue"}));
  EXPECT_TRUE(May(id, "iam:ListUsers"));
  Execute("UPDATE iam_entities SET boundary_arn = 'arn:aws:iam::111122223333:policy/gone' WHERE entity_id = 'AIDA1'");
  ASSERT_TRUE(Reload().ok());
  EXPECT_FALSE(May(id, "iam:ListUsers")) << "a boundary that cannot be read lets nothing through";
  Execute("DELETE FROM iam_entities WHERE entity_id = 'AIDA1'");
  ASSERT_TRUE(Reload().ok());
  EXPECT_FALSE(cache_->Find(id)) << "the key of a user that is gone";
}

TEST_F(CredentialCacheTest, ASessionIsWhatItsRoleIsNow) {
  Account();
  MakeEntity("role", "deployer", "AROA1");
  PutPolicy("AROA1", kAllowAll);
  const auto minted = Mint(RoleClaims());
  EXPECT_TRUE(minted.access_key_id.starts_with("ASIA"));
  EXPECT_FALSE(cache_->Find(minted.access_key_id));
  EXPECT_EQ(cache_->Judge(minted.access_key_id, minted.token, clock_.now), Token::kWorthOpening);
  // The role is not in memory yet: opening the session looks for it.
  ASSERT_TRUE(Fetch(minted.access_key_id, minted.token).ok());
  const auto found = cache_->Find(minted.access_key_id);
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->active);
  EXPECT_TRUE(found->is_temporary());
  EXPECT_EQ(found->session_token_sha256, crypto::Sha256(AsBytes(minted.token)));
  EXPECT_EQ(found->expires_at, minted.expires_at);
  EXPECT_EQ(found->caller.arn, "arn:aws:sts::111122223333:assumed-role/deployer/s1");
  EXPECT_EQ(found->caller.principal_id, "AROA1:s1");
  EXPECT_EQ(found->caller.role_arn, "arn:aws:iam::111122223333:role/deployer");
  const auto key = KeyOf(minted.access_key_id);
  ASSERT_TRUE(key);
  EXPECT_TRUE(
      key->EqualsInConstantTime(*aws::SigningKeyMaker::Derive(minted.secret, "20260301", "eu-central-1", "kms")));
  EXPECT_TRUE(May(minted.access_key_id, "iam:ListUsers"));

  Execute("DELETE FROM iam_inline_policies");
  ASSERT_TRUE(Reload().ok());
  EXPECT_FALSE(May(minted.access_key_id, "iam:ListUsers")) << "its rights are those of now";
  Execute("DELETE FROM iam_entities");
  ASSERT_TRUE(Reload().ok());
  EXPECT_FALSE(cache_->Find(minted.access_key_id)->active) << "the role is gone";
  MakeEntity("role", "deployer", "AROA2");
  PutPolicy("AROA2", kAllowAll);
  ASSERT_TRUE(Reload().ok());
  EXPECT_FALSE(cache_->Find(minted.access_key_id)->active) << "another role of that name";
}

TEST_F(CredentialCacheTest, SessionPoliciesLimitAndMissingOnesAllowNothing) {
  Account();
  MakeEntity("role", "deployer", "AROA1");
  PutPolicy("AROA1", kAllowAll);
  ASSERT_TRUE(Reload().ok());
  proto::SessionClaims limited = RoleClaims();
  limited.add_policies(
      R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:List*","Resource":"*"}]})");
  const auto one = Mint(limited);
  ASSERT_TRUE(Fetch(one.access_key_id, one.token).ok());
  EXPECT_TRUE(May(one.access_key_id, "iam:ListUsers"));
  EXPECT_FALSE(May(one.access_key_id, "iam:CreateUser"));
  limited.add_policy_arns("arn:aws:iam::111122223333:policy/gone");
  const auto two = Mint(limited);
  ASSERT_TRUE(Fetch(two.access_key_id, two.token).ok());
  EXPECT_FALSE(May(two.access_key_id, "iam:ListUsers"));
}

constexpr std::string_view kRoleArn = "arn:aws:iam::111122223333:role/deployer",
                           kUserArn = "arn:aws:iam::111122223333:user/anna", kRoot = "arn:aws:iam::111122223333:root";

TEST_F(CredentialCacheTest, ADeletedSessionPolicyCannotBeMadeUpForByAKeysPolicy) {
  Account();
  MakeEntity("role", "deployer", "AROA1");
  Execute(
      "INSERT INTO iam_policies (account_id, name_key, name, path, policy_id, arn, description, default_version, "
      "next_version, created_at, updated_at) VALUES ('111122223333', 'p', 'p', '/', 'ANPA1', "
      "'arn:aws:iam::111122223333:policy/p', '', 1, 2, 0, 0)");
  Execute(
      "INSERT INTO iam_policy_versions (account_id, policy_id, version, document, created_at) VALUES ('111122223333', "
      "'ANPA1', 1, '" +
      std::string(kAllowAll) + "', 0)");
  ASSERT_TRUE(Reload().ok());
  proto::SessionClaims claims = RoleClaims();
  claims.add_policy_arns("arn:aws:iam::111122223333:policy/p");
  const auto minted = Mint(claims);
  ASSERT_TRUE(Fetch(minted.access_key_id, minted.token).ok());
  const std::string& id = minted.access_key_id;
  EXPECT_TRUE(MayDecrypt(id, Statement("Allow", kRoleArn)));
  Execute("DELETE FROM iam_policy_versions");
  Execute("DELETE FROM iam_policies");
  ASSERT_TRUE(Reload().ok());
  for (const std::string_view principal :
       {kRoleArn, kRoot, std::string_view("*"), std::string_view("arn:aws:sts::111122223333:assumed-role/deployer/s1")})
    EXPECT_FALSE(MayDecrypt(id, Statement("Allow", principal))) << principal;
}

TEST_F(CredentialCacheTest, APolicyThatCannotBeReadDeniesWhatAKeysPolicyAllows) {
  Account();
  MakeEntity("role", "deployer", "AROA1");
  ASSERT_TRUE(Reload().ok());
  const auto minted = Mint(RoleClaims());
  ASSERT_TRUE(Fetch(minted.access_key_id, minted.token).ok());
  EXPECT_TRUE(MayDecrypt(minted.access_key_id, Statement("Allow", kRoleArn)));
  PutPolicy("AROA1", "{");
  ASSERT_TRUE(Reload().ok());
  EXPECT_FALSE(MayDecrypt(minted.access_key_id, Statement("Allow", kRoleArn)));
  Execute("DELETE FROM iam_inline_policies");
  Execute("UPDATE iam_entities SET boundary_arn = 'arn:aws:iam::111122223333:policy/gone' WHERE entity_id = 'AROA1'");
  ASSERT_TRUE(Reload().ok());
  EXPECT_FALSE(MayDecrypt(minted.access_key_id, Statement("Allow", kRoleArn)));
}

TEST_F(CredentialCacheTest, AKeysPolicyReachesTheSessionsOfTheRolesAndUsersItNames) {
  Account();
  MakeEntity("user", "anna", "AIDA1");
  PutPolicy("AIDA1", kAllowAll);
  MakeEntity("role", "deployer", "AROA1");
  PutPolicy("AROA1", kAllowAll);
  ASSERT_TRUE(Reload().ok());
  proto::SessionClaims federated;
  federated.set_kind(proto::SESSION_OF_FEDERATED);
  federated.set_principal_id("AIDA1");
  federated.set_name("bob");
  federated.add_policies(std::string(kAllowAll));
  proto::SessionClaims of_user;
  of_user.set_kind(proto::SESSION_OF_USER);
  of_user.set_principal_id("AIDA1");
  const struct {
    std::string_view name;
    proto::SessionClaims claims;
    std::string_view arn, id;
  } rows[] = {{"role", RoleClaims(), kRoleArn, "AROA1"},
              {"federated", federated, kUserArn, "AIDA1"},
              {"user", of_user, kUserArn, "AIDA1"}};
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    const auto minted = Mint(row.claims);
    ASSERT_TRUE(Fetch(minted.access_key_id, minted.token).ok());
    const std::string& id = minted.access_key_id;
    const std::string delegated = Statement("Allow", kRoot), named = Statement("Allow", row.arn);
    const std::string denied = delegated + "," + Statement("Deny", row.arn);
    const ports::PrincipalIds now{{std::string(row.arn), std::string(row.id)}};
    const ports::PrincipalIds before{{std::string(row.arn), "AOLD1"}};
    EXPECT_TRUE(MayDecrypt(id, delegated));
    EXPECT_TRUE(MayDecrypt(id, named));
    EXPECT_TRUE(MayDecrypt(id, named, now));
    EXPECT_FALSE(MayDecrypt(id, named, before)) << "another one had the name when the policy was saved";
    EXPECT_FALSE(MayDecrypt(id, denied));
    EXPECT_FALSE(MayDecrypt(id, denied, now));
    EXPECT_TRUE(MayDecrypt(id, denied, before));
  }
}

TEST_F(CredentialCacheTest, LongTokensTakeNothingOfTheLockedPool) {
  Account();
  ASSERT_TRUE(Reload().ok());
  proto::SessionClaims claims;
  claims.set_kind(proto::SESSION_OF_ROOT);
  claims.set_principal_id(std::string(kAccount));
  claims.add_policies(std::string(kAllowAll) + std::string(2'000, ' '));
  constexpr std::size_t kSessions = 64;
  std::vector<SessionTokens::Minted> minted;
  while (minted.size() < kSessions) minted.push_back(Mint(claims));
  const std::size_t before = secret::CurrentPoolUsage().handed_out_bytes;
  for (const auto& one : minted) ASSERT_TRUE(Fetch(one.access_key_id, one.token).ok());
  EXPECT_LT(secret::CurrentPoolUsage().handed_out_bytes, before + kSessions * 1'024) << "their signing keys do";
}

TEST_F(CredentialCacheTest, SessionsGoWhenTheyHaveExpired) {
  Account();
  ASSERT_TRUE(Reload().ok());
  proto::SessionClaims claims;
  claims.set_kind(proto::SESSION_OF_ROOT);
  claims.set_principal_id(std::string(kAccount));
  const auto one = Mint(claims), two = Mint(claims, std::chrono::hours(2));
  ASSERT_TRUE(Fetch(one.access_key_id, one.token).ok());
  ASSERT_TRUE(Fetch(two.access_key_id, two.token).ok());
  const auto held = [&](const SessionTokens::Minted& minted) { return cache_->Find(minted.access_key_id) != nullptr; };
  EXPECT_TRUE(held(one));
  clock_.now = one.expires_at;
  cache_->ForgetExpired();
  EXPECT_FALSE(held(one));
  EXPECT_TRUE(held(two));
}

TEST_F(CredentialCacheTest, AFederatedUserHasItsUsersRightsWithinTheSessionPolicies) {
  Account();
  MakeEntity("user", "anna", "AIDA1");
  PutPolicy("AIDA1", kAllowAll);
  ASSERT_TRUE(Reload().ok());
  proto::SessionClaims claims;
  claims.set_kind(proto::SESSION_OF_FEDERATED);
  claims.set_principal_id("AIDA1");
  claims.set_name("bob");
  const auto without = Mint(claims);
  ASSERT_TRUE(Fetch(without.access_key_id, without.token).ok());
  const auto found = cache_->Find(without.access_key_id);
  EXPECT_EQ(found->caller.arn, "arn:aws:sts::111122223333:federated-user/bob");
  EXPECT_EQ(found->caller.principal_id, "111122223333:bob");
  EXPECT_FALSE(May(without.access_key_id, "kms:ListKeys")) << "without session policies";
  claims.add_policies(std::string(kAllowAll));
  const auto with = Mint(claims);
  ASSERT_TRUE(Fetch(with.access_key_id, with.token).ok());
  EXPECT_TRUE(May(with.access_key_id, "kms:ListKeys"));
}

TEST_F(CredentialCacheTest, AnyFrontEndTakesATokenAndNobodyMakesOne) {
  Account();
  proto::SessionClaims claims;
  claims.set_kind(proto::SESSION_OF_ROOT);
  claims.set_principal_id(std::string(kAccount));
  const auto minted = Mint(claims);
  SessionTokens other(*database_, sealer_, secrets_);
  EXPECT_EQ(other.Judge(minted.access_key_id, minted.token, clock_.now), Token::kForeign) << "before its start";
  ASSERT_TRUE(RunToEnd(other.Start()).ok());
  EXPECT_EQ(other.Judge(minted.access_key_id, minted.token, clock_.now), Token::kWorthOpening);

  const auto bytes = FromBase64(minted.token);
  ASSERT_TRUE(bytes.ok());
  const int asked = secrets_.asked;
  for (std::size_t at = 0; at < bytes->size(); ++at) {
    Bytes changed = *bytes;
    changed[at] ^= 1;
    EXPECT_EQ(other.Judge(minted.access_key_id, Base64(changed), clock_.now), Token::kForeign) << at;
    EXPECT_EQ(other.Judge(minted.access_key_id, Base64(ByteView(*bytes).first(at)), clock_.now), Token::kForeign) << at;
  }
  EXPECT_EQ(other.Judge("ASIAQQQQQQQQQQQQQQQQ", minted.token, clock_.now), Token::kForeign) << "another access key";
  EXPECT_EQ(other.Judge(minted.access_key_id, minted.token + "\n", clock_.now), Token::kForeign);
  EXPECT_EQ(other.Judge(minted.access_key_id, std::string(100'000, 'A'), clock_.now), Token::kForeign);
  EXPECT_EQ(other.Judge(minted.access_key_id, minted.token, minted.expires_at), Token::kExpired);
  EXPECT_EQ(other.Judge(minted.access_key_id, minted.token, minted.expires_at - std::chrono::seconds(1)),
            Token::kWorthOpening);
  EXPECT_EQ(secrets_.asked, asked) << "none of this asks an HSM";

  // A token of another deployment is foreign, and claims have a bound.
  testing::FakeSealer foreign_sealer;
  Execute("DELETE FROM deployment WHERE name = 'session-guard'");
  SessionTokens foreign(*database_, foreign_sealer, secrets_);
  ASSERT_TRUE(RunToEnd(foreign.Start()).ok());
  EXPECT_EQ(foreign.Judge(minted.access_key_id, minted.token, clock_.now), Token::kForeign);
  claims.add_policies(std::string(kMaxSessionClaimBytes, 'x'));
  EXPECT_EQ(RunToEnd(other.Mint(claims, clock_.now + std::chrono::hours(1))).error().code(), Errc::kLimitExceeded);
}

TEST_F(CredentialCacheTest, FollowsTheChangeFeed) {
  auto work = boost::asio::make_work_guard(home_);
  std::thread loop([this] { home_.run(); });
  {
    store::ChangeFeed feed(*database_);
    cache_->Watch(feed);
    ASSERT_TRUE(feed.Start().ok());
    const auto becomes = [](const auto& condition) {
      for (int i = 0; i < 12'000; ++i) {
        if (condition()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
      return false;
    };
    const NewAccessKey made = Account();
    EXPECT_TRUE(becomes([&] { return cache_->Find(made.access_key_id) != nullptr; }));
    EXPECT_TRUE(RunToEnd(keys_->SetActive(std::string(kAccount), made.access_key_id, false)).ok());
    EXPECT_TRUE(becomes([&] { return !cache_->Find(made.access_key_id)->active; }));
    EXPECT_TRUE(RunToEnd(keys_->Delete(std::string(kAccount), made.access_key_id)).ok());
    EXPECT_TRUE(becomes([&] { return cache_->Find(made.access_key_id) == nullptr; }));
  }
  cache_->Stop();
  work.reset();
  loop.join();
}

}  // namespace
}  // namespace strongroom::iam
