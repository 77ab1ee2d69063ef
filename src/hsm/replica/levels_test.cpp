// HSMs of an older and a newer software in one cluster.
#include "hsm/replica/testing/test_cluster.h"

namespace strongroom::hsm::replica {
namespace {

using namespace testing;  // NOLINT: the test's own helpers

constexpr std::uint32_t kNew = kFeatureLevel, kOld = kLevelOfAdmissionRules - 1;

Decide Demand() {
  return [](const State& state) -> Result<Proposal> {
    SR_CHECK(RequireLevel(state, kLevelOfAdmissionRules));
    Proposal proposal;
    proposal.changes.emplace_back().mutable_admission_rule()->set_approval(true);
    return proposal;
  };
}

/// A domain cluster whose first HSM is old; the other one is of this software.
class LevelsTest : public ::testing::Test {
 protected:
  LevelsTest() : store(std::make_shared<MemoryStore>()), old(loop, store, "hsm-a"), fresh(loop, store, "hsm-b") {
    fresh.now_millis = old.now_millis;
    old.extra.feature_level = kOld;
  }
  void SetUp() override {
    ASSERT_TRUE(old.Open().ok());
    ASSERT_TRUE(fresh.Open().ok());
    const Status created = Await(loop, old.replica->CreateCluster(DomainCreation("hsm-a")));
    ASSERT_TRUE(created.ok()) << created.error();
    const Status joined = Join(loop, old, fresh);
    ASSERT_TRUE(joined.ok()) << joined.error();
  }
  Result<Bytes> Propose(TestHsm& hsm) {
    return Await(loop, hsm.replica->Change(nullptr, wire::Command::kSetAdmissionRule, Demand()));
  }
  Status CatchUp(TestHsm& hsm) { return Await(loop, hsm.replica->CatchUp(Reason::kForced)); }
  /// The background work, as it goes on every second.
  void Poll(TestHsm& hsm) {
    hsm.replica->Start();
    loop.restart();
    while (loop.poll_one() > 0) {
    }
  }
  Loop loop;
  std::shared_ptr<MemoryStore> store;
  TestHsm old, fresh;
};

TEST_F(LevelsTest, NothingNewIsWrittenUntilEveryMemberKnowsIt) {
  Poll(fresh);
  ASSERT_TRUE(CatchUp(old).ok());
  EXPECT_EQ(fresh.state().feature_level(), kOld);
  EXPECT_EQ(old.state().members().at("hsm-b").member.feature_level(), kNew);
  const std::uint64_t head = fresh.replica->head();
  EXPECT_EQ(Propose(fresh).error().code(), Errc::kUnsupported);
  EXPECT_EQ(fresh.replica->head(), head);
  ASSERT_TRUE(Await(loop, AddKeyTo(fresh, "key")).ok());
  ASSERT_TRUE(CatchUp(old).ok());
  EXPECT_TRUE(old.replica->serving()) << "both work together";
  EXPECT_EQ(old.state().Digest(), fresh.state().Digest());

  // The old one is updated: the level rises by itself.
  old.Kill();
  old.extra.feature_level = kNew;
  ASSERT_TRUE(old.Open().ok());
  Poll(old);
  EXPECT_EQ(old.state().feature_level(), kNew);
  ASSERT_TRUE(CatchUp(fresh).ok());
  EXPECT_EQ(fresh.state().feature_level(), kNew);
  ASSERT_TRUE(Propose(fresh).ok());
  ASSERT_TRUE(CatchUp(old).ok());
  EXPECT_EQ(old.state().Digest(), fresh.state().Digest());
  const std::size_t records = store->clusters[kClusterId].records.size();
  Poll(fresh);
  Poll(old);
  EXPECT_EQ(store->clusters[kClusterId].records.size(), records) << "nothing is written twice";

  // It cannot go back: what it would not understand may be in the log.
  old.Kill();
  old.extra.feature_level = kOld;
  EXPECT_FALSE(old.Open().ok() && old.replica->serving());
}

TEST_F(LevelsTest, TheSecretForMaterialIdsIsMadeOnceAllKnowIt) {
  const Decide make = [](const State& state) -> Result<Proposal> {
    Proposal proposal;
    if (state.material_id_secret() != nullptr) return proposal;
    SR_CHECK(RequireLevel(state, kLevelOfImports));
    SR_CHECK(AddMaterialIdSecret(proposal));
    return proposal;
  };
  const auto propose = [&](TestHsm& hsm) {
    return Await(loop, hsm.replica->Change(nullptr, wire::Command::kImportKey, make));
  };
  EXPECT_EQ(old.state().material_id_secret(), nullptr) << "the cluster began at an older level";
  EXPECT_EQ(propose(fresh).error().code(), Errc::kUnsupported);
  old.Kill();
  old.extra.feature_level = kNew;
  ASSERT_TRUE(old.Open().ok());
  Poll(fresh);
  Poll(old);
  ASSERT_TRUE(CatchUp(fresh).ok());
  ASSERT_TRUE(propose(fresh).ok());
  ASSERT_TRUE(propose(old).ok()) << "the other lost, and has the first one's";
  ASSERT_NE(old.state().material_id_secret(), nullptr);
  EXPECT_TRUE(old.state().material_id_secret()->EqualsInConstantTime(*fresh.state().material_id_secret()));
  EXPECT_EQ(old.state().Digest(), fresh.state().Digest());
  EXPECT_EQ(fresh.state().material_id_secret()->size(), 32U);
}

TEST_F(LevelsTest, TheLevelRisesWhenTheOldMemberIsRemoved) {
  Poll(fresh);
  EXPECT_EQ(fresh.state().feature_level(), kOld);
  ASSERT_TRUE(Await(loop, fresh.replica->RemoveMember("hsm-a")).ok());
  fresh.Kill();
  ASSERT_TRUE(fresh.Open().ok());
  Poll(fresh);
  EXPECT_EQ(fresh.state().feature_level(), kNew);
}

TEST_F(LevelsTest, AnOldHsmIsNotAdmittedToANewCluster) {
  old.Kill();
  old.extra.feature_level = kNew;
  ASSERT_TRUE(old.Open().ok());
  Poll(fresh);
  Poll(old);
  ASSERT_EQ(old.state().feature_level(), kNew);
  TestHsm third(loop, store, "hsm-c");
  third.now_millis = old.now_millis;
  third.extra.feature_level = kOld;
  ASSERT_TRUE(third.Open().ok());
  ASSERT_TRUE(Certify(loop, old, third).ok());
  const Status admitted = Await(loop, old.replica->AdmitMember(AdmissionOf(third)));
  EXPECT_EQ(admitted.error().code(), Errc::kUnsupported);
  EXPECT_EQ(old.replica->Members().size(), 2U);
}

TEST_F(LevelsTest, ATypeThatAnHsmDoesNotKnowStopsIt) {
  // Written by something that does not keep to the rule.
  proto::LogBatch batch;
  batch.set_written_millis(*old.now_millis);
  batch.add_changes()->mutable_feature_level()->set_level(kNew);
  const auto& records = store->clusters[kClusterId].records;
  const Head head{records.size(), HashOf(records.back())};
  store->clusters[kClusterId].records.push_back(
      *SealRecord(*old.replica->device().SecretOf(1), kClusterId, 1, head, {}, batch, {}));
  EXPECT_EQ(CatchUp(old).error().code(), Errc::kCorrupted);
  EXPECT_FALSE(old.replica->serving());
  EXPECT_NE(old.replica->LogProblem().find("update strongroom-hsm"), std::string::npos);
  EXPECT_TRUE(CatchUp(fresh).ok());
  EXPECT_TRUE(fresh.replica->serving());
}

}  // namespace
}  // namespace strongroom::hsm::replica
