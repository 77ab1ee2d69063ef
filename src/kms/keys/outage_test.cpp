// What a front end serves from its caches while the database is away, and for how long.
#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/json/object.hpp>
#include <thread>

#include "aws/policy/engine.h"
#include "kms/background.h"
#include "kms/grants/cache.h"
#include "kms/grants/rows.h"
#include "kms/keys/cache.h"
#include "kms/keys/policy.h"
#include "kms/keystore/custom_stores.h"
#include "kms/testing/fake_parts.h"
#include "kms/usage/last_usage.h"
#include "store/testing/engines.h"

namespace strongroom::kms {
namespace {

using std::chrono::seconds;
using store::testing::RunToEnd;

const std::string kAccount = "111122223333", kRegion = "us-east-1", kStoreId = "cks-1";

class Outage : public ::testing::Test {
 protected:
  void SetUp() override {
    server_ = store::testing::PostgresFixture::Start();
    ASSERT_NE(server_, nullptr) << store::testing::kNoPostgres;
    store::Config config;
    config.engine = store::Config::Engine::kPostgres;
    config.conninfo = server_->NewDatabase();
    auto opened = store::Database::Open(config);
    ASSERT_TRUE(opened.ok()) << opened.error();
    database_ = *std::move(opened);
    KeyRow key;
    key.account = kAccount;
    key.region = kRegion;
    key.key_id = "key-1";
    key.policy = DefaultPolicy(kAccount);
    AliasRow alias{.account = kAccount, .region = kRegion, .name = "alias/one", .key_id = key.key_id};
    CustomStoreRow custom;
    custom.account = kAccount;
    custom.region = kRegion;
    custom.store_id = kStoreId;
    custom.name = "one";
    const Status made = database_->Transact([&](store::Transaction& t) -> Status {
      SR_CHECK(InsertKey(t, key));
      SR_CHECK(InsertAlias(t, alias));
      return InsertCustomStore(t, custom);
    });
    ASSERT_TRUE(made.ok()) << made.error();
  }

  /// Reads again at each look, as after the time for that has passed.
  KeyCache Keys(seconds stale_limit) { return KeyCache(*database_, authorizer_, stale_limit, seconds(0)); }

  static Errc Look(KeyCache& cache) {
    const auto key = RunToEnd(cache.Find(kAccount, kRegion, "key-1"));
    if (!key.ok()) return key.error().code();
    return *key == nullptr ? Errc::kNotFound : Errc::kCount_;
  }
  static Errc LookAtAlias(KeyCache& cache) {
    const auto key_id = RunToEnd(cache.FindAlias(kAccount, kRegion, "alias/one"));
    if (!key_id.ok()) return key_id.error().code();
    return *key_id == "key-1" ? Errc::kCount_ : Errc::kNotFound;
  }

  std::unique_ptr<store::testing::PostgresFixture> server_;
  std::unique_ptr<store::Database> database_;
  aws::PolicyEngine authorizer_;
};

TEST_F(Outage, KeysAndAliasesServeUpToTheStaleLimit) {
  KeyCache patient = Keys(seconds(300)), strict = Keys(seconds(0));
  for (KeyCache* cache : {&patient, &strict}) {
    ASSERT_EQ(Look(*cache), Errc::kCount_);
    ASSERT_EQ(LookAtAlias(*cache), Errc::kCount_);
  }
  server_->Kill();
  EXPECT_EQ(Look(patient), Errc::kCount_);
  EXPECT_EQ(LookAtAlias(patient), Errc::kCount_);
  EXPECT_EQ(Look(strict), Errc::kUnavailable);
  EXPECT_EQ(LookAtAlias(strict), Errc::kUnavailable);
  ASSERT_TRUE(server_->Restart());
  // The connections are made again by and by.
  const auto give_up = std::chrono::steady_clock::now() + seconds(60);
  while (Look(strict) != Errc::kCount_ && std::chrono::steady_clock::now() < give_up) std::this_thread::yield();
  const auto last = RunToEnd(strict.Find(kAccount, kRegion, "key-1"));
  EXPECT_TRUE(last.ok()) << last.error();
}

TEST_F(Outage, WhatIsKnownToHaveChangedIsNotServed) {
  KeyCache cache = Keys(seconds(300));
  ASSERT_EQ(Look(cache), Errc::kCount_);
  const store::FeedEntry changed[] = {{"kms-key", kAccount, kRegion, "key-1", 1}};
  cache.OnChanges(changed);
  server_->Kill();
  EXPECT_EQ(Look(cache), Errc::kUnavailable);
}

TEST_F(Outage, GrantsServeUpToTheStaleLimit) {
  const std::string grantee = "arn:aws:iam::111122223333:user/alice";
  Grant grant{.account = kAccount, .region = kRegion, .key_id = "key-1", .grant_id = std::string(64, 'a')};
  grant.grantee = grantee;
  grant.operations = {"Encrypt"};
  grant.constraints.subset = EncryptionContext{{"a", "1"}};
  const Status made = database_->Transact([&](store::Transaction& t) { return InsertGrant(t, grant, 1); });
  ASSERT_TRUE(made.ok()) << made.error();
  KeyCache keys = Keys(seconds(300));
  const auto key = RunToEnd(keys.Find(kAccount, kRegion, "key-1"));
  ASSERT_TRUE(key.ok());
  EXPECT_EQ((*key)->row.grant_count, 1);
  GrantCache patient(*database_, seconds(300), seconds(0)), strict(*database_, seconds(0), seconds(0)),
      told(*database_, seconds(300), seconds(0));
  const auto look = [&](GrantCache& cache) {
    const auto grants = RunToEnd(cache.Find(*key, grantee));
    if (!grants.ok()) return grants.error().code();
    return (*grants)->Allows(OperationBit("Encrypt"), {{"a", "1"}}) ? Errc::kCount_ : Errc::kAccessDenied;
  };
  for (GrantCache* cache : {&patient, &strict, &told}) EXPECT_EQ(look(*cache), Errc::kCount_);
  const store::FeedEntry changed[] = {{"kms-grant", kAccount, kRegion, GrantFeedId("key-1", grantee), 1}};
  told.OnChanges(changed);
  server_->Kill();
  EXPECT_EQ(look(patient), Errc::kCount_);
  EXPECT_EQ(look(strict), Errc::kUnavailable);
  EXPECT_EQ(look(told), Errc::kUnavailable);
}

TEST_F(Outage, UsesOfKeysAreKeptUntilTheDatabaseIsBack) {
  LastUsage usage(*database_);
  const ports::Caller caller;
  const boost::json::object body;
  aws::Call call{.caller = caller,
                 .region = kRegion,
                 .request_id = "request-1",
                 .operation = "Encrypt",
                 .iam_action = "kms:Encrypt",
                 .source_ip = "",
                 .user_agent = "",
                 .time = ports::WallTime(seconds(1'000)),
                 .body = aws::Fields(body)};
  call.AuditResource("arn:aws:kms:" + kRegion + ":" + kAccount + ":key/key-1");
  usage.Record(call);
  server_->Kill();
  EXPECT_FALSE(RunToEnd(usage.Flush()).ok());
  ASSERT_TRUE(server_->Restart());
  const auto give_up = std::chrono::steady_clock::now() + seconds(60);
  while (!RunToEnd(usage.Flush()).ok() && std::chrono::steady_clock::now() < give_up) std::this_thread::yield();
  // Another front end knows it from the store alone.
  LastUsage other(*database_);
  const auto found = RunToEnd(other.Find(kAccount, kRegion, "key-1"));
  ASSERT_TRUE(found.ok() && found->has_value());
  EXPECT_EQ((*found)->operation, "Encrypt");
  EXPECT_EQ((*found)->millis, 1'000'000);
  EXPECT_EQ((*found)->request_id, "request-1");
}

TEST_F(Outage, CustomKeyStoresServeUpToTheStaleLimit) {
  Loop loop;
  const auto work = boost::asio::make_work_guard(loop);
  std::thread thread([&loop] { loop.run(); });
  {
    Background background(loop);
    testing::FakeSealer sealer;
    testing::FakeDirectory clusters;
    const auto stores = [&](seconds stale_limit) {
      return CustomStores({.database = *database_,
                           .sealer = sealer,
                           .clusters = clusters,
                           .background = background,
                           .loops = {&loop},
                           .trust = {},
                           .stale_limit = stale_limit,
                           .recheck = seconds(0)});
    };
    CustomStores patient = stores(seconds(300)), strict = stores(seconds(0)), told = stores(seconds(300));
    const auto look = [](CustomStores& these) {
      const auto view = RunToEnd(these.Find(kAccount, kRegion, kStoreId));
      return view.ok() ? Errc::kCount_ : view.error().code();
    };
    for (CustomStores* these : {&patient, &strict, &told}) EXPECT_EQ(look(*these), Errc::kCount_);
    server_->Kill();
    EXPECT_EQ(look(patient), Errc::kCount_);
    EXPECT_EQ(look(strict), Errc::kUnavailable);
    CustomStoreRow changed;
    changed.account = kAccount;
    changed.region = kRegion;
    changed.store_id = kStoreId;
    changed.state = ConnectionState::kConnected;
    told.Forget(changed);
    EXPECT_EQ(look(told), Errc::kUnavailable);
    EXPECT_EQ(background.Stop(seconds(5), seconds(5)), std::vector<std::string>{});
  }
  loop.stop();
  thread.join();
}

}  // namespace
}  // namespace strongroom::kms
