#include "iam/access_keys.h"

#include <gmock/gmock.h>

#include <fstream>
#include <regex>

#include "base/testing/temporary_directory.h"
#include "iam/key_ids.h"
#include "iam/testing/fake_signing_secrets.h"
#include "secret/peek_for_tests.h"
#include "store/testing/engines.h"

namespace strongroom::iam {
namespace {
using store::testing::RunToEnd;

std::string TextOf(const SecretBuffer& secret) { return std::string(AsText(secret::Peek::At(secret))); }

class AccessKeysTest : public ::testing::Test {
 protected:
  void SetUp() override {
    store::Config config;
    config.sqlite_path = dir_.path() / "strongroom.db";
    auto opened = store::Database::Open(config);
    ASSERT_TRUE(opened.ok());
    database_ = *std::move(opened);
    keys_ = std::make_unique<AccessKeys>(*database_, secrets_);
  }
  NewAccessKey Account(std::string id = "111122223333") {
    auto made = RunToEnd(keys_->CreateAccount("test", std::move(id)));
    EXPECT_TRUE(made.ok()) << made.error();
    return *std::move(made);
  }
  std::string Execute(std::string_view sql) {
    auto done = database_->Transact([&](store::Transaction& tx) { return tx.Execute(sql); });
    return done.ok() ? "" : done.error().ForLog();
  }

  TemporaryDirectory dir_;
  testing::FakeSigningSecrets secrets_;
  std::unique_ptr<store::Database> database_;
  std::unique_ptr<AccessKeys> keys_;
};

TEST_F(AccessKeysTest, ANewAccountHasARootKeyInAwssForm) {
  auto made = RunToEnd(keys_->CreateAccount("test"));
  ASSERT_TRUE(made.ok()) << made.error();
  EXPECT_TRUE(std::regex_match(made->account_id, std::regex("[1-9][0-9]{11}")));
  EXPECT_TRUE(std::regex_match(made->access_key_id, std::regex("AKIA[A-Z2-7]{16}")));
  EXPECT_TRUE(std::regex_match(TextOf(made->secret), std::regex("[A-Za-z0-9+/]{40}")));
  auto second = RunToEnd(keys_->CreateAccount("test"));
  ASSERT_TRUE(second.ok());
  EXPECT_NE(second->account_id, made->account_id);
  EXPECT_NE(TextOf(second->secret), TextOf(made->secret));
}

TEST_F(AccessKeysTest, TheSecretIsNowhereInTheDatabase) {
  const NewAccessKey made = Account();
  database_.reset();
  for (const auto& entry : std::filesystem::directory_iterator(dir_.path())) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string content{std::istreambuf_iterator<char>(file), {}};
    EXPECT_EQ(content.find(TextOf(made.secret)), std::string::npos) << entry.path();
  }
}

TEST(AccessKeyIds, HaveTheirAccountWhereAwssToolsLookForIt) {
  // Source: "A short note on AWS KEY ID", https://awsteele.com/blog/2020/09/26/aws-access-key-format.html, as code
  // there.
  const auto decoded = [](const std::string& id) {
    std::uint64_t bits = 0;
    for (int i = 0; i < 10; ++i) bits = bits << 5 | std::string("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567").find(id[4 + i]);
    return (bits >> 2 & 0x7fffffffff80) >> 7;
  };
  for (const std::string account : {"111122223333", "000000000001", "999999999999", "123456789013"}) {
    const std::string id = NewAccessKeyId("ASIA", account);
    EXPECT_TRUE(std::regex_match(id, std::regex("ASIA[Q-Z2-7][A-Z2-7]{15}"))) << id;
    EXPECT_EQ(AccountOfKeyId(id), account);
    EXPECT_EQ(decoded(id), std::stoull(account));
    EXPECT_NE(NewAccessKeyId("ASIA", account), id);
  }
}
TEST(AccessKeyIds, OfAnotherFormHaveNoAccount) {
  for (const std::string id :
       {"", "AKIA", "AIDAQQQQQQQQQQQQQQQQ", "AKIAQQQQQQQQQQQQQQQ1", "AKIAQQQQQQQQQQQQQQQQQ", "AKIA7777777777777777"})
    EXPECT_EQ(AccountOfKeyId(id), std::nullopt) << id;
}

struct Refused {
  std::string name, account_name, account_id;
  Errc want;
};
class RefusedAccount : public AccessKeysTest, public ::testing::WithParamInterface<Refused> {};
TEST_P(RefusedAccount, ChangesNothing) {
  Account("444455556666");
  auto made = RunToEnd(keys_->CreateAccount(GetParam().account_name, GetParam().account_id));
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().code(), GetParam().want);
  auto accounts = database_->Read([](store::Transaction& tx) { return tx.Query("SELECT name FROM accounts"); });
  EXPECT_EQ(accounts->size(), 1U);
}
INSTANTIATE_TEST_SUITE_P(Iam, RefusedAccount,
                         ::testing::Values(Refused{"Taken", "a", "444455556666", Errc::kAlreadyExists},
                                           Refused{"TooShort", "a", "44445555666", Errc::kInvalidArgument},
                                           Refused{"NotDigits", "a", "44445555666x", Errc::kInvalidArgument},
                                           Refused{"NoName", "", "111122223333", Errc::kInvalidArgument},
                                           Refused{"LongName", std::string(51, 'a'), "111122223333",
                                                   Errc::kInvalidArgument},
                                           Refused{"NameNotUtf8", "\xFF", "111122223333", Errc::kInvalidArgument}),
                         [](const auto& info) { return info.param.name; });

TEST_F(AccessKeysTest, WithoutTheDomainClusterNothingIsMade) {
  secrets_.away = true;
  auto made = RunToEnd(keys_->CreateAccount("test", "111122223333"));
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().code(), Errc::kUnavailable);
  secrets_.away = false;
  Account();
}

TEST_F(AccessKeysTest, APrincipalHasAtMostTwoKeys) {
  const NewAccessKey first = Account();
  EXPECT_TRUE(RunToEnd(keys_->CreateRootKey("111122223333")).ok());
  EXPECT_EQ(RunToEnd(keys_->CreateRootKey("111122223333")).error().code(), Errc::kLimitExceeded);
  EXPECT_EQ(RunToEnd(keys_->List("111122223333"))->size(), 2U);
  EXPECT_TRUE(RunToEnd(keys_->Delete("111122223333", first.access_key_id)).ok());
  EXPECT_TRUE(RunToEnd(keys_->CreateRootKey("111122223333")).ok());
  EXPECT_EQ(RunToEnd(keys_->CreateRootKey("999988887777")).error().code(), Errc::kNotFound);
}

TEST_F(AccessKeysTest, AResetRootHasOneNewKeyAndUsersKeepTheirs) {
  const NewAccessKey first = Account(), other = Account("444455556666");
  ASSERT_TRUE(RunToEnd(keys_->CreateRootKey("111122223333")).ok());
  auto drawn = RunToEnd(keys_->Draw("111122223333", "AIDA1"));
  ASSERT_TRUE(drawn.ok());
  auto insert = database_->Transact([&](store::Transaction& t) { return InsertAccessKey(t, drawn->kept, "arn"); });
  ASSERT_TRUE(insert.ok()) << insert.error();
  const auto fresh = RunToEnd(keys_->ResetRootKey("111122223333"));
  ASSERT_TRUE(fresh.ok()) << fresh.error();
  EXPECT_NE(fresh->access_key_id, first.access_key_id);
  std::vector<std::string> left;
  const auto keys = RunToEnd(keys_->List("111122223333"));
  for (const AccessKeyInfo& key : *keys) left.push_back(key.access_key_id);
  EXPECT_THAT(left, ::testing::UnorderedElementsAre(fresh->access_key_id, drawn->shown.access_key_id));
  EXPECT_EQ(RunToEnd(keys_->List("444455556666"))->size(), 1U);
  EXPECT_EQ(RunToEnd(keys_->ResetRootKey("999988887777")).error().code(), Errc::kNotFound);
  EXPECT_EQ(RunToEnd(keys_->ResetRootKey("99998888777x")).error().code(), Errc::kInvalidArgument);
  secrets_.away = true;
  EXPECT_EQ(RunToEnd(keys_->ResetRootKey("444455556666")).error().code(), Errc::kUnavailable);
  EXPECT_EQ(RunToEnd(keys_->List("444455556666"))->size(), 1U) << "the old one stays until there is a new one";
}

TEST_F(AccessKeysTest, KeysOfOthersAreOutOfReach) {
  const NewAccessKey made = Account();
  EXPECT_EQ(RunToEnd(keys_->Delete("444455556666", made.access_key_id)).error().code(), Errc::kNotFound);
  EXPECT_EQ(RunToEnd(keys_->SetActive("444455556666", made.access_key_id, false)).error().code(), Errc::kNotFound);
}

}  // namespace
}  // namespace strongroom::iam
