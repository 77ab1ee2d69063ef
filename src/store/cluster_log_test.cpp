#include "store/cluster_log.h"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "store/testing/engines.h"

namespace strongroom::store {
namespace {
using ::testing::ElementsAre;
using testing::EngineTest;
using testing::RunToEnd;

class ClusterLogContract : public EngineTest {
 protected:
  Result<AppendOutcome> Append(std::int64_t number, Bytes record, std::string cluster = "cluster-a") {
    return RunToEnd(ClusterLog(*database_).Append(std::move(cluster), number, {1, 2}, std::move(record)));
  }
  std::vector<std::int64_t> Numbers(std::int64_t from, std::size_t max_bytes, std::string cluster = "cluster-a") {
    auto records = RunToEnd(ClusterLog(*database_).Read(std::move(cluster), from, max_bytes));
    std::vector<std::int64_t> numbers;
    if (!records.ok()) ADD_FAILURE() << records.error();
    if (records.ok()) {
      for (const LogRecord& record : *records) numbers.push_back(record.number);
    }
    return numbers;
  }
};

TEST_P(ClusterLogContract, RecordsComeBackInOrderAndEachClusterHasItsOwn) {
  for (std::int64_t number = 0; number < 3; ++number) {
    auto outcome = Append(number, Bytes(4, std::uint8_t(number)));
    ASSERT_TRUE(outcome.ok()) << outcome.error();
    EXPECT_TRUE(outcome->appended);
  }
  ASSERT_TRUE(Append(7, {9}, "cluster-b")->appended);  // restored from a backup at 6
  auto records = RunToEnd(ClusterLog(*database_).Read("cluster-a", 1, 1000));
  ASSERT_TRUE(records.ok());
  ASSERT_EQ(records->size(), 2U);
  EXPECT_EQ(records->at(0).record, Bytes(4, 1));
  EXPECT_EQ(records->at(0).prev_hash, (Bytes{1, 2}));
  EXPECT_GT(records->at(0).appended_at, 0);
  EXPECT_THAT(Numbers(0, 1000, "cluster-b"), ElementsAre(7));
  EXPECT_EQ(RunToEnd(ClusterLog(*database_).Head("cluster-a"))->number, 2);
  EXPECT_EQ(RunToEnd(ClusterLog(*database_).Head("cluster-none"))->number, -1);
}

TEST_P(ClusterLogContract, TheEndOfALogIsMovedAsideWithItsSnapshots) {
  for (std::int64_t number = 1; number <= 5; ++number) ASSERT_TRUE(Append(number, {std::uint8_t(number)})->appended);
  ASSERT_TRUE(Append(4, {9}, "cluster-b").ok());
  for (const std::int64_t number : {2, 4}) {
    Snapshot snapshot;
    snapshot.backup_id = "backup-" + std::to_string(number);
    snapshot.number = number;
    snapshot.data = {1};
    snapshot.kind = "daily";
    ASSERT_TRUE(RunToEnd(ClusterLog(*database_).PutSnapshot("cluster-a", snapshot)).ok());
  }
  const auto moved =
      database_->Transact([](Transaction& t) { return ClusterLog::MoveAsideIn(t, "cluster-a", 4, "for the test"); });
  ASSERT_TRUE(moved.ok()) << moved.error();
  EXPECT_EQ(*moved, 2);
  EXPECT_THAT(Numbers(0, 1000), ElementsAre(1, 2, 3));
  EXPECT_THAT(Numbers(0, 1000, "cluster-b"), ElementsAre(4));
  EXPECT_EQ(RunToEnd(ClusterLog(*database_).NewestSnapshot("cluster-a")).value()->number, 2);
  EXPECT_TRUE(RunToEnd(ClusterLog(*database_).GetSnapshot("cluster-a", "backup-4")).value().has_value())
      << "a backup stays one";
  const auto kept = database_->Read([](Transaction& t) {
    return t.Query("SELECT number, record, reason FROM cluster_log_aside ORDER BY number", {});
  });
  ASSERT_TRUE(kept.ok()) << kept.error();
  ASSERT_EQ(kept->size(), 2U);
  EXPECT_EQ(kept->at(1).Int(0), 5);
  EXPECT_EQ(kept->at(1).Blob(1), Bytes{5});
  ASSERT_TRUE(Append(4, {7})->appended);
}

TEST_P(ClusterLogContract, TheLoserOfARaceSeesWhatStandsThere) {
  ASSERT_TRUE(Append(0, {1})->appended);
  ASSERT_TRUE(Append(1, {2})->appended);
  auto lost = Append(0, {3});
  ASSERT_TRUE(lost.ok());
  EXPECT_FALSE(lost->appended);
  ASSERT_EQ(lost->existing.size(), 2U);
  EXPECT_EQ(lost->existing[0].record, Bytes{1});
  EXPECT_EQ(lost->existing[1].record, Bytes{2});
}

TEST_P(ClusterLogContract, ARepeatedAppendIsASuccess) {
  ASSERT_TRUE(Append(0, {1})->appended);
  EXPECT_TRUE(Append(0, {1})->appended);
  EXPECT_THAT(Numbers(0, 1000), ElementsAre(0));
}

struct Refused {
  std::string name;
  std::int64_t number;
  std::size_t size;
  Errc want;
};
const Refused kRefused[] = {{"Gap", 2, 1, Errc::kInvalidState},
                            {"Negative", -1, 1, Errc::kInvalidArgument},
                            {"Empty", 1, 0, Errc::kInvalidArgument},
                            {"TooLarge", 1, ClusterLog::kMaxRecordBytes + 1, Errc::kInvalidArgument}};
TEST_P(ClusterLogContract, NonsenseIsRefused) {
  ASSERT_TRUE(Append(0, {1})->appended);
  for (const Refused& row : kRefused) {
    auto outcome = Append(row.number, Bytes(row.size, 1));
    ASSERT_FALSE(outcome.ok()) << row.name;
    EXPECT_EQ(outcome.error().code(), row.want) << row.name;
  }
  EXPECT_THAT(Numbers(0, 1000), ElementsAre(0));
}

TEST_P(ClusterLogContract, ARecordBeforeTheFirstKeptIsRefused) {
  ASSERT_TRUE(Append(7, {1})->appended);
  auto before = Append(3, {1});
  ASSERT_FALSE(before.ok());
  EXPECT_EQ(before.error().code(), Errc::kInvalidState);
  EXPECT_THAT(Numbers(0, 1000), ElementsAre(7));
}

TEST_P(ClusterLogContract, ReadsStopAtTheirBoundButNeverAtNothing) {
  for (std::int64_t number = 0; number < 130; ++number) ASSERT_TRUE(Append(number, Bytes(10, 1))->appended);
  EXPECT_EQ(Numbers(0, 25), (std::vector<std::int64_t>{0, 1}));
  EXPECT_EQ(Numbers(5, 0), (std::vector<std::int64_t>{5}));
  EXPECT_EQ(Numbers(0, 1000).size(), 100U);
  EXPECT_EQ(Numbers(0, 1 << 20).size(), 130U);
  EXPECT_TRUE(Numbers(130, 1000).empty());
}

TEST_P(ClusterLogContract, RacingWritersMakeOneUnbrokenLog) {
  auto other = Open();
  std::atomic<int> lost = 0;
  const auto write = [&](Database& database, std::uint8_t mark) {
    ClusterLog log(database);
    std::int64_t next = 0;
    for (int i = 0; i < 15;) {
      auto outcome = RunToEnd(log.Append("race", next, {}, Bytes{mark, std::uint8_t(i)}));
      if (!outcome.ok()) {
        ASSERT_EQ(outcome.error().code(), Errc::kConflict) << outcome.error();
        continue;
      }
      if (outcome->appended) {
        ++i;
        ++next;
      } else {
        ++lost;
        next = outcome->existing.back().number + 1;
      }
    }
  };
  std::thread one([&] { write(*database_, 1); });
  std::thread two([&] { write(*other, 2); });
  one.join();
  two.join();
  auto records = RunToEnd(ClusterLog(*database_).Read("race", 0, 1 << 20));
  ASSERT_TRUE(records.ok());
  ASSERT_EQ(records->size(), 30U);
  std::array<std::uint8_t, 3> next{};
  for (std::size_t i = 0; i < records->size(); ++i) {
    const LogRecord& record = records->at(i);
    EXPECT_EQ(record.number, std::int64_t(i));
    EXPECT_EQ(record.record.at(1), next.at(record.record.at(0))++) << "each writer's own records are in its order";
  }
}

TEST_P(ClusterLogContract, SnapshotsAreKeptByIdAndFoundByNumber) {
  ClusterLog log(*database_);
  const auto put = [&](std::string id, std::int64_t number, Bytes data) {
    Snapshot snapshot{std::move(id), number, std::move(data), 0, "automatic"};
    return RunToEnd(log.PutSnapshot("cluster-a", std::move(snapshot)));
  };
  EXPECT_EQ(*RunToEnd(log.NewestSnapshot("cluster-a")) == std::nullopt, true);
  ASSERT_TRUE(put("backup-1", 10, {1}).ok());
  ASSERT_TRUE(put("backup-2", 30, {2}).ok());
  ASSERT_TRUE(put("backup-3", 20, {3}).ok());
  EXPECT_TRUE(put("backup-1", 10, {1}).ok()) << "a repeat";
  EXPECT_EQ(put("backup-1", 10, {9}).error().code(), Errc::kAlreadyExists);
  EXPECT_EQ(put("backup-4", 10, {}).error().code(), Errc::kInvalidArgument);
  auto newest = RunToEnd(log.NewestSnapshot("cluster-a"));
  ASSERT_TRUE(newest.ok() && *newest);
  EXPECT_EQ((*newest)->backup_id, "backup-2");
  EXPECT_EQ((*newest)->data, Bytes{2});
  EXPECT_EQ((*newest)->kind, "automatic");
  auto list = RunToEnd(log.ListSnapshots("cluster-a"));
  ASSERT_TRUE(list.ok());
  std::vector<std::string> ids;
  for (const Snapshot& snapshot : *list) {
    ids.push_back(snapshot.backup_id);
    EXPECT_TRUE(snapshot.data.empty());
  }
  EXPECT_THAT(ids, ElementsAre("backup-2", "backup-3", "backup-1"));
  EXPECT_TRUE(RunToEnd(log.DeleteSnapshot("cluster-a", "backup-2")).ok());
  EXPECT_EQ(RunToEnd(log.DeleteSnapshot("cluster-a", "backup-2")).error().code(), Errc::kNotFound);
  auto gone = RunToEnd(log.GetSnapshot("cluster-a", "backup-2"));
  EXPECT_TRUE(gone.ok() && !*gone);
}

INSTANTIATE_TEST_SUITE_P(Store, ClusterLogContract, testing::BothEngines(), testing::EngineName);
}  // namespace
}  // namespace strongroom::store
