#include "store/backup.h"

#include <atomic>
#include <map>
#include <thread>

#include "base/testing/temporary_directory.h"
#include "store/cluster_log.h"
#include "store/testing/engines.h"

namespace strongroom::store {
namespace {

using testing::EngineTest;

/// A backup in memory.
struct Kept final : BackupSink, BackupSource {
  struct Table {
    TableShape shape;
    std::vector<std::vector<Value>> rows;
  };
  std::vector<Table> tables;
  std::size_t table = 0, row = 0;
  std::function<void()> after_first_table;

  std::int64_t schema = 0;

  Status Begin(std::int64_t schema_version) override {
    schema = schema_version;
    return {};
  }
  Status BeginTable(const TableShape& shape) override {
    if (tables.size() == 1 && after_first_table) after_first_table();
    tables.push_back({shape, {}});
    return {};
  }
  Status PutRow(const Row& from) override {
    tables.back().rows.push_back(from.fields());
    return {};
  }
  Result<std::optional<TableShape>> NextTable() override {
    if (table == tables.size()) return std::optional<TableShape>();
    row = 0;
    return std::optional(tables[table++].shape);
  }
  Result<std::optional<std::vector<Value>>> NextRow() override {
    const Table& current = tables[table - 1];
    if (row == current.rows.size()) return std::optional<std::vector<Value>>();
    return std::optional(current.rows[row++]);
  }
  Table* Find(const std::string& name) {
    for (Table& each : tables)
      if (each.shape.name == name) return &each;
    return nullptr;
  }
};

class BackupTest : public EngineTest {
 protected:
  Status Fill(Database& database, int records) {
    return database.Transact([records](Transaction& t) -> Status {
      SR_CHECK(t.Execute("INSERT INTO accounts (account_id, name, created_at) VALUES ($1, $2, $3)",
                         {Text("111122223333"), Text(""), std::int64_t{7}}));
      SR_CHECK(
          t.Execute("INSERT INTO access_keys (access_key_id, account_id, principal_arn, principal_id, sealed_secret, "
                    "status, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                    {Text("AKIA1"), Text("111122223333"), Text("arn"), Text("id"), Bytes{0, 255, 0}, Text("Active"),
                     std::int64_t{-1}}));
      for (int i = 1; i <= records; ++i) {
        const Bytes record(i % 7 == 0 ? 300'000 : 40, static_cast<std::uint8_t>(i));
        SR_CHECK(ClusterLog::AppendIn(t, i % 2 == 0 ? "cluster-a" : "cluster-b", (i + 1) / 2, Bytes(32, 1), record));
      }
      return t.Change("cluster", "a", "r", "cluster-a");
    });
  }
  Config Other(const std::string& name) {
    Config config = config_;
    if (config.engine == Config::Engine::kPostgres)
      config.conninfo = testing::SharedPostgres()->NewDatabase();
    else
      config.sqlite_path = dir_.path() / name;
    return config;
  }
};

TEST_P(BackupTest, EverythingComesBackInAnotherDatabase) {
  ASSERT_TRUE(Fill(*database_, 120).ok());
  Kept first;
  const Status exported = ExportTables(config_, first);
  ASSERT_TRUE(exported.ok()) << exported.error();
  EXPECT_EQ(first.schema, NewestSchemaVersion());
  EXPECT_EQ(first.Find("changes"), nullptr);
  EXPECT_EQ(first.Find("cluster_log")->rows.size(), 120U);
  const Config fresh = Other("other.db");
  const Status imported = ImportTables(fresh, first.schema, first);
  ASSERT_TRUE(imported.ok()) << imported.error();
  Kept second;
  ASSERT_TRUE(ExportTables(fresh, second).ok());
  ASSERT_EQ(first.tables.size(), second.tables.size());
  for (std::size_t i = 0; i < first.tables.size(); ++i) {
    EXPECT_EQ(first.tables[i].shape.name, second.tables[i].shape.name);
    EXPECT_EQ(first.tables[i].rows, second.tables[i].rows) << first.tables[i].shape.name;
  }
  EXPECT_TRUE(Database::Open(fresh).ok());
}

TEST_P(BackupTest, WhatIsLeftOutIsEmptyAfterwards) {
  ASSERT_TRUE(Fill(*database_, 3).ok());
  Kept kept;
  constexpr std::array<std::string_view, 1> kLog{"cluster_log"};
  ASSERT_TRUE(ExportTables(config_, kept, kLog).ok());
  EXPECT_EQ(kept.Find("cluster_log"), nullptr);
  const Config fresh = Other("other.db");
  ASSERT_TRUE(ImportTables(fresh, kept.schema, kept).ok());
  Kept again;
  ASSERT_TRUE(ExportTables(fresh, again).ok());
  EXPECT_TRUE(again.Find("cluster_log")->rows.empty());
}

TEST_P(BackupTest, ABackupHoldsOneMomentWhateverIsWrittenMeanwhile) {
  ASSERT_TRUE(Fill(*database_, 10).ok());
  Kept kept;
  kept.after_first_table = [&] {
    const auto more = database_->Transact([](Transaction& t) {
      return t.Execute(
          "INSERT INTO resource_tags (account_id, region, resource_id, tag_key, tag_value) "
          "VALUES ('1', 'r', 'late', 'k', 'v')");
    });
    ASSERT_TRUE(more.ok()) << more.error();
  };
  ASSERT_TRUE(ExportTables(config_, kept).ok());
  EXPECT_TRUE(kept.Find("resource_tags")->rows.empty());
  Kept later;
  ASSERT_TRUE(ExportTables(config_, later).ok());
  EXPECT_EQ(later.Find("resource_tags")->rows.size(), 1U);
}

TEST_P(BackupTest, WhatDoesNotFitIsRefused) {
  ASSERT_TRUE(Fill(*database_, 2).ok());
  Kept kept;
  ASSERT_TRUE(ExportTables(config_, kept).ok());
  EXPECT_EQ(ImportTables(config_, 1, kept).error().code(), Errc::kAlreadyExists);
  EXPECT_EQ(ImportTables(Other("newer.db"), NewestSchemaVersion() + 1, kept).error().code(), Errc::kUnsupported);
  Kept unknown = kept;
  unknown.table = 0;
  unknown.tables[0].shape.name = "accounts; DROP TABLE accounts";
  EXPECT_EQ(ImportTables(Other("unknown.db"), NewestSchemaVersion(), unknown).error().code(), Errc::kCorrupted);
  Kept lacking = kept;
  lacking.table = 0;
  lacking.tables[0].shape.columns.pop_back();
  EXPECT_EQ(ImportTables(Other("lacking.db"), NewestSchemaVersion(), lacking).error().code(), Errc::kCorrupted);
  Kept short_row = kept;
  short_row.table = 0;
  short_row.Find("accounts")->rows[0].pop_back();
  EXPECT_EQ(ImportTables(Other("short.db"), NewestSchemaVersion(), short_row).error().code(), Errc::kCorrupted);
}

TEST(Backup, AMissingDatabaseIsNotMade) {
  TemporaryDirectory dir;
  Config config;
  config.sqlite_path = dir.path() / "none.db";
  Kept kept;
  EXPECT_EQ(ExportTables(config, kept).error().code(), Errc::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(config.sqlite_path));
}

TEST_P(BackupTest, ADeploymentIsThereOnceItsDomainClusterIsMade) {
  const auto look = [this] {
    const Status there = RequireDeployment(config_);
    return there.ok() ? Errc::kCount_ : there.error().code();
  };
  EXPECT_EQ(look(), Errc::kNotFound) << "a schema is no deployment";
  const auto set = [this](const char* sql) {
    return database_->Transact([sql](Transaction& t) { return t.Execute(sql); }).ok();
  };
  ASSERT_TRUE(
      set("INSERT INTO clusters (account_id, region, cluster_id, kind, hsm_type, mode, state, state_message, "
          "vpc_id, security_group, created_at, retention_days, network_type, csr, hsm_certificate, "
          "aws_hw_certificate, manufacturer_hw_certificate, cluster_certificate, trust_anchor) VALUES ('0', 'r', "
          "'cluster-1', 'domain', 't', 'FIPS', 'UNINITIALIZED', '', '', '', 0, 90, 'IPV4', '', '', '', '', '', '')"));
  EXPECT_EQ(look(), Errc::kNotFound) << "its first start was interrupted";
  ASSERT_TRUE(set("UPDATE clusters SET state = 'ACTIVE'"));
  EXPECT_EQ(look(), Errc::kCount_);
  const Config none = Other("none.db");
  EXPECT_EQ(RequireDeployment(none).error().code(), Errc::kNotFound);
  EXPECT_FALSE(config_.engine == Config::Engine::kSqlite && std::filesystem::exists(none.sqlite_path));
}

TEST_P(BackupTest, AStoreSaysWhoseItIs) {
  const auto look = [this](std::string_view host_id) { return LookAt(config_, host_id).value(); };
  const auto set = [this](const char* sql) {
    return database_->Transact([sql](Transaction& t) { return t.Execute(sql); }).ok();
  };
  EXPECT_FALSE(look("host-1").has_deployment) << "a schema is no deployment";
  ASSERT_TRUE(
      set("INSERT INTO clusters (account_id, region, cluster_id, kind, hsm_type, mode, state, state_message, "
          "vpc_id, security_group, created_at, retention_days, network_type, csr, hsm_certificate, "
          "aws_hw_certificate, manufacturer_hw_certificate, cluster_certificate, trust_anchor) VALUES ('0', 'r', "
          "'cluster-1', 'domain', 't', 'FIPS', 'UNINITIALIZED', '', '', '', 0, 90, 'IPV4', '', '', '', '', '', '')"));
  ASSERT_TRUE(
      set("INSERT INTO hsms (account_id, region, hsm_id, cluster_id, zone, subnet_id, eni_id, eni_ip, host_id, state, "
          "state_message, created_at) VALUES ('0', 'r', 'hsm-1', 'cluster-1', 'z', '', '', '', 'host-1', 'ACTIVE', '', "
          "0)"));
  EXPECT_TRUE(look("host-1").has_deployment);
  EXPECT_TRUE(look("host-1").knows_host) << "where an HSM lives";
  EXPECT_FALSE(look("host-2").knows_host);
  EXPECT_FALSE(look("").knows_host);
  EXPECT_EQ(look("host-1").account, "");
  ASSERT_TRUE(set("INSERT INTO accounts (account_id, name, created_at) VALUES ('111122223333', '', 7)"));
  EXPECT_EQ(look("host-1").account, "111122223333");
  ASSERT_TRUE(set("UPDATE hsms SET state = 'DELETED'"));
  EXPECT_FALSE(look("host-1").knows_host) << "it was moved to another machine by a restoration";
  ASSERT_TRUE(
      set("INSERT INTO machines (host_id, address, port, network, control_certificate, front_end_certificate, "
          "joined_at) VALUES ('host-2', '', 1, '', '', '', 0)"));
  EXPECT_TRUE(look("host-2").knows_host);

  const Config none = Other("none.db");
  const auto nothing = LookAt(none, "host-1");
  ASSERT_TRUE(nothing.ok()) << nothing.error();
  EXPECT_FALSE(nothing->has_deployment);
  EXPECT_EQ(RequireDeployment(none).error().code(), Errc::kNotFound) << "looking makes nothing";
  EXPECT_FALSE(config_.engine == Config::Engine::kSqlite && std::filesystem::exists(none.sqlite_path));
}

// What a command asks before it does anything must not fail because the service is at work.
TEST_P(BackupTest, LookingFailsForNobodysWrites) {
  ASSERT_TRUE(Fill(*database_, 1).ok());
  ASSERT_TRUE(database_
                  ->Transact([](Transaction& t) {
                    return t.Execute(
                        "INSERT INTO machines (host_id, address, port, network, control_certificate, "
                        "front_end_certificate, joined_at) VALUES ('host-2', '', 1, '', '', '', 0)");
                  })
                  .ok());
  std::atomic<bool> done = false;
  const auto repeat = [&](auto change) {
    while (!done) (void)database_->Transact(change);
  };
  // PostgreSQL ends a serialisable reader that comes between these two: no order of the three would explain what it
  // sees.
  std::thread one(
      [&] { repeat([](Transaction& t) { return t.Execute("UPDATE accounts SET created_at = created_at + 1"); }); });
  std::thread two([&] {
    repeat([](Transaction& t) -> Result<std::int64_t> {
      // Many of them, so that others come between.
      for (int i = 0; i < 40; ++i) SR_CHECK(t.Query("SELECT name FROM accounts"));
      return t.Execute("UPDATE machines SET joined_at = joined_at + 1");
    });
  });
  Status outcome;
  for (int i = 0; i < 60 && outcome.ok(); ++i) {
    const auto seen = LookAt(config_, "host-2");
    if (!seen.ok()) outcome = seen.error();
    const Status there = RequireDeployment(config_);
    if (!there.ok() && there.error().code() != Errc::kNotFound) outcome = there;
  }
  done = true;
  one.join();
  two.join();
  EXPECT_TRUE(outcome.ok()) << outcome.error();
}

INSTANTIATE_TEST_SUITE_P(Engines, BackupTest, testing::BothEngines(), testing::EngineName);

}  // namespace
}  // namespace strongroom::store
