#include "store/migrations.h"

#include <thread>

#include "store/connection.h"
#include "store/schema_files.h"
#include "store/testing/engines.h"

namespace strongroom::store {
namespace {
using testing::EngineTest;

constexpr SchemaFile kOne{"0001_one",
                          "-- compatible-from: 1\nCREATE TABLE one (\n  a TEXT NOT NULL,\n  b BLOB\n);\n"
                          "CREATE INDEX one_by_a ON one (a);\n"};
constexpr SchemaFile kTwo{"0002_two", "-- compatible-from: 1\nALTER TABLE one ADD COLUMN c BIGINT;\n"};
constexpr SchemaFile kThree{"0003_three", "-- compatible-from: 3\nALTER TABLE one ADD COLUMN d TEXT;\n"};
constexpr SchemaFile kBroken{"0002_broken",
                             "-- compatible-from: 1\nALTER TABLE one ADD COLUMN c BIGINT;\nCREATE TABL nonsense;\n"};

class MigrationsContract : public EngineTest {
 protected:
  void SetUp() override {
    config_.engine = GetParam();
    if (GetParam() == Config::Engine::kPostgres) {
      ASSERT_NE(testing::SharedPostgres(), nullptr) << testing::kNoPostgres;
      config_.conninfo = testing::SharedPostgres()->NewDatabase();
    } else {
      config_.sqlite_path = dir_.path() / "strongroom.db";
      ASSERT_TRUE(CheckSqliteFile(config_).ok());
    }
    connection_ = Connect();
  }
  std::unique_ptr<Connection> Connect() {
    auto opened = GetParam() == Config::Engine::kSqlite ? OpenSqlite(config_, Access::kWrite) : OpenPostgres(config_);
    EXPECT_TRUE(opened.ok());
    return opened.ok() ? *std::move(opened) : nullptr;
  }
  Errc Apply(std::vector<SchemaFile> files) {
    const Status status = Migrate(*connection_, files);
    return status.ok() ? Errc::kCount_ : status.error().code();
  }
  bool Works(std::string_view sql) { return connection_->Run(sql, {}).ok(); }
  std::unique_ptr<Connection> connection_;
};

TEST_P(MigrationsContract, VersionsAreAddedInOrderAndOnlyOnce) {
  EXPECT_EQ(Apply({kOne}), Errc::kCount_);
  EXPECT_EQ(Apply({kOne}), Errc::kCount_);
  EXPECT_FALSE(Works("SELECT c FROM one"));
  EXPECT_EQ(Apply({kOne, kTwo, kThree}), Errc::kCount_);
  EXPECT_TRUE(Works("SELECT a, b, c, d FROM one"));
  auto versions = connection_->Run("SELECT version, compatible_from FROM schema_version ORDER BY version", {});
  ASSERT_TRUE(versions.ok());
  ASSERT_EQ(versions->rows.size(), 3U);
  EXPECT_EQ(versions->rows[2].Int(1), 3);
}

TEST_P(MigrationsContract, ANewerSchemaIsAcceptedOnlyWhenItSaysSo) {
  EXPECT_EQ(Apply({kOne, kTwo}), Errc::kCount_);
  EXPECT_EQ(Apply({kOne}), Errc::kCount_) << "version N runs on the schema of N+1";
  EXPECT_EQ(Apply({kOne, kTwo, kThree}), Errc::kCount_);
  EXPECT_EQ(Apply({kOne, kTwo}), Errc::kUnsupported);
  EXPECT_EQ(Apply({kOne}), Errc::kUnsupported);
}

TEST_P(MigrationsContract, AFailedVersionLeavesNothingBehind) {
  EXPECT_EQ(Apply({kOne}), Errc::kCount_);
  EXPECT_EQ(Apply({kOne, kBroken}), Errc::kInternal);
  EXPECT_FALSE(Works("SELECT c FROM one"));
  EXPECT_EQ(Apply({kOne, kTwo}), Errc::kCount_);
}

TEST_P(MigrationsContract, ProgramsThatStartTogetherAllSucceed) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this] {
      auto own = Connect();
      ASSERT_TRUE(own);
      const Status status = Migrate(*own);
      EXPECT_TRUE(status.ok()) << status.error();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(Works("SELECT number FROM changes"));
}

TEST_P(MigrationsContract, AKeyOfAnOlderSchemaKeepsItsMaterial) {
  const std::span<const SchemaFile> all(kSchemaFiles);
  ASSERT_TRUE(Migrate(*connection_, all.first(6)).ok());
  const auto insert = [&](std::string_view origin, std::string_view id) {
    return Works(
        "INSERT INTO kms_keys (account_id, region, key_id, spec, usage, origin, enabled, created_at, description, "
        "policy, multi_region, material_id, token, version) VALUES ('111122223333', 'us-east-1', '" +
        std::string(id) + "', '', '', '" + std::string(origin) + "', 1, 77, '', '', 0, 'm" + std::string(id) +
        "', NULL, 1)");
  };
  ASSERT_TRUE(insert("AWS_KMS", "one") && insert("AWS_CLOUDHSM", "two"));
  const Value token = Bytes{1, 2, 3};
  ASSERT_TRUE(connection_->Run("UPDATE kms_keys SET token = $1 WHERE key_id = 'one'", std::span(&token, 1)).ok());
  ASSERT_TRUE(Migrate(*connection_, all).ok());
  auto rows = connection_->Run("SELECT key_id, material_id, position, state, token, created_at FROM kms_materials", {});
  ASSERT_TRUE(rows.ok());
  ASSERT_EQ(rows->rows.size(), 1U) << "keys of a custom key store have none";
  EXPECT_EQ(rows->rows[0].fields(), (std::vector<Value>{Text("one"), Text("mone"), std::int64_t{1}, Text("CURRENT"),
                                                        Value(Bytes{1, 2, 3}), std::int64_t{77}}));
  auto left = connection_->Run("SELECT COUNT(*) FROM kms_keys WHERE token IS NOT NULL", {});
  ASSERT_TRUE(left.ok());
  EXPECT_EQ(left->rows[0].Int(0), 0) << "a token is in one place";
}

struct BadFiles {
  std::string name;
  std::vector<SchemaFile> files;
};
const BadFiles kBad[] = {{"NoNumber", {{"one", "-- compatible-from: 1\n"}}},
                         {"NoCompatibility", {{"0001_one", "CREATE TABLE x (a TEXT);\n"}}},
                         {"CompatibilityWithTheFuture", {{"0001_one", "-- compatible-from: 2\n"}}},
                         {"UnfinishedStatement", {{"0001_one", "-- compatible-from: 1\nCREATE TABLE x (a TEXT)\n"}}},
                         {"OutOfOrder", {kTwo, kOne}},
                         {"Hole", {kOne, kThree}}};
TEST_P(MigrationsContract, MalformedFilesAreRefused) {
  for (const BadFiles& bad : kBad) EXPECT_FALSE(ParseMigrations(bad.files, *connection_).ok()) << bad.name;
}

INSTANTIATE_TEST_SUITE_P(Store, MigrationsContract, testing::BothEngines(), testing::EngineName);
}  // namespace
}  // namespace strongroom::store
