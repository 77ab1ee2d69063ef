#include "hsm/replica/replica.h"

#include <sys/resource.h>

#include <csignal>

#include "hsm/replica/testing/test_cluster.h"

namespace strongroom::hsm::replica {
namespace {

using namespace testing;  // NOLINT: the test's own helpers

class ReplicaTest : public ClusterTest {
 protected:
  /// Begins a change without waiting for it.
  void Begin(TestHsm& hsm, const std::string& label, std::optional<Result<Bytes>>& out) {
    boost::asio::co_spawn(loop, Into(AddKeyTo(hsm, label), out), boost::asio::detached);
  }
};

TEST_F(ReplicaTest, AChangeIsSeenByTheOtherAndAfterARestart) {
  const auto added = Add(a, "one");
  ASSERT_TRUE(added.ok()) << added.error();
  EXPECT_EQ(AsText(*added), "1");
  ExpectEqual();
  const auto digest = a.state().Digest();
  a.Kill();
  ASSERT_TRUE(a.Open().ok());
  EXPECT_EQ(a.state().Digest(), digest);
  EXPECT_TRUE(a.replica->serving());
  EXPECT_EQ(a.replica->Position(), b.replica->Position());
}

TEST_F(ReplicaTest, RacingHsmsEndEqualWithEveryChangeOnce) {
  constexpr int kEach = 40;
  std::vector<std::optional<Result<Bytes>>> outcomes(2 * kEach);
  for (int i = 0; i < kEach; ++i) {
    Begin(a, "a" + std::to_string(i), outcomes[static_cast<std::size_t>(2 * i)]);
    Begin(b, "b" + std::to_string(i), outcomes[static_cast<std::size_t>(2 * i + 1)]);
    if (i % 5 == 0) RunUntil(loop, [&] { return outcomes[static_cast<std::size_t>(i)].has_value(); });
  }
  RunUntil(loop, [&] { return std::all_of(outcomes.begin(), outcomes.end(), [](auto& o) { return o.has_value(); }); });
  ExpectEqual();
  for (int i = 0; i < kEach; ++i) {
    EXPECT_EQ(CountLabel(a.state(), "a" + std::to_string(i)), 1);
    EXPECT_EQ(CountLabel(b.state(), "b" + std::to_string(i)), 1);
  }
  for (auto& outcome : outcomes) EXPECT_TRUE(outcome->ok());
}

TEST_F(ReplicaTest, ManyChangesShareRecords) {
  const std::uint64_t before = a.replica->head();
  std::vector<std::optional<Result<Bytes>>> outcomes(100);
  for (std::size_t i = 0; i < outcomes.size(); ++i) Begin(a, "k" + std::to_string(i), outcomes[i]);
  RunUntil(loop, [&] { return std::all_of(outcomes.begin(), outcomes.end(), [](auto& o) { return o.has_value(); }); });
  EXPECT_EQ(a.state().keys().size(), outcomes.size());
  EXPECT_LE(a.replica->head() - before, 3u);
}

TEST_F(ReplicaTest, OfTwoWhoWantOneNameOneGetsIt) {
  std::optional<Result<Bytes>> from_a, from_b;
  Begin(a, "same", from_a);
  Begin(b, "same", from_b);
  RunUntil(loop, [&] { return from_a && from_b; });
  EXPECT_NE(from_a->ok(), from_b->ok());
  const auto& loser = from_a->ok() ? *from_b : *from_a;
  EXPECT_EQ(loser.error().code(), Errc::kAlreadyExists);
  ExpectEqual();
  EXPECT_EQ(CountLabel(a.state(), "same"), 1);
}

TEST_F(ReplicaTest, ANegativeAnswerIsGivenOnlyAfterCatchingUp) {
  ASSERT_TRUE(Add(a, "made on a").ok());
  EXPECT_EQ(b.state().keys().size(), 0u);
  Decide remove = [](const State& state) -> Result<Proposal> {
    if (!state.FindKey(1)) return Error(Errc::kNotFound, "No such key.");
    Proposal proposal;
    proposal.changes.emplace_back().mutable_key_removed()->set_handle(1);
    return proposal;
  };
  EXPECT_TRUE(Await(loop, b.replica->Change(nullptr, wire::Command::kDestroyKey, remove)).ok());
  EXPECT_EQ(Await(loop, b.replica->Change(nullptr, wire::Command::kDestroyKey, remove)).error().code(),
            Errc::kNotFound);
  b.link.away = true;
  EXPECT_EQ(Await(loop, b.replica->Change(nullptr, wire::Command::kDestroyKey, remove)).error().code(),
            Errc::kUnavailable)
      << "nobody can say now";
}

TEST_F(ReplicaTest, AnImpossibleProposalHurtsNobodyElse) {
  std::optional<Result<Bytes>> first, last;
  Begin(a, "first", first);
  Decide nonsense = [](const State&) -> Result<Proposal> {
    Proposal proposal;
    proposal.changes.emplace_back().mutable_user_removed()->set_id(999);
    return proposal;
  };
  std::optional<Result<Bytes>> middle;
  boost::asio::co_spawn(loop, Into(a.replica->Change(nullptr, wire::Command::kDeleteUser, nonsense), middle),
                        boost::asio::detached);
  Begin(a, "last", last);
  RunUntil(loop, [&] { return first && middle && last; });
  EXPECT_TRUE(first->ok());
  EXPECT_EQ(middle->error().code(), Errc::kInternal);
  EXPECT_TRUE(last->ok());
  ExpectEqual();
}

TEST_F(ReplicaTest, ARepeatGetsTheOldAnswerOnAnyHsm) {
  const auto client = ClientIdOf(1);
  const auto first = Add(a, "once", client);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(*Add(a, "once", client), *first);
  EXPECT_EQ(*Add(b, "once", client), *first);
  EXPECT_FALSE(Add(b, "once", ClientIdOf(2)).ok());
  ExpectEqual();
  *a.now_millis += kRememberedMillis + 1;
  ASSERT_TRUE(Add(a, "later").ok());
  EXPECT_EQ(Add(a, "once", client).error().code(), Errc::kAlreadyExists) << "remembered for ten minutes only";
}

TEST_F(ReplicaTest, AClockThatRunsBackwardsDoesNotStopChanges) {
  *a.now_millis -= 3'600'000;
  ASSERT_TRUE(Add(a, "earlier").ok());
  ExpectEqual();
}

TEST_F(ReplicaTest, ARestartWithTheStoreAwayServesWhatIsKnown) {
  ASSERT_TRUE(Add(a, "key").ok());
  a.Kill();
  a.link.silent = true;
  ASSERT_TRUE(a.Open().ok());
  a.replica->Start();
  EXPECT_FALSE(CatchUp(a).ok());
  EXPECT_TRUE(a.replica->serving());
  EXPECT_EQ(CountLabel(a.state(), "key"), 1);
  EXPECT_EQ(Add(a, "more").error().code(), Errc::kUnavailable);
  a.link.silent = false;
  EXPECT_TRUE(Add(a, "more").ok());
  ExpectEqual();
}

class LostAnswers : public ReplicaTest, public ::testing::WithParamInterface<int> {};
TEST_P(LostAnswers, AreSettledAndARepeatDoesNothingTwice) {
  const auto client = ClientIdOf(7);
  a.link.lose_answers = GetParam();
  const auto first = Add(a, "key", client);
  if (!first.ok()) {
    EXPECT_EQ(first.error().code(), Errc::kUnavailable);
    EXPECT_EQ(first.error().public_message().find("nothing was changed"), std::string::npos) << "it may have been";
    EXPECT_FALSE(a.replica->changes_possible());
  }
  const auto repeated = Add(b, "key", client);
  ASSERT_TRUE(repeated.ok()) << repeated.error();
  a.link.lose_answers = 0;
  ExpectEqual();
  EXPECT_EQ(CountLabel(a.state(), "key"), 1);
  EXPECT_EQ(*Add(a, "key", client), *repeated);
}
INSTANTIATE_TEST_SUITE_P(Replica, LostAnswers, ::testing::Range(1, 6));

TEST_F(ReplicaTest, AStoreThatIsAwayRefusesChangesWithNothingDone) {
  a.link.away = true;
  const Bytes log = FileBytes(a.directory.path() / "log");
  for (int i = 0; i < 3; ++i) {
    const auto refused = Add(a, "key");
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code(), Errc::kUnavailable);
    EXPECT_EQ(refused.error().public_message(), "The cluster's log cannot be reached; nothing was changed. Try again.");
  }
  EXPECT_EQ(FileBytes(a.directory.path() / "log"), log);
  EXPECT_EQ(a.link.offers, 1) << "while the store is known to be away, nothing is offered";
  EXPECT_TRUE(a.replica->serving());
  EXPECT_FALSE(a.replica->changes_possible());
  a.link.away = false;
  ASSERT_TRUE(Add(a, "key").ok());
  EXPECT_TRUE(a.replica->changes_possible());
  ExpectEqual();
}

// Nobody can tell whether the offer arrived, so its number is occupied before anything else happens.
TEST_F(ReplicaTest, AnOpenOutcomeIsSettledByOccupyingTheNumber) {
  a.link.silent = true;
  EXPECT_EQ(Add(a, "open", ClientIdOf(1)).error().code(), Errc::kUnavailable);
  EXPECT_EQ(Add(a, "next").error().code(), Errc::kUnavailable);
  a.link.silent = false;
  ASSERT_TRUE(Add(a, "after").ok());
  EXPECT_EQ(CountLabel(a.state(), "open"), 1);
  EXPECT_EQ(CountLabel(a.state(), "next"), 0);
  ExpectEqual();
}

TEST_F(ReplicaTest, AnOpenOutcomeThatLostItsRaceIsCutOff) {
  a.link.silent = true;
  EXPECT_FALSE(Add(a, "open").ok());
  ASSERT_TRUE(Add(b, "faster").ok());
  a.link.silent = false;
  ExpectEqual();
  EXPECT_EQ(CountLabel(a.state(), "open"), 0);
  EXPECT_EQ(CountLabel(a.state(), "faster"), 1);
}

class Crash : public ReplicaTest, public ::testing::WithParamInterface<std::tuple<Step, bool>> {};
TEST_P(Crash, LeavesTheChangeWholeOrAbsent) {
  const auto [step, other_writes] = GetParam();
  const auto client = ClientIdOf(3);
  a.die_at = step;
  EXPECT_EQ(Add(a, "key", client).error().code(), Errc::kCancelled);
  a.Kill();
  if (other_writes) {
    ASSERT_TRUE(Add(b, "other").ok());
  }
  ASSERT_TRUE(a.Open().ok());
  ExpectEqual();
  const auto repeated = Add(a, "key", client);
  ASSERT_TRUE(repeated.ok()) << repeated.error();
  ExpectEqual();
  EXPECT_EQ(CountLabel(a.state(), "key"), 1);
  EXPECT_EQ(CountLabel(a.state(), "other"), other_writes ? 1 : 0);
}
INSTANTIATE_TEST_SUITE_P(Replica, Crash,
                         ::testing::Combine(::testing::Values(Step::kDecided, Step::kWrittenAhead, Step::kOffered,
                                                              Step::kMarked, Step::kApplied),
                                            ::testing::Bool()));

TEST_F(ReplicaTest, ALastRecordThatWasNotWrittenWholeIsCutOff) {
  a.die_at = Step::kWrittenAhead;
  EXPECT_FALSE(Add(a, "key").ok());
  a.Kill();
  Bytes log = FileBytes(a.directory.path() / "log");
  std::fill(log.end() - 40, log.end(), std::uint8_t{0});
  WriteBytes(a.directory.path() / "log", log);
  ASSERT_TRUE(a.Open().ok());
  ExpectEqual();
  EXPECT_EQ(CountLabel(a.state(), "key"), 0);
}

TEST_F(ReplicaTest, DamageInTheMiddleStopsTheStart) {
  ASSERT_TRUE(Add(a, "key").ok());
  a.Kill();
  Bytes log = FileBytes(a.directory.path() / "log");
  log[log.size() / 2] ^= 1;
  WriteBytes(a.directory.path() / "log", log);
  const Status opened = a.Open();
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code(), Errc::kCorrupted);
  EXPECT_EQ(FileBytes(a.directory.path() / "log"), log);
}

TEST_F(ReplicaTest, ALogWithoutItsDeviceFileStopsTheStart) {
  a.Kill();
  std::filesystem::remove(a.directory.path() / "device.sealed");
  EXPECT_EQ(a.Open().error().code(), Errc::kCorrupted);
}

TEST_F(ReplicaTest, AFullDiskRefusesTheChangeWithNothingHalfDone) {
  ASSERT_TRUE(Add(a, "before").ok());
  const int offers = a.link.offers;
  const Bytes log = FileBytes(a.directory.path() / "log");
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  const auto old_handler = ::signal(SIGXFSZ, SIG_IGN);
  const rlimit tight{log.size() + 100, old.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  const auto refused = Add(a, "full");
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
  ::signal(SIGXFSZ, old_handler);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Errc::kResourceExhausted);
  EXPECT_EQ(a.link.offers, offers);
  EXPECT_EQ(FileBytes(a.directory.path() / "log"), log);
  EXPECT_EQ(CountLabel(a.state(), "full"), 0);
  ASSERT_TRUE(Add(a, "after").ok());
  ExpectEqual();
}

TEST_F(ReplicaTest, SnapshotAndLogEqualTheLogAlone) {
  a.Kill();
  a.extra.compact_after_records = 8;
  a.extra.history_records = 4;
  ASSERT_TRUE(a.Open().ok());
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(Add(a, "k" + std::to_string(i), ClientIdOf(100)).ok());
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(Add(a, "l" + std::to_string(i)).ok());
  ExpectEqual();
  EXPECT_TRUE(std::filesystem::exists(a.directory.path() / "snapshot"));
  EXPECT_LT(std::filesystem::file_size(a.directory.path() / "log"),
            std::filesystem::file_size(b.directory.path() / "log"));
  const auto digest = a.state().Digest();
  a.Kill();
  ASSERT_TRUE(a.Open().ok());
  EXPECT_EQ(a.state().Digest(), digest);
  ASSERT_TRUE(Add(a, "last").ok());
  ExpectEqual();
}

TEST_F(ReplicaTest, AnHsmThatIsDestroyedWhileItWaitsTellsTheWaiting) {
  std::optional<Result<Bytes>> outcome;
  Begin(a, "key", outcome);
  RunUntil(loop, [&] { return a.link.offers > 0; });
  a.replica.reset();
  RunUntil(loop, [&] { return outcome.has_value(); });
  EXPECT_EQ(outcome->error().code(), Errc::kCancelled);
  ASSERT_TRUE(a.Open().ok());
  ExpectEqual();
}

TEST_F(ReplicaTest, APositionBringsTheOtherHsmUpToDate) {
  ASSERT_TRUE(Add(a, "key").ok());
  const Bytes position = a.replica->Position();
  EXPECT_EQ(position.size(), 65u);
  EXPECT_TRUE(a.replica->HasReached(position));
  EXPECT_FALSE(b.replica->HasReached(position));
  ASSERT_TRUE(Await(loop, b.replica->WaitFor(position)).ok());
  EXPECT_EQ(CountLabel(b.state(), "key"), 1);
  EXPECT_TRUE(b.replica->HasReached(position));
  ASSERT_TRUE(Add(b, "more").ok());
  EXPECT_TRUE(Await(loop, b.replica->WaitFor(position)).ok()) << "an older position has been reached, too";
}

TEST_F(ReplicaTest, AForgedPositionIsStale) {
  ASSERT_TRUE(Add(a, "key").ok());
  const Bytes position = a.replica->Position();
  for (std::size_t i = 0; i < position.size(); ++i) {
    Bytes forged = position;
    forged[i] ^= 1;
    const Status waited = Await(loop, b.replica->WaitFor(forged));
    ASSERT_FALSE(waited.ok()) << "byte " << i;
    EXPECT_EQ(waited.error().code(), Errc::kStale);
  }
  for (const std::size_t size : {std::size_t{1}, std::size_t{64}, std::size_t{66}}) {
    Bytes wrong = position;
    wrong.resize(size);
    EXPECT_EQ(Await(loop, b.replica->WaitFor(wrong)).error().code(), Errc::kStale);
  }
}

TEST_F(ReplicaTest, APositionThatCannotBeReachedNowIsUnavailable) {
  ASSERT_TRUE(Add(a, "key").ok());
  b.link.away = true;
  EXPECT_EQ(Await(loop, b.replica->WaitFor(a.replica->Position())).error().code(), Errc::kUnavailable);
  EXPECT_TRUE(b.replica->serving());
}

TEST_F(ReplicaTest, ANoticeBringsTheNewRecordsWithoutWaitingForThePoll) {
  b.replica->Start();
  ASSERT_TRUE(Add(a, "key").ok());
  proto::LogNotice notice;
  notice.set_cluster_id(kClusterId);
  notice.set_head(a.replica->head());
  b.replica->OnLogNotice(notice);
  RunUntil(loop, [&] { return b.replica->head() == a.replica->head(); });
  EXPECT_EQ(CountLabel(b.state(), "key"), 1);
}

}  // namespace
}  // namespace strongroom::hsm::replica
