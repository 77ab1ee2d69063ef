// Statements that run again and again look at what they are about and not at every key that there is: SQLite says how
// it carries them out.
#include <gtest/gtest.h>

#include <functional>

#include "kms/keys/material_rows.h"
#include "kms/keys/rows.h"
#include "store/database.h"
#include "store/testing/engines.h"

namespace strongroom::kms {
namespace {

/// Has each statement explained before it runs.
class ExplainedTransaction final : public store::Transaction {
 public:
  explicit ExplainedTransaction(store::Transaction& real) : real_(real) {}
  using store::Transaction::Query;
  Result<store::Rows> Query(std::string_view sql, std::span<const store::Value> values) override {
    SR_TRY(const auto plan, real_.Query("EXPLAIN QUERY PLAN " + std::string(sql), values));
    for (const store::Row& row : plan) steps_.push_back(row.Text(3));
    return real_.Query(sql, values);
  }
  using store::Transaction::Execute;
  Result<std::int64_t> Execute(std::string_view sql, std::span<const store::Value> values) override {
    return real_.Execute(sql, values);
  }
  Status Change(std::string_view kind, std::string_view account, std::string_view region,
                std::string_view id) override {
    return real_.Change(kind, account, region, id);
  }
  Result<std::int64_t> NowMillis() override { return real_.NowMillis(); }
  const std::vector<std::string>& steps() const noexcept { return steps_; }

 private:
  store::Transaction& real_;
  std::vector<std::string> steps_;
};

struct Row {
  std::string name;
  std::function<Status(store::Transaction&)> run;
  /// How the table is read: nothing else may be.
  std::vector<std::string> ways;
};

template <typename T>
Status Only(Result<T> result) {
  if (!result.ok()) return result.error();
  return {};
}

const Row kRows[] = {
    {"ListKeyIds",
     [](store::Transaction& t) { return Only(ListKeyIds(t, "1", "r", "", 1001)); },
     {"SEARCH kms_keys USING COVERING INDEX sqlite_autoindex_kms_keys_1", "LIST SUBQUERY",
      "SEARCH kms_keys USING INDEX kms_keys_half_made"}},
    {"ListAliasRowsOfAll",
     [](store::Transaction& t) { return Only(ListAliasRows(t, "1", "r", "", "", 100)); },
     {"SEARCH kms_aliases USING INDEX sqlite_autoindex_kms_aliases_1"}},
    {"ListAliasRowsOfOneKey",
     [](store::Transaction& t) { return Only(ListAliasRows(t, "1", "r", "k", "", 100)); },
     {"SEARCH kms_aliases USING INDEX kms_aliases_of_key"}},
    {"HalfMadeKeys",
     [](store::Transaction& t) { return Only(HalfMadeKeys(t, 1, 100)); },
     {"SCAN kms_keys USING INDEX kms_keys_half_made", "USE TEMP B-TREE FOR ORDER BY"}},
    {"DueForDeletion",
     [](store::Transaction& t) { return Only(DueForDeletion(t, 1, 100)); },
     {"SEARCH kms_keys USING INDEX kms_keys_by_deletion"}},
    {"KeysOfExpired",
     [](store::Transaction& t) { return Only(KeysOfExpired(t, 1, 100)); },
     {"SEARCH kms_materials USING INDEX kms_materials_by_expiry"}},
};

class PlanTable : public ::testing::TestWithParam<Row> {};

TEST_P(PlanTable, ReadsNoMoreThanItMust) {
  const TemporaryDirectory directory;
  store::Config config;
  config.sqlite_path = directory.path() / "strongroom.db";
  const auto database = store::Database::Open(config);
  ASSERT_TRUE(database.ok()) << database.error();
  std::vector<std::string> steps;
  const Status ran = (*database)->Read([&](store::Transaction& real) -> Status {
    ExplainedTransaction explained(real);
    SR_CHECK(GetParam().run(explained));
    steps = explained.steps();
    return {};
  });
  ASSERT_TRUE(ran.ok()) << ran.error();
  EXPECT_FALSE(steps.empty());
  for (const std::string& step : steps) {
    const auto is_way = [&step](const std::string& way) { return step.starts_with(way); };
    EXPECT_TRUE(std::ranges::any_of(GetParam().ways, is_way)) << step;
  }
}
INSTANTIATE_TEST_SUITE_P(Statements, PlanTable, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace strongroom::kms
