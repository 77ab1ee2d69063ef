// HSMs that come and go: what is believed of them, and what an operator is told.
#include <gtest/gtest.h>

#include "cloudhsm/testing/world.h"
#include "crypto/hash.h"

namespace strongroom::cloudhsm {
namespace {

using testing::Await;
using testing::FakeHardware;
using testing::World;

std::string Message(const boost::json::object& shown) {
  const auto* message = shown.if_contains("StateMessage");
  return message == nullptr ? std::string() : std::string(message->as_string());
}

struct ProofRow {
  std::string name;
  FakeHardware::Proof proof;
  bool believed;
};
class ProofOfZeroising : public ::testing::TestWithParam<ProofRow> {};
TEST_P(ProofOfZeroising, DecidesWhetherTheHsmCountsAsCompromised) {
  World world;
  const std::string cluster = world.ActiveCluster();
  const std::string second = world.NewHsm(cluster, "us-east-1b");
  ASSERT_TRUE(world.Work().ok());
  world.hardware.proof = GetParam().proof;
  ASSERT_TRUE(world.Call("DeleteHsm", {{"ClusterId", cluster}, {"HsmId", second}}).ok());
  ASSERT_TRUE(world.Work().ok());
  const auto shown = world.Cluster(cluster);
  EXPECT_EQ(shown.at("Hsms").as_array().size(), 1U) << "it is gone all the same";
  const std::string message = Message(shown);
  EXPECT_EQ(message.empty(), GetParam().believed) << message;
  if (!GetParam().believed) {
    EXPECT_NE(message.find(second), std::string::npos);
    EXPECT_NE(message.find("counts as compromised"), std::string::npos);
  }
}
INSTANTIATE_TEST_SUITE_P(Lifecycle, ProofOfZeroising,
                         ::testing::Values(ProofRow{"True", FakeHardware::Proof::kTrue, true},
                                           ProofRow{"None", FakeHardware::Proof::kNone, false},
                                           ProofRow{"OtherHsm", FakeHardware::Proof::kOtherHsm, false},
                                           ProofRow{"BadSignature", FakeHardware::Proof::kBadSignature, false}),
                         [](const auto& tested) { return tested.param.name; });

TEST(Departure, WithTheHostAwayTheHsmShowsWhy) {
  World world;
  const std::string cluster = world.ActiveCluster();
  const std::string second = world.NewHsm(cluster, "us-east-1b");
  world.host->up = false;
  EXPECT_FALSE(world.Work().ok());
  EXPECT_FALSE(Message(world.Cluster(cluster).at("Hsms").as_array().at(1).as_object()).empty());
  world.host->up = true;
  ASSERT_TRUE(world.Work().ok());
  EXPECT_EQ(Message(world.Cluster(cluster).at("Hsms").as_array().at(1).as_object()), "");
  ASSERT_TRUE(world.Call("DeleteHsm", {{"ClusterId", cluster}, {"HsmId", second}}).ok());
  world.host->up = false;
  EXPECT_FALSE(world.Work().ok());
  EXPECT_NE(Message(world.Cluster(cluster).at("Hsms").as_array().at(1).as_object()).find("counts as compromised"),
            std::string::npos);
}

/// A machine's row, as one that has joined has it.
void AddMachine(World& world, const std::string& host_id, bool removed) {
  EXPECT_TRUE(world.database
                  ->Transact([&](store::Transaction& t) {
                    return t.Execute(
                        "INSERT INTO machines (host_id, address, port, network, control_certificate, "
                        "front_end_certificate, joined_at, removed_at) VALUES ($1, '', 0, '', '', '', 0, $2)",
                        {store::Text(host_id), removed ? store::Value(std::int64_t{1}) : store::Value(nullptr)});
                  })
                  .ok());
}

TEST(Departure, AHostThatIsOnlyNotKnownYetIsWaitedFor) {
  World world;
  const std::string cluster = world.ActiveCluster();
  const std::string second = world.NewHsm(cluster, "us-east-1b");
  ASSERT_TRUE(world.Work().ok());
  AddMachine(world, "host-1", false);
  ASSERT_TRUE(world.Call("DeleteHsm", {{"ClusterId", cluster}, {"HsmId", second}}).ok());
  world.hosts.Remove("host-1");
  EXPECT_FALSE(world.Work().ok());
  world.hosts.Add("host-1", world.host);
  ASSERT_TRUE(world.Work().ok());
  EXPECT_EQ(Message(world.Cluster(cluster)), "") << "it has proved that it zeroised itself";
  EXPECT_EQ(world.Cluster(cluster).at("Hsms").as_array().size(), 1U);
}

TEST(Departure, HsmsOfAMachineThatIsGoneAreDeletedAndCountAsCompromised) {
  World world;
  const std::string cluster = world.ActiveCluster();
  const std::string second = world.NewHsm(cluster, "us-east-1b");
  ASSERT_TRUE(world.Work().ok());
  AddMachine(world, "host-1", true);
  // All that the cluster has: neither can vouch for the other.
  const boost::json::object shown = world.Cluster(cluster);
  for (const auto& hsm : shown.at("Hsms").as_array()) {
    ASSERT_TRUE(
        world.Call("DeleteHsm", {{"ClusterId", cluster}, {"HsmId", hsm.as_object().at("HsmId").as_string()}}).ok());
  }
  world.hosts.Remove("host-1");
  ASSERT_TRUE(world.Work().ok());
  EXPECT_TRUE(world.Cluster(cluster).at("Hsms").as_array().empty());
  EXPECT_NE(Message(world.Cluster(cluster)).find("counts as compromised"), std::string::npos);
  // On another machine it comes back out of its backup.
  world.hosts.Add("host-1", world.host);
  const std::string third = world.NewHsm(cluster);
  ASSERT_TRUE(world.Work().ok());
  EXPECT_EQ(world.hardware.hsms.at(third).restored, 1);
}

TEST(Departure, AnHsmThatIsBehindIsSentAfterTheRestBeforeItIsActive) {
  World world;
  const std::string cluster = world.ActiveCluster();
  const std::string second = world.NewHsm(cluster, "us-east-1b");
  ASSERT_TRUE(world.hardware.hsms.empty() || !world.hardware.hsms.contains(second));
  world.hardware.hsms[second].behind = 2;
  ASSERT_TRUE(world.Work().ok());
  EXPECT_EQ(world.hardware.hsms.at(second).joined, 3);
  EXPECT_EQ(world.Cluster(cluster).at("Hsms").as_array().at(1).at("State").as_string(), "ACTIVE");
}

TEST(Departure, AnActiveHsmsOwnWordsAreShown) {
  World world;
  const std::string cluster = world.ActiveCluster();
  const std::string hsm(world.Cluster(cluster).at("Hsms").as_array().at(0).at("HsmId").as_string());
  proto::StatusChanged changed;
  changed.set_cluster_id(cluster);
  changed.set_lifecycle(proto::ACTIVE);
  for (const std::string& says : {std::string("The cluster's log is forked."), std::string()}) {
    changed.set_message(says);
    ASSERT_TRUE(Await(world.loop, world.lifecycle->Note("host-1", hsm, changed)).ok());
    EXPECT_EQ(Message(world.Cluster(cluster).at("Hsms").as_array().at(0).as_object()), says);
  }
  changed.set_cluster_id("cluster-aaaaaaaaaaa");
  EXPECT_EQ(Await(world.loop, world.lifecycle->Note("host-1", hsm, changed)).error().code(), Errc::kPermission);
  // Removed, and it says so: it is of no cluster any more.
  changed.Clear();
  changed.set_message("This HSM was removed.");
  EXPECT_TRUE(Await(world.loop, world.lifecycle->Note("host-1", hsm, changed)).ok());
}

TEST(Departure, TheLastWordOfAnHsmThatIsGoneIsNoError) {
  World world;
  const std::string cluster = world.ActiveCluster();
  const std::string second = world.NewHsm(cluster, "us-east-1b");
  ASSERT_TRUE(world.Work().ok());
  ASSERT_TRUE(world.Call("DeleteHsm", {{"ClusterId", cluster}, {"HsmId", second}}).ok());
  ASSERT_TRUE(world.Work().ok());
  proto::StatusChanged changed;
  changed.set_cluster_id(cluster);
  changed.set_lifecycle(proto::ACTIVE);
  EXPECT_TRUE(Await(world.loop, world.lifecycle->Note("host-1", second, changed)).ok());
}

class RepairTest : public ::testing::Test {
 protected:
  RepairTest() : cluster_(world_.ActiveCluster()) {
    world_.NewHsm(cluster_, "us-east-1b");
    EXPECT_TRUE(world_.Work().ok());
  }
  void Request() {
    auto ask = [this](store::Transaction& t) -> Status {
      SR_CHECK(
          t.Execute("INSERT INTO cluster_repairs (cluster_id, request_id, state, message, requested_at) "
                    "VALUES ($1, 'r', 'REQUESTED', '', 0) ON CONFLICT (cluster_id) DO UPDATE SET "
                    "state = 'REQUESTED'",
                    {store::Text(cluster_)}));
      return {};
    };
    ASSERT_TRUE(world_.database->Transact(ask).ok());
    (void)world_.Work();
  }
  std::string Column(const std::string& sql) {
    return world_.database
        ->Read([&](store::Transaction& t) -> Result<std::string> {
          SR_TRY(const auto row, t.QueryOne(sql, {store::Text(cluster_)}));
          return row ? row->Text(0) : std::string();
        })
        .value();
  }
  std::int64_t Number(const std::string& sql) {
    return world_.database
        ->Read([&](store::Transaction& t) -> Result<std::int64_t> {
          SR_TRY(const auto row, t.QueryOne(sql, {store::Text(cluster_)}));
          return row->Int(0);
        })
        .value();
  }
  std::int64_t Head() { return Number("SELECT MAX(number) FROM cluster_log WHERE cluster_id = $1"); }
  void AppendGarbage(std::int64_t number) {
    auto insert = [&](store::Transaction& t) -> Status {
      SR_CHECK(
          t.Execute("INSERT INTO cluster_log (cluster_id, number, prev_hash, record, appended_at) "
                    "VALUES ($1, $2, $3, $4, 0)",
                    {store::Text(cluster_), number, store::Blob(Bytes(32)), store::Blob(AsBytes("garbage"))}));
      return {};
    };
    ASSERT_TRUE(world_.database->Transact(insert).ok());
  }
  void Refuse(testing::FakeHsm& hsm, std::int64_t number) {
    hsm.behind = 1000;
    hsm.status.set_refused_number(static_cast<std::uint64_t>(number));
    hsm.status.set_refused_hash(std::string(AsText(crypto::Sha256(AsBytes("garbage")))));
  }
  World world_;
  std::string cluster_;
};

TEST_F(RepairTest, MovesAsideWhatEveryHsmRefusesAndNothingElse) {
  const std::int64_t head = Head();
  Request();
  EXPECT_EQ(Column("SELECT state FROM cluster_repairs WHERE cluster_id = $1"), "REFUSED") << "nobody refuses anything";
  AppendGarbage(head + 1);
  for (auto& [id, hsm] : world_.hardware.hsms) Refuse(hsm, head + 1);
  Request();
  EXPECT_EQ(Column("SELECT message FROM cluster_repairs WHERE cluster_id = $1"),
            "Record " + std::to_string(head + 1) + " was moved aside.");
  EXPECT_EQ(Column("SELECT state FROM cluster_repairs WHERE cluster_id = $1"), "DONE");
  EXPECT_EQ(Head(), head);
  EXPECT_EQ(Number("SELECT MAX(number) FROM cluster_log_aside WHERE cluster_id = $1"), head + 1);
}

TEST_F(RepairTest, RefusesWhereAnHsmHasTheRecordOrCannotBeAsked) {
  const std::int64_t head = Head();
  AppendGarbage(head + 1);
  auto& hsms = world_.hardware.hsms;
  Refuse(hsms.begin()->second, head + 1);  // and the other one has applied it: its head is the store's
  Request();
  EXPECT_NE(Column("SELECT message FROM cluster_repairs WHERE cluster_id = $1").find("has applied"), std::string::npos);
  EXPECT_EQ(Head(), head + 1);
  Refuse(std::next(hsms.begin())->second, head + 1);
  std::next(hsms.begin())->second.status.set_pending_number(static_cast<std::uint64_t>(head + 1));
  Request();
  EXPECT_NE(Column("SELECT message FROM cluster_repairs WHERE cluster_id = $1").find("does not know yet"),
            std::string::npos);
  world_.host->up = false;
  Request();
  EXPECT_NE(Column("SELECT message FROM cluster_repairs WHERE cluster_id = $1").find("cannot be asked"),
            std::string::npos);
  EXPECT_EQ(Column("SELECT state FROM cluster_repairs WHERE cluster_id = $1"), "REFUSED");
  EXPECT_EQ(Head(), head + 1);
}

}  // namespace
}  // namespace strongroom::cloudhsm
