// A store that was set back, that has what nobody can verify, or that tells another history.
#include "hsm/replica/testing/three_hsms.h"

namespace strongroom::hsm::replica {
namespace {

using namespace testing;  // NOLINT: the test's own helpers
using Side = proto::ChooseLogRequest;

class SetBackTest : public ThreeHsms {
 protected:
  Result<proto::ChooseLogReply> Choose(TestHsm& hsm, Side::Side side) {
    return Await(loop, hsm.replica->ChooseLog(side));
  }
  void AddAll(TestHsm& hsm, const std::string& prefix, int count) {
    for (int i = 0; i < count; ++i) ASSERT_TRUE(Add(hsm, prefix + std::to_string(i)).ok());
  }
  /// a and the store part: a has `mine` records that the store has not, which has `theirs` of b's instead.
  void Fork(int mine, int theirs) {
    ASSERT_TRUE(Add(a, "shared").ok());
    ExpectAllEqual(All());
    const MemoryStore backup = *store;
    AddAll(a, "mine", mine);
    *store = backup;
    AddAll(b, "theirs", theirs);
    ASSERT_EQ(CatchUp(a).error().code(), Errc::kStale);
  }
};

TEST_F(SetBackTest, EachHsmGivesBackWhatItHasBeyondTheOthers) {
  ASSERT_TRUE(Add(a, "kept").ok());
  ExpectAllEqual(All());
  const MemoryStore backup = *store;
  AddAll(a, "seen by b", 3);
  ASSERT_TRUE(CatchUp(b).ok());
  AddAll(a, "a's alone", 2);
  const auto digest = a.state().Digest();
  const std::size_t records = Records().size();
  for (const bool at_once : {false, true}) {
    *store = backup;
    if (at_once) {
      std::vector<std::optional<Status>> outcomes(3);
      std::size_t i = 0;
      for (TestHsm* hsm : {&c, &b, &a})
        boost::asio::co_spawn(loop, Into(hsm->replica->CatchUp(Reason::kForced), outcomes[i++]), boost::asio::detached);
      RunUntil(loop, [&] { return outcomes[0] && outcomes[1] && outcomes[2]; });
    } else {
      ASSERT_TRUE(CatchUp(c).ok());
      ASSERT_TRUE(CatchUp(b).ok());
      EXPECT_EQ(Records().size(), b.replica->head());
      ASSERT_TRUE(CatchUp(a).ok());
    }
    ExpectAllEqual(All());
    EXPECT_EQ(Records().size(), records);
    EXPECT_EQ(c.state().Digest(), digest);
  }
}

TEST_F(SetBackTest, AnOpenRecordIsSettledBehindWhatWasGivenBack) {
  const MemoryStore backup = *store;
  AddAll(a, "k", 4);
  a.link.silent = true;
  ASSERT_FALSE(Add(a, "open", ClientIdOf(1)).ok());
  *store = backup;
  a.link.silent = false;
  ASSERT_TRUE(Add(a, "after").ok());
  EXPECT_EQ(CountLabel(a.state(), "open"), 1);
  ExpectAllEqual(All());
}

TEST_F(SetBackTest, AnHsmThatHasTooLittleWaitsForOneThatHasMore) {
  c.Kill();
  c.extra.history_records = 1;
  c.extra.compact_after_records = 2;
  ASSERT_TRUE(c.Open().ok());
  const MemoryStore backup = *store;
  AddAll(a, "k", 9);
  ExpectAllEqual(All());
  *store = backup;
  EXPECT_EQ(CatchUp(c).error().code(), Errc::kStale);
  EXPECT_NE(c.replica->LogProblem().find("set back further"), std::string::npos);
  EXPECT_TRUE(c.replica->serving());
  ASSERT_TRUE(CatchUp(a).ok());
  ASSERT_TRUE(Add(c, "all is well").ok());
  EXPECT_EQ(c.replica->LogProblem(), "");
  ExpectAllEqual(All());
}

TEST_F(SetBackTest, AStoreThatRefusesAPlainAppendSaysWhy) {
  a.link.refusal = "Another HSM has records to give back first.";
  const auto refused = Add(a, "key");
  EXPECT_EQ(refused.error().code(), Errc::kUnavailable);
  EXPECT_EQ(refused.error().public_message(), a.link.refusal);
  a.link.refusal.clear();
  ASSERT_TRUE(Add(a, "key").ok());
  ExpectAllEqual(All());
}

TEST_F(SetBackTest, ARowThatNobodyCanVerifyIsNamedWithTheWayOut) {
  ASSERT_TRUE(Add(a, "key").ok());
  const std::uint64_t number = Records().size() + 1;
  const Bytes row(200, 'x');
  Records().push_back(row);
  Records().push_back(row);
  const auto refused = Add(a, "more");
  EXPECT_EQ(refused.error().code(), Errc::kStale);
  EXPECT_NE(refused.error().public_message().find("Record " + std::to_string(number)), std::string::npos);
  EXPECT_NE(refused.error().public_message().find("strongroom cluster repair-log"), std::string::npos);
  const proto::HsmStatus status = a.replica->HsmStatus();
  EXPECT_EQ(status.refused_number(), number);
  EXPECT_EQ(ToBytes(AsBytes(status.refused_hash())), ToBytes(HashOf(row)));
  EXPECT_EQ(status.message(), refused.error().public_message());
  EXPECT_EQ(Choose(a, Side::STORE).error().code(), Errc::kInvalidState) << "there is no fork to choose in";
  EXPECT_TRUE(a.replica->serving());
  Records().resize(number - 1);
  ASSERT_TRUE(Add(a, "more").ok());
  EXPECT_EQ(a.replica->HsmStatus().refused_number(), 0U);
  ExpectAllEqual(All());
}

// Two histories of one length: the number alone does not tell them apart.
TEST_F(SetBackTest, NothingIsAppendedBehindARecordOfAnotherHistory) {
  const MemoryStore backup = *store;
  ASSERT_TRUE(Add(a, "mine").ok());
  *store = backup;
  ASSERT_TRUE(Add(b, "theirs").ok());
  const std::size_t records = Records().size();
  ASSERT_EQ(a.replica->head(), records);
  EXPECT_FALSE(Add(a, "more of mine").ok());
  EXPECT_EQ(Records().size(), records);
  EXPECT_EQ(Add(a, "more of mine").error().code(), Errc::kStale) << "by now it knows";
  ASSERT_TRUE(Add(b, "more of theirs").ok());
}

TEST_F(SetBackTest, WithoutAForkThereIsNothingToChoose) {
  for (const auto side : {Side::THIS_HSM, Side::STORE}) EXPECT_EQ(Choose(a, side).error().code(), Errc::kInvalidState);
  a.link.away = true;
  EXPECT_EQ(Choose(a, Side::STORE).error().code(), Errc::kUnavailable);
}

class ChoiceTest : public SetBackTest, public ::testing::WithParamInterface<std::pair<int, int>> {};

TEST_P(ChoiceTest, OfThisHsmMakesItsLogTheStores) {
  const auto [mine, theirs] = GetParam();
  Fork(mine, theirs);
  const Bytes of_b = b.replica->Position();
  EXPECT_EQ(Choose(a, Side::SIDE_UNSPECIFIED).error().code(), Errc::kInvalidArgument);
  const auto chosen = Choose(a, Side::THIS_HSM);
  ASSERT_TRUE(chosen.ok()) << chosen.error();
  EXPECT_EQ(chosen->first_dropped(), RecordsAtFirst() + 2);
  EXPECT_EQ(CountLabel(a.state(), "mine" + std::to_string(mine - 1)), 1);
  EXPECT_TRUE(Await(loop, a.replica->WaitFor(of_b)).ok()) << "who has seen the other side is not locked out";
  EXPECT_EQ(store->clusters[kClusterId].set_aside.size(), static_cast<std::size_t>(theirs));
  ASSERT_TRUE(Add(a, "goes on").ok());
  // b has what was moved aside: it is the one that is forked now.
  EXPECT_EQ(CatchUp(b).error().code(), Errc::kStale);
  EXPECT_EQ(CountLabel(b.state(), "theirs0"), 1);
  ASSERT_TRUE(Choose(b, Side::STORE).ok());
  ExpectAllEqual(All());
  EXPECT_EQ(CountLabel(b.state(), "theirs0"), 0);
  ASSERT_TRUE(Add(b, "b as well").ok());
  KillAll();
  OpenAll();
  ExpectAllEqual(All());
}

TEST_P(ChoiceTest, OfTheStoreMakesThisHsmFollowIt) {
  const auto [mine, theirs] = GetParam();
  Fork(mine, theirs);
  const Bytes of_a = a.replica->Position(), of_b = b.replica->Position();
  EXPECT_TRUE(Await(loop, a.replica->WaitFor(of_b)).ok()) << "keys can be used while changes are stopped";
  const auto chosen = Choose(a, Side::STORE);
  ASSERT_TRUE(chosen.ok()) << chosen.error();
  EXPECT_EQ(chosen->first_dropped(), RecordsAtFirst() + 2);
  EXPECT_EQ(chosen->head(), Records().size());
  ExpectAllEqual(All());
  for (TestHsm* hsm : All()) EXPECT_TRUE(Await(loop, hsm->replica->WaitFor(of_a)).ok()) << hsm->hsm_id;
  EXPECT_EQ(CountLabel(a.state(), "mine0"), 0);
  ASSERT_TRUE(Add(a, "goes on").ok());
  KillAll();
  OpenAll();
  ExpectAllEqual(All());
}
INSTANTIATE_TEST_SUITE_P(Fork, ChoiceTest,
                         ::testing::Values(std::pair(1, 1), std::pair(5, 1), std::pair(1, 5), std::pair(9, 9)));

TEST_F(SetBackTest, TheChoiceOfTheStoreSurvivesADeathAtAnyChangeToAFile) {
  for (const bool compacted : {false, true}) {
    for (int changes = 0;; ++changes) {
      SCOPED_TRACE("death after " + std::to_string(changes) + " changes to files");
      ASSERT_LT(changes, 100);
      BeginAnew();
      if (compacted) {
        ASSERT_TRUE(Await(loop, b.replica->MakeSnapshot("daily", "backup-abcdefghijk")).ok());
      }
      Fork(3, 2);
      bool died = false;
      {
        DiskDeath death(a.directory.path(), changes, FileFate::kHalf);
        (void)Choose(a, Side::STORE);
        died = death.happened();
        a.Kill();
      }
      const Status opened = a.Open();
      ASSERT_TRUE(opened.ok()) << opened.error();
      if (!CatchUp(a).ok()) {
        const auto again = Choose(a, Side::STORE);
        ASSERT_TRUE(again.ok()) << again.error();
      }
      ExpectAllEqual(All());
      if (!died) break;
    }
  }
}

TEST_F(SetBackTest, AnHsmThatTheStoresSideRemovedIsNotLetIn) {
  const MemoryStore backup = *store;
  AddAll(a, "mine", 2);
  *store = backup;
  ASSERT_TRUE(Await(loop, b.replica->RemoveMember("hsm-a")).ok());
  const auto digest = a.state().Digest();
  ASSERT_EQ(CatchUp(a).error().code(), Errc::kStale);
  EXPECT_FALSE(Choose(a, Side::STORE).ok());
  EXPECT_EQ(a.state().Digest(), digest) << "nothing was changed";
  EXPECT_EQ(a.replica->device().SecretOf(2), nullptr);
}

TEST_F(SetBackTest, WhoDoesNotHaveTheForkAnyMoreCannotBeChosen) {
  a.Kill();
  a.extra.history_records = 1;
  a.extra.compact_after_records = 2;
  ASSERT_TRUE(a.Open().ok());
  Fork(9, 9);
  const MemoryStore before = *store;
  EXPECT_EQ(Choose(a, Side::THIS_HSM).error().code(), Errc::kInvalidState);
  EXPECT_EQ(Records(), before.clusters.at(kClusterId).records);
  ASSERT_TRUE(Choose(a, Side::STORE).ok());
  ExpectAllEqual(All());
}

}  // namespace
}  // namespace strongroom::hsm::replica
