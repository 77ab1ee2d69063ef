#include <thread>

#include "store/cluster_log.h"
#include "store/testing/engines.h"

namespace strongroom::store {
namespace {
using testing::PostgresFixture;
using testing::SharedPostgres;

class PostgresServer : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NE(SharedPostgres(), nullptr) << testing::kNoPostgres;
    config_.engine = Config::Engine::kPostgres;
  }
  Errc OpenError() {
    auto opened = Database::Open(config_);
    return opened.ok() ? Errc::kCount_ : opened.error().code();
  }
  Config config_;
};

struct Setting {
  std::string name, sql;
  Errc want;  // kCount_: accepted
};
class PostgresSettings : public PostgresServer, public ::testing::WithParamInterface<Setting> {};
TEST_P(PostgresSettings, DecideWhetherItIsAccepted) {
  config_.conninfo = SharedPostgres()->NewDatabase();
  const std::string database = config_.conninfo.substr(config_.conninfo.rfind('=') + 1);
  ASSERT_TRUE(SharedPostgres()->Sql("postgres", "ALTER DATABASE " + database + " SET " + GetParam().sql));
  EXPECT_EQ(OpenError(), GetParam().want);
}
INSTANTIATE_TEST_SUITE_P(
    Store, PostgresSettings,
    ::testing::Values(Setting{"AsynchronousCommit", "synchronous_commit = off", Errc::kUnsupported},
                      Setting{"LocalCommit", "synchronous_commit = local", Errc::kUnsupported},
                      Setting{"RemoteApply", "synchronous_commit = remote_apply", Errc::kCount_},
                      Setting{"StatementTimeoutIsOverridden", "statement_timeout = '1h'", Errc::kCount_},
                      Setting{"ReadOnlyByDefault", "default_transaction_read_only = on", Errc::kUnavailable}),
    [](const auto& info) { return info.param.name; });

// For the whole server, so it is set back at once; the tests of this process run one after another.
TEST_F(PostgresServer, WithoutFullPageWritesIsRefused) {
  config_.conninfo = SharedPostgres()->NewDatabase();
  const auto set = [](const char* value) {
    return SharedPostgres()->Sql("postgres", std::string("ALTER SYSTEM SET full_page_writes = ") + value) &&
           SharedPostgres()->Sql("postgres", "SELECT pg_reload_conf()");
  };
  ASSERT_TRUE(set("off"));
  // A reload reaches a server's processes when they look, and a new connection has it when the postmaster has.
  Errc seen = Errc::kCount_;
  for (int i = 0; i < 200 && seen == Errc::kCount_; ++i) seen = OpenError();
  EXPECT_TRUE(set("on"));
  EXPECT_EQ(seen, Errc::kUnsupported);
  for (int i = 0; i < 200 && seen != Errc::kCount_; ++i) seen = OpenError();
  EXPECT_EQ(seen, Errc::kCount_);
}

TEST_F(PostgresServer, WithAnotherEncodingIsRefused) {
  ASSERT_TRUE(SharedPostgres()->Sql(
      "postgres", "CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"));
  config_.conninfo = SharedPostgres()->Conninfo("latin");
  EXPECT_EQ(OpenError(), Errc::kUnsupported);
}

TEST_F(PostgresServer, ThatIsNotThereIsUnavailable) {
  config_.conninfo = "host=/nonexistent dbname=x user=y";
  EXPECT_EQ(OpenError(), Errc::kUnavailable);
}

TEST_F(PostgresServer, NonsenseForAConnectionStringIsRefused) {
  config_.conninfo = "host=/tmp nonsense";
  EXPECT_NE(OpenError(), Errc::kCount_);
  config_.postgres_connections = 0;
  EXPECT_EQ(OpenError(), Errc::kInvalidArgument);
}

TEST_F(PostgresServer, AnAnswerOverATerminatedConnectionIsFoundByTheNext) {
  config_.conninfo = SharedPostgres()->NewDatabase();
  config_.postgres_connections = 2;
  auto database = Database::Open(config_);
  ASSERT_TRUE(database.ok()) << database.error();
  const auto ask = [&] { return (*database)->Read([](Transaction& tx) { return tx.Query("SELECT 1"); }); };
  ASSERT_TRUE(ask().ok());
  ASSERT_TRUE(SharedPostgres()->Sql("postgres",
                                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                                    "WHERE application_name = 'strongroom'"));
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(ask().ok()) << "a restarted server costs nobody an error";
}

TEST(PostgresCrash, IsUnavailableThenGoesOnWithAllThatWasAcknowledged) {
  // A server of its own: the others' tests go on with theirs.
  auto server = PostgresFixture::Start();
  ASSERT_NE(server, nullptr) << testing::kNoPostgres;
  Config config;
  config.engine = Config::Engine::kPostgres;
  config.conninfo = server->NewDatabase();
  auto database = Database::Open(config);
  ASSERT_TRUE(database.ok()) << database.error();
  ClusterLog log(**database);
  for (std::int64_t i = 0; i < 5; ++i) ASSERT_TRUE(testing::RunToEnd(log.Append("c", i, {}, {1}))->appended);
  server->Kill();
  for (int i = 0; i < 6; ++i) {
    auto refused = testing::RunToEnd(log.Append("c", 5, {}, {1}));
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code(), Errc::kUnavailable) << refused.error();
  }
  ASSERT_TRUE(server->Restart());
  Result<AppendOutcome> appended = Error(Errc::kUnavailable, "");
  for (int i = 0; i < 500 && !appended.ok(); ++i) {
    appended = testing::RunToEnd(log.Append("c", 5, {}, {1}));
    if (!appended.ok()) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  ASSERT_TRUE(appended.ok()) << appended.error();
  EXPECT_TRUE(appended->appended);
  auto records = testing::RunToEnd(log.Read("c", 0, 1000));
  ASSERT_TRUE(records.ok());
  EXPECT_EQ(records->size(), 6U);
}
}  // namespace
}  // namespace strongroom::store
