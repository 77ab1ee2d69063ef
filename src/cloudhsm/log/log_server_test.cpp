#include "cloudhsm/log/log_server.h"

#include <gtest/gtest.h>

#include "cloudhsm/testing/world.h"
#include "crypto/hash.h"

namespace strongroom::cloudhsm {
namespace {

using testing::Await;
using testing::World;

struct Row {
  std::string name;
  std::string host, hsm, cluster;  // "" stands for the right one
  std::uint64_t number;
  std::string prev_hash, record;
  Errc want;
};

const std::string kHash(32, 'h');

/// Of the record before, where there is one: what a record of this number has to continue.
std::string HashBefore(World& world, const std::string& cluster, std::uint64_t number) {
  auto look = [&](store::Transaction& t) -> Result<std::string> {
    SR_TRY(const auto row, t.QueryOne("SELECT record FROM cluster_log WHERE cluster_id = $1 AND number = $2",
                                      {store::Text(cluster), static_cast<std::int64_t>(number) - 1}));
    return row ? std::string(AsText(crypto::Sha256(row->Blob(0)))) : kHash;
  };
  return world.database->Read(look).value();
}

const Row kRows[] = {
    {"OtherHost", "host-2", "", "", 2, kHash, "r", Errc::kPermission},
    {"UnknownHsm", "", "hsm-aaaaaaaaaaa", "", 2, kHash, "r", Errc::kPermission},
    {"OtherCluster", "", "", "cluster-aaaaaaaaaaa", 1, kHash, "r", Errc::kPermission},
    {"NumberZero", "", "", "", 0, kHash, "r", Errc::kInvalidArgument},
    {"HugeNumber", "", "", "", ~std::uint64_t{0}, kHash, "r", Errc::kInvalidArgument},
    {"Gap", "", "", "", 3, kHash, "r", Errc::kInvalidState},
    {"OtherHistory", "", "", "", 2, std::string(32, 'o'), "r", Errc::kStale},
    {"ShortHash", "", "", "", 2, "h", "r", Errc::kInvalidArgument},
    {"EmptyRecord", "", "", "", 2, kHash, "", Errc::kInvalidArgument},
    {"HugeRecord", "", "", "", 2, kHash, std::string((1 << 20) + 1, 'r'), Errc::kInvalidArgument},
};

class AppendRefusals : public ::testing::TestWithParam<Row> {};

TEST_P(AppendRefusals, LeaveTheLogAlone) {
  World world;
  const Row& row = GetParam();
  const std::string cluster = world.NewCluster();
  const std::string hsm = world.NewHsm(cluster);
  ASSERT_TRUE(world.Work().ok());
  proto::Control question;
  question.set_hsm_id(row.hsm.empty() ? hsm : row.hsm);
  question.mutable_log_append()->set_cluster_id(row.cluster.empty() ? cluster : row.cluster);
  question.mutable_log_append()->set_number(row.number);
  question.mutable_log_append()->set_prev_hash(row.prev_hash == kHash ? HashBefore(world, cluster, row.number)
                                                                      : row.prev_hash);
  question.mutable_log_append()->set_record(row.record);
  const auto answer = Await(world.loop, world.log.Answer(row.host.empty() ? "host-1" : row.host, question));
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code(), row.want);
  proto::Control read;
  read.set_hsm_id(hsm);
  read.mutable_log_read()->set_cluster_id(cluster);
  EXPECT_EQ(Await(world.loop, world.log.Answer("host-1", read)).value().log_read().head(), 1U);
}

INSTANTIATE_TEST_SUITE_P(LogServer, AppendRefusals, ::testing::ValuesIn(kRows),
                         [](const auto& tested) { return tested.param.name; });

struct LogWorld : World {
  LogWorld() : cluster(ActiveCluster()) {
    first = std::string(Cluster(cluster).at("Hsms").at(0).at("HsmId").as_string());
    second = NewHsm(cluster, "us-east-1b");
    EXPECT_TRUE(Work().ok());
    host->notified.clear();
  }
  Result<proto::Control> Ask(proto::Control question) {
    question.set_hsm_id(first);
    return Await(loop, log.Answer("host-1", std::move(question)));
  }
  proto::Control Append(std::uint64_t number, const std::string& record) {
    proto::Control question;
    question.mutable_log_append()->set_cluster_id(cluster);
    question.mutable_log_append()->set_number(number);
    question.mutable_log_append()->set_prev_hash(HashBefore(*this, cluster, number));
    question.mutable_log_append()->set_record(record);
    return Ask(question).value();
  }
  std::string cluster, first, second;
};

TEST(LogServer, AppendsTellTheOtherMembers) {
  LogWorld world;
  const proto::Control done = world.Append(3, "mine");
  EXPECT_EQ(done.log_append().rows_size(), 0);
  EXPECT_EQ(done.log_append().head(), 3U);
  EXPECT_EQ(world.host->notified, (std::vector<std::string>{world.second}));
}

TEST(LogServer, TheLoserOfARaceSeesWhatStandsThere) {
  LogWorld world;
  (void)world.Append(3, "theirs");
  (void)world.Append(4, "theirs too");
  world.host->notified.clear();
  const proto::Control lost = world.Append(3, "mine");
  ASSERT_EQ(lost.log_append().rows_size(), 2);
  EXPECT_EQ(lost.log_append().rows(0).number(), 3U);
  EXPECT_EQ(lost.log_append().rows(0).record(), "theirs");
  EXPECT_EQ(lost.log_append().head(), 4U);
  EXPECT_TRUE(world.host->notified.empty());
  // The same bytes again are one append, whatever became of the first answer.
  EXPECT_EQ(world.Append(4, "theirs too").log_append().rows_size(), 0);
}

TEST(LogServer, ReadsAreBoundedAndGoOn) {
  LogWorld world;
  const std::string large(1 << 20, 'x');
  for (std::uint64_t number = 3; number < 9; ++number) (void)world.Append(number, large);
  proto::Control question;
  question.mutable_log_read()->set_cluster_id(world.cluster);
  question.mutable_log_read()->set_from(3);
  const proto::Control part = world.Ask(question).value();
  EXPECT_GE(part.log_read().rows_size(), 1);
  EXPECT_LE(part.ByteSizeLong(), std::size_t{5} << 20);
  EXPECT_EQ(part.log_read().head(), 8U);
  question.mutable_log_read()->set_from(9);
  EXPECT_EQ(world.Ask(question).value().log_read().rows_size(), 0);
}

TEST(LogServer, BackupsAreKeptOnceAndTheNewestIsGiven) {
  LogWorld world;
  proto::Control put;
  put.mutable_snapshot_put()->set_cluster_id(world.cluster);
  put.mutable_snapshot_put()->set_number(2);
  put.mutable_snapshot_put()->set_backup_id("backup-aaaaaaaaaaa");
  put.mutable_snapshot_put()->set_kind("daily");
  put.mutable_snapshot_put()->set_data("first");
  EXPECT_TRUE(world.Ask(put).ok());
  put.mutable_snapshot_put()->set_data("second");
  EXPECT_TRUE(world.Ask(put).ok()) << "a repeat is no failure";
  proto::Control get;
  get.mutable_snapshot_get()->set_cluster_id(world.cluster);
  const proto::Control newest = world.Ask(get).value();
  EXPECT_EQ(newest.snapshot_get().number(), 2U);
  EXPECT_EQ(newest.snapshot_get().data(), "first");
  put.mutable_snapshot_put()->set_backup_id("../../etc");
  EXPECT_EQ(world.Ask(put).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(world.Ask(proto::Control()).error().code(), Errc::kUnsupported);
}

// The store is set back under two HSMs; the one that is behind cannot see it.
class SetBackStore : public ::testing::Test {
 protected:
  SetBackStore() : cluster_(world_.ActiveCluster()) {
    world_.NewHsm(cluster_, "us-east-1b");
    EXPECT_TRUE(world_.Work().ok());
    first_ = world_.hardware.hsms.begin()->first;
    second_ = std::next(world_.hardware.hsms.begin())->first;
  }
  Result<proto::Control> Ask(const std::string& hsm, proto::Control question, LogServer* server = nullptr) {
    question.set_hsm_id(hsm);
    return Await(world_.loop, (server == nullptr ? world_.log : *server).Answer("host-1", std::move(question)));
  }
  std::uint64_t Read(const std::string& hsm, std::uint64_t have, bool forked = false, LogServer* server = nullptr) {
    proto::Control question;
    question.mutable_log_read()->set_cluster_id(cluster_);
    question.mutable_log_read()->set_have(have);
    question.mutable_log_read()->set_forked(forked);
    return Ask(hsm, question, server).value().log_read().head();
  }
  Errc Append(const std::string& hsm, std::uint64_t number, bool again = false, LogServer* server = nullptr) {
    proto::Control question;
    auto& append = *question.mutable_log_append();
    append.set_cluster_id(cluster_);
    append.set_number(number);
    append.set_prev_hash(HashBefore(world_, cluster_, number));
    append.set_record("record " + std::to_string(number));
    append.set_again(again);
    const auto answer = Ask(hsm, question, server);
    return answer.ok() ? Errc::kCount_ : answer.error().code();
  }
  World world_;
  std::string cluster_, first_, second_;
};

TEST_F(SetBackStore, TakesNothingNewBeforeItWasGivenBackWhatAnHsmHas) {
  const std::uint64_t head = Read(first_, 0);
  Read(first_, head);
  Read(second_, head + 2);
  EXPECT_EQ(Append(first_, head + 1), Errc::kStale);
  EXPECT_EQ(Append(second_, head + 1, true), Errc::kCount_);
  EXPECT_EQ(Append(first_, head + 2), Errc::kStale);
  EXPECT_EQ(Append(second_, head + 2, true), Errc::kCount_);
  EXPECT_EQ(Append(first_, head + 3), Errc::kCount_);
  EXPECT_EQ(Append(second_, head + 4), Errc::kCount_) << "one's own head is in nobody's way";
}

TEST_F(SetBackStore, DoesNotWaitForAForkedHsmOrOneThatIsToGo) {
  const std::uint64_t head = Read(first_, 0);
  Read(second_, head + 2);
  EXPECT_EQ(Append(first_, head + 1), Errc::kStale);
  Read(second_, head + 2, true);
  EXPECT_EQ(Append(first_, head + 1), Errc::kCount_);
  Read(second_, head + 5);
  ASSERT_TRUE(world_.Call("DeleteHsm", {{"ClusterId", cluster_}, {"HsmId", second_}}).ok());
  EXPECT_EQ(Append(first_, head + 2), Errc::kCount_);
}

TEST_F(SetBackStore, ANewFrontEndHearsEveryHsmFirst) {
  LogServer fresh(
      *world_.database, [](const auto&, const auto&, const auto&) {}, nullptr, std::chrono::hours(1));
  const std::uint64_t head = Read(first_, 0, false, &fresh);
  EXPECT_EQ(Append(first_, head + 1, false, &fresh), Errc::kStale);
  Read(second_, head, false, &fresh);
  EXPECT_EQ(Append(first_, head + 1, false, &fresh), Errc::kCount_);
}

TEST_F(SetBackStore, MovesAsideWhatAnOfficerDidNotChoose) {
  const std::uint64_t head = Read(first_, 0);
  EXPECT_EQ(Append(first_, head + 1), Errc::kCount_);
  EXPECT_EQ(Append(first_, head + 2), Errc::kCount_);
  proto::Control question;
  auto& aside = *question.mutable_log_set_aside();
  aside.set_cluster_id(cluster_);
  aside.set_from(head + 1);
  aside.set_row_hash(std::string(AsText(crypto::Sha256(AsBytes("another")))));
  EXPECT_EQ(Ask(second_, question).error().code(), Errc::kConflict);
  EXPECT_EQ(Read(first_, 0), head + 2);
  aside.set_row_hash(std::string(AsText(crypto::Sha256(AsBytes("record " + std::to_string(head + 1))))));
  ASSERT_TRUE(Ask(second_, question).ok());
  EXPECT_EQ(Read(first_, 0), head);
  aside.set_cluster_id("cluster-aaaaaaaaaaa");
  EXPECT_EQ(Ask(second_, question).error().code(), Errc::kPermission);
}

}  // namespace
}  // namespace strongroom::cloudhsm
