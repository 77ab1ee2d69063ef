#include "store/database.h"

#include <gmock/gmock.h>

#include <atomic>
#include <future>
#include <thread>

#include "store/testing/engines.h"

namespace strongroom::store {
namespace {
using testing::EngineTest;
using testing::RunToEnd;

class DatabaseContract : public EngineTest {
 protected:
  Status Put(Database& database, std::string name, Bytes value) {
    return database.Transact([&](Transaction& tx) -> Status {
      SR_CHECK(tx.Execute("INSERT INTO deployment (name, value) VALUES ($1, $2)", {Text(name), value}));
      return {};
    });
  }
  std::optional<Bytes> Get(std::string name) {
    auto row = database_->Read(
        [&](Transaction& tx) { return tx.QueryOne("SELECT value FROM deployment WHERE name = $1", {Text(name)}); });
    EXPECT_TRUE(row.ok());
    if (!row.ok() || !*row) return std::nullopt;
    return (*row)->Blob(0);
  }
  std::int64_t Count(std::string table) {
    auto row = database_->Read([&](Transaction& tx) { return tx.QueryOne("SELECT COUNT(*) FROM " + table); });
    return row.ok() && *row ? (*row)->Int(0) : -1;
  }
};

TEST_P(DatabaseContract, ValuesOfEveryKindComeBackAsTheyWere) {
  const std::string text = "Gr\xC3\xBC\xC3\x9F Gott \xF0\x9F\x94\x91";
  const Bytes blob{0, 1, 0, 255, 0};
  auto stored = database_->Transact([&](Transaction& tx) -> Status {
    SR_CHECK(
        tx.Execute("INSERT INTO kms_keys (account_id, region, key_id, spec, usage, origin, enabled, created_at, "
                   "deletion_at, description, policy, multi_region, material_id, token, version) VALUES "
                   "($1, $1, $2, '', '', '', $3, $4, $5, '', '', 0, $6, $7, 1)",
                   {Text(text), Text(""), std::int64_t{1}, std::int64_t{-9223372036854775807 - 1}, Value(nullptr),
                    OrNull(std::optional<std::string>()), blob}));
    return {};
  });
  ASSERT_TRUE(stored.ok()) << stored.error();
  auto row = database_->Read([](Transaction& tx) {
    return tx.QueryOne("SELECT account_id, key_id, enabled, created_at, deletion_at, material_id, token FROM kms_keys");
  });
  ASSERT_TRUE(row.ok() && *row);
  EXPECT_EQ((*row)->Text(0), text);
  EXPECT_EQ((*row)->OptionalText(1), "");
  EXPECT_EQ((*row)->Int(2), 1);
  EXPECT_EQ((*row)->Int(3), std::int64_t{-9223372036854775807 - 1});
  EXPECT_TRUE((*row)->IsNull(4));
  EXPECT_EQ((*row)->OptionalText(5), std::nullopt);
  EXPECT_EQ((*row)->Blob(6), blob);
}

TEST_P(DatabaseContract, AnEmptyBlobIsNotNull) {
  ASSERT_TRUE(Put(*database_, "empty", {}).ok());
  EXPECT_EQ(Get("empty"), Bytes());
}

TEST_P(DatabaseContract, ATakenKeyIsAlreadyExists) {
  ASSERT_TRUE(Put(*database_, "a", {1}).ok());
  const Status again = Put(*database_, "a", {2});
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().code(), Errc::kAlreadyExists);
  EXPECT_EQ(Get("a"), Bytes{1});
}

TEST_P(DatabaseContract, AFunctionsErrorRollsBack) {
  const Status status = database_->Transact([](Transaction& tx) -> Status {
    SR_CHECK(tx.Execute("INSERT INTO deployment (name, value) VALUES ('x', $1)", {Bytes{1}}));
    return Error(Errc::kDisabled, "no");
  });
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Errc::kDisabled);
  EXPECT_EQ(Get("x"), std::nullopt);
}

TEST_P(DatabaseContract, AHiddenFailureStillRollsBack) {
  ASSERT_TRUE(Put(*database_, "a", {1}).ok());
  const Status status = database_->Transact([](Transaction& tx) -> Status {
    SR_CHECK(tx.Execute("INSERT INTO deployment (name, value) VALUES ('b', $1)", {Bytes{1}}));
    (void)tx.Execute("INSERT INTO deployment (name, value) VALUES ('a', $1)", {Bytes{1}});
    const auto after = tx.Query("SELECT name FROM deployment");
    EXPECT_FALSE(after.ok());
    return {};
  });
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Errc::kAlreadyExists);
  EXPECT_EQ(Get("b"), std::nullopt);
}

TEST_P(DatabaseContract, ACallersOwnWordsForATakenNameAreKept) {
  ASSERT_TRUE(Put(*database_, "a", {1}).ok());
  const Status status = database_->Transact([](Transaction& tx) -> Status {
    auto put = tx.Execute("INSERT INTO deployment (name, value) VALUES ('a', $1)", {Bytes{1}});
    if (!put.ok()) return Error(Errc::kCustomKeyStoreNameInUse, "taken");
    return {};
  });
  EXPECT_EQ(status.error().code(), Errc::kCustomKeyStoreNameInUse);
}

TEST_P(DatabaseContract, InsertUnlessThereCounts) {
  const auto put = [&](Transaction& tx) {
    return tx.Execute("INSERT INTO deployment (name, value) VALUES ('k', $1) ON CONFLICT DO NOTHING", {Bytes{7}});
  };
  EXPECT_EQ(*database_->Transact(put), 1);
  EXPECT_EQ(*database_->Transact(put), 0);
}

TEST_P(DatabaseContract, UpdatesAndDeletesCountRowsAndReturningGivesThem) {
  for (const char* name : {"a", "b", "c"}) ASSERT_TRUE(Put(*database_, name, {1}).ok());
  auto outcome = database_->Transact([](Transaction& tx) -> Result<std::int64_t> {
    SR_TRY(auto updated, tx.Execute("UPDATE deployment SET value = $1 WHERE name > $2", {Bytes{9}, Text("a")}));
    EXPECT_EQ(updated, 2);
    SR_TRY(auto rows, tx.Query("DELETE FROM deployment WHERE name = $1 RETURNING value", {Text("b")}));
    EXPECT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows.at(0).Blob(0), Bytes{9});
    return tx.Execute("DELETE FROM deployment WHERE name = 'nothing'");
  });
  ASSERT_TRUE(outcome.ok()) << outcome.error();
  EXPECT_EQ(*outcome, 0);
}

TEST_P(DatabaseContract, TextComparesByBytes) {
  for (const char* name : {"a", "B", "b", "A", "\xC3\xA4", "_", "-"}) ASSERT_TRUE(Put(*database_, name, {1}).ok());
  auto rows = database_->Read([](Transaction& tx) { return tx.Query("SELECT name FROM deployment ORDER BY name"); });
  ASSERT_TRUE(rows.ok());
  std::vector<std::string> names;
  for (const Row& row : *rows) names.push_back(row.Text(0));
  EXPECT_THAT(names, ::testing::ElementsAre("-", "A", "B", "_", "a", "b", "\xC3\xA4"));
}

struct BadText {
  std::string name, text;
};
const std::string kNul("a\0b", 3);
const BadText kBadTexts[] = {{"Nul", kNul},
                             {"LoneContinuation", "\x80"},
                             {"Overlong", "\xC0\xAF"},
                             {"OverlongThree", "\xE0\x80\xAF"},
                             {"Surrogate", "\xED\xA0\x80"},
                             {"TooHigh", "\xF4\x90\x80\x80"},
                             {"Truncated", "abc\xE2\x82"}};
TEST_P(DatabaseContract, TextThatNotEveryEngineKeepsIsRefused) {
  for (const BadText& bad : kBadTexts) {
    const Status status = Put(*database_, bad.text, {1});
    ASSERT_FALSE(status.ok()) << bad.name;
    EXPECT_EQ(status.error().code(), Errc::kInvalidArgument) << bad.name;
  }
  EXPECT_EQ(Count("deployment"), 0);
}

TEST_P(DatabaseContract, AWrongStatementIsInternalAndDoesNotHarmTheNext) {
  const auto rows = database_->Read([](Transaction& tx) { return tx.Query("SELEC nonsense"); });
  ASSERT_FALSE(rows.ok());
  EXPECT_EQ(rows.error().code(), Errc::kInternal);
  const auto missing =
      database_->Read([](Transaction& tx) { return tx.Query("SELECT name FROM deployment WHERE name = $1"); });
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(Count("deployment"), 0);
}

TEST_P(DatabaseContract, AReadCannotWrite) {
  const auto written = database_->Read(
      [](Transaction& tx) { return tx.Execute("INSERT INTO deployment (name, value) VALUES ('r', $1)", {Bytes{1}}); });
  EXPECT_FALSE(written.ok());
  const Status change = database_->Read([](Transaction& tx) { return tx.Change("k", "a", "r", "i"); });
  EXPECT_FALSE(change.ok());
  EXPECT_EQ(Count("deployment"), 0);
  EXPECT_EQ(Count("changes"), 0);
}

TEST_P(DatabaseContract, AMissingParentIsRefused) {
  const auto orphan = database_->Transact([](Transaction& tx) {
    return tx.Execute(
        "INSERT INTO access_keys (access_key_id, account_id, principal_arn, principal_id, sealed_secret, "
        "status, created_at) VALUES ('AKIA', '000000000000', '', '', $1, 'Active', 0)",
        {Bytes{1}});
  });
  ASSERT_FALSE(orphan.ok());
  EXPECT_EQ(orphan.error().code(), Errc::kInvalidArgument);
}

TEST_P(DatabaseContract, AnExceptionInAFunctionIsContained) {
  const Status status = database_->Transact([](Transaction& tx) -> Status {
    SR_CHECK(tx.Execute("INSERT INTO deployment (name, value) VALUES ('x', $1)", {Bytes{1}}));
    throw std::runtime_error("bug");
  });
  EXPECT_EQ(status.error().code(), Errc::kInternal);
  EXPECT_EQ(Count("deployment"), 0);
}

TEST_P(DatabaseContract, ATransactionInsideATransactionIsRefusedNotHung) {
  const Status status =
      database_->Transact([this](Transaction&) { return database_->Transact([](Transaction&) { return Status(); }); });
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Errc::kInternal);
}

TEST_P(DatabaseContract, TooLongATransactionIsRolledBack) {
  database_.reset();
  config_.transaction_limit = std::chrono::milliseconds(20);
  database_ = Open();
  const Status status = database_->Transact([](Transaction& tx) -> Status {
    SR_CHECK(tx.Execute("INSERT INTO deployment (name, value) VALUES ('slow', $1)", {Bytes{1}}));
    std::this_thread::sleep_for(std::chrono::milliseconds(60));
    return {};
  });
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Errc::kTimeout);
  // A count may take longer than that on a busy machine.
  database_.reset();
  config_.transaction_limit = Config().transaction_limit;
  database_ = Open();
  EXPECT_EQ(Count("deployment"), 0);
}

TEST_P(DatabaseContract, CountersNeverLoseAnIncrement) {
  // Read, add one, write: wrong under anything weaker than serialisable. Two programs, several threads.
  ASSERT_TRUE(Put(*database_, "counter", {0}).ok());
  auto other = Open();
  std::atomic<int> gave_up = 0;
  const auto add = [&](Database& database) {
    for (int i = 0; i < 10; ++i) {
      const Status status = database.Transact([](Transaction& tx) -> Status {
        SR_TRY(const auto row, tx.QueryOne("SELECT value FROM deployment WHERE name = 'counter'"));
        Bytes value = row->Blob(0);
        ++value.at(0);
        SR_CHECK(tx.Execute("UPDATE deployment SET value = $1 WHERE name = 'counter'", {value}));
        return {};
      });
      if (!status.ok()) {
        EXPECT_EQ(status.error().code(), Errc::kConflict) << status.error();
        ++gave_up;
      }
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&, i] { add(i % 2 ? *other : *database_); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Get("counter"), Bytes{static_cast<std::uint8_t>(40 - gave_up)});
  EXPECT_LT(gave_up, 20);
}

TEST_P(DatabaseContract, ManyWritersAtOnceStandOrFallAlone) {
  // On SQLite they share commits; the one that fails takes nobody with it.
  std::atomic<int> failed = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) {
        const std::string name = i == 5 ? "shared" : std::to_string(t) + "-" + std::to_string(i);
        const Status status = Put(*database_, name, {1});
        if (status.ok()) continue;
        EXPECT_EQ(status.error().code(), Errc::kAlreadyExists) << status.error();
        ++failed;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 7);
  EXPECT_EQ(Count("deployment"), 73);
}

TEST_P(DatabaseContract, ManyReadersAtOnceSeeWhatWasThereBeforeAndFailAlone) {
  // On SQLite they share read transactions.
  const auto read = [this](const std::string& name, int how) -> std::optional<Errc> {
    const auto value = database_->Read([&](Transaction& tx) -> Result<Bytes> {
      SR_TRY(const auto row, tx.QueryOne("SELECT value FROM deployment WHERE name = $1", {Text(name)}));
      if (how == 1) return Error(Errc::kLimitExceeded, "of its own");
      if (how == 2) SR_CHECK(tx.Query("SELECT nonsense FROM deployment"));
      if (how == 3) throw std::runtime_error("bug");
      if (!row) return Error(Errc::kNotFound, "it is not there");
      return row->Blob(0);
    });
    return value.ok() ? std::nullopt : std::optional(value.error().code());
  };
  constexpr std::optional<Errc> kWant[] = {std::nullopt, Errc::kLimitExceeded, Errc::kInternal, Errc::kInternal};
  std::vector<std::thread> threads;
  for (int t = 0; t < 12; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 12; ++i) {
        const std::string name = std::to_string(t) + "-" + std::to_string(i);
        EXPECT_TRUE(Put(*database_, name, {1}).ok());
        for (int how = 0; how < 4; ++how) EXPECT_TRUE(read(name, how) == kWant[how]) << name << " " << how;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Count("deployment"), 144);
}

TEST_P(DatabaseContract, RunResumesOnTheCallersLoop) {
  struct Seen {
    std::thread::id worker, before, after;
    std::int64_t rows = 0;
  };
  static constexpr auto kAsk = [](Database& database) -> Task<Seen> {
    Seen seen;
    seen.before = std::this_thread::get_id();
    auto job = [](Transaction& tx) -> Result<std::thread::id> {
      SR_CHECK(tx.Execute("INSERT INTO deployment (name, value) VALUES ('async', $1)", {Bytes{1}}));
      return std::this_thread::get_id();
    };
    auto worker = co_await database.Run(std::move(job));
    seen.after = std::this_thread::get_id();
    if (worker.ok()) seen.worker = *worker;
    auto count = [](Transaction& tx) { return tx.Query("SELECT name FROM deployment"); };
    auto rows = co_await database.RunRead(std::move(count));
    if (rows.ok()) seen.rows = std::int64_t(rows->size());
    co_return seen;
  };
  const Seen seen = RunToEnd(kAsk(*database_));
  EXPECT_EQ(seen.before, seen.after);
  EXPECT_NE(seen.worker, std::thread::id());
  EXPECT_NE(seen.worker, seen.before);
  EXPECT_EQ(seen.rows, 1);
}

TEST_P(DatabaseContract, TooManyWaitingAreRefused) {
  database_.reset();
  config_.max_waiting = 1;
  config_.postgres_connections = 1;
  database_ = Open();
  std::promise<void> running, release;
  std::thread first([&] {
    EXPECT_TRUE(database_
                    ->Transact([&, once = false](Transaction&) mutable -> Status {
                      if (!std::exchange(once, true)) running.set_value();
                      release.get_future().wait();
                      return {};
                    })
                    .ok());
  });
  running.get_future().wait();
  std::atomic<int> refused = 0, done = 0;
  std::vector<std::thread> rest;
  for (int i = 0; i < 3; ++i) {
    rest.emplace_back([&] {
      const Status status = database_->Transact([](Transaction&) { return Status(); });
      if (status.ok()) {
        ++done;
      } else if (status.error().code() == Errc::kUnavailable && refused.fetch_add(1) == 1) {
        release.set_value();
      }
    });
  }
  for (std::thread& thread : rest) thread.join();
  first.join();
  EXPECT_EQ(refused, 2);
  EXPECT_EQ(done, 1);
}

TEST_P(DatabaseContract, TheClockIsTodays) {
  auto now = database_->Read([](Transaction& tx) { return tx.NowMillis(); });
  ASSERT_TRUE(now.ok());
  const auto here =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch());
  EXPECT_LT(std::abs(*now - here.count()), 60'000);
}

INSTANTIATE_TEST_SUITE_P(Store, DatabaseContract, testing::BothEngines(), testing::EngineName);
}  // namespace
}  // namespace strongroom::store
