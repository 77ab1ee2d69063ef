#include "iam/access_keys.h"

#include <gmock/gmock.h>

#include <boost/asio/executor_work_guard.hpp>
#include <fstream>
#include <regex>
#include <thread>

#include "base/testing/temporary_directory.h"
#include "iam/credential_cache.h"
#include "iam/testing/fake_sealer.h"
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
    keys_ = std::make_unique<AccessKeys>(*database_, sealer_);
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
  testing::FakeSealer sealer_;
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
  sealer_.away = true;
  auto made = RunToEnd(keys_->CreateAccount("test", "111122223333"));
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().code(), Errc::kUnavailable);
  sealer_.away = false;
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

TEST_F(AccessKeysTest, KeysOfOthersAreOutOfReach) {
  const NewAccessKey made = Account();
  EXPECT_EQ(RunToEnd(keys_->Delete("444455556666", made.access_key_id)).error().code(), Errc::kNotFound);
  EXPECT_EQ(RunToEnd(keys_->SetActive("444455556666", made.access_key_id, false)).error().code(), Errc::kNotFound);
}

/// A cache on a loop of its own, as a front end has it.
class CredentialCacheTest : public AccessKeysTest {
 protected:
  Status Reload() {
    if (!cache_) cache_ = std::make_unique<CredentialCache>(home_, *database_, sealer_);
    return RunToEnd(cache_->Reload());
  }
  Loop home_;
  std::unique_ptr<CredentialCache> cache_;
};

TEST_F(CredentialCacheTest, FindsWhatSignaturesNeed) {
  const NewAccessKey made = Account();
  ASSERT_TRUE(Reload().ok());
  const auto found = cache_->Find(made.access_key_id);
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->secret.EqualsInConstantTime(made.secret));
  EXPECT_TRUE(found->active);
  EXPECT_FALSE(found->is_temporary());
  EXPECT_TRUE(found->caller.is_root());
  EXPECT_EQ(found->caller.arn, "arn:aws:iam::111122223333:root");
  EXPECT_EQ(found->caller.account, "111122223333");
  EXPECT_EQ(found->caller.principal_id, "111122223333");
  EXPECT_EQ(found->caller.access_key_id, made.access_key_id);
  EXPECT_FALSE(cache_->Find("AKIAAAAAAAAAAAAAAAAA"));
  EXPECT_FALSE(cache_->Find(""));
}

TEST_F(CredentialCacheTest, OpensEachSealOnce) {
  Account();
  ASSERT_TRUE(Reload().ok());
  const int opened = sealer_.opened;
  ASSERT_TRUE(Reload().ok());
  EXPECT_EQ(sealer_.opened, opened);
}

TEST_F(CredentialCacheTest, SwitchingOffAndDeletingWorkWithoutTheDomainCluster) {
  const NewAccessKey one = Account("111122223333");
  const NewAccessKey two = Account("444455556666");
  ASSERT_TRUE(Reload().ok());
  ASSERT_TRUE(RunToEnd(keys_->SetActive("111122223333", one.access_key_id, false)).ok());
  ASSERT_TRUE(RunToEnd(keys_->Delete("444455556666", two.access_key_id)).ok());
  const NewAccessKey three = Account("777788889999");
  sealer_.away = true;
  EXPECT_EQ(Reload().error().code(), Errc::kUnavailable);
  ASSERT_TRUE(cache_->Find(one.access_key_id));
  EXPECT_FALSE(cache_->Find(one.access_key_id)->active);
  EXPECT_TRUE(cache_->Find(one.access_key_id)->secret.EqualsInConstantTime(one.secret));
  EXPECT_FALSE(cache_->Find(two.access_key_id));
  EXPECT_FALSE(cache_->Find(three.access_key_id));
  sealer_.away = false;
  EXPECT_TRUE(Reload().ok());
  EXPECT_TRUE(cache_->Find(three.access_key_id));
}

TEST_F(CredentialCacheTest, ASwappedRowIsLeftOutAndTheOthersStay) {
  const NewAccessKey one = Account("111122223333");
  const NewAccessKey two = Account("444455556666");
  ASSERT_EQ(Execute("UPDATE access_keys SET sealed_secret = (SELECT sealed_secret FROM access_keys AS other WHERE "
                    "other.account_id = '444455556666') WHERE account_id = '111122223333'"),
            "");
  EXPECT_TRUE(Reload().ok());
  EXPECT_FALSE(cache_->Find(one.access_key_id));
  EXPECT_TRUE(cache_->Find(two.access_key_id));
}

TEST_F(CredentialCacheTest, FollowsTheChangeFeed) {
  auto work = boost::asio::make_work_guard(home_);
  cache_ = std::make_unique<CredentialCache>(home_, *database_, sealer_);
  std::thread loop([this] { home_.run(); });
  {
    store::ChangeFeed feed(*database_);
    cache_->Watch(feed);
    ASSERT_TRUE(feed.Start().ok());
    const auto becomes = [](const auto& condition) {
      for (int i = 0; i < 2000; ++i) {
        if (condition()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
      return false;
    };
    const NewAccessKey made = Account();
    EXPECT_TRUE(becomes([&] { return cache_->Find(made.access_key_id) != nullptr; }));
    const auto held = cache_->Find(made.access_key_id);
    EXPECT_TRUE(RunToEnd(keys_->SetActive("111122223333", made.access_key_id, false)).ok());
    EXPECT_TRUE(becomes([&] { return !cache_->Find(made.access_key_id)->active; }));
    EXPECT_TRUE(RunToEnd(keys_->Delete("111122223333", made.access_key_id)).ok());
    EXPECT_TRUE(becomes([&] { return cache_->Find(made.access_key_id) == nullptr; }));
    EXPECT_TRUE(held->secret.EqualsInConstantTime(made.secret)) << "it lives on for those who hold it";
  }
  cache_->Stop();
  work.reset();
  loop.join();
}
}  // namespace
}  // namespace strongroom::iam
