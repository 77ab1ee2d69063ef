// An HSM is removed, and a process dies at each change to a file on the way. Whatever was on disk then, every remaining
// member starts again and serves, and the removed one has nothing.
#include "hsm/replica/testing/three_hsms.h"

namespace strongroom::hsm::replica {
namespace {

using namespace testing;  // NOLINT: the test's own helpers

struct RemovalRow {
  std::string name;
  enum class Dies { kWriter, kFollower, kLeaver, kZeroised } dies;
  FileFate last_write;
  bool compacts;  // a snapshot is written with every record
};

std::vector<RemovalRow> RemovalRows() {
  using Dies = RemovalRow::Dies;
  std::vector<RemovalRow> rows;
  const std::pair<std::string, Dies> roles[] = {{"Writer", Dies::kWriter},
                                                {"Follower", Dies::kFollower},
                                                {"Leaver", Dies::kLeaver},
                                                {"Zeroised", Dies::kZeroised}};
  for (const auto& [name, dies] : roles) {
    rows.push_back({name + "InTheWrite", dies, FileFate::kHalf, false});
    rows.push_back({name + "BeforeTheWriteWithSnapshots", dies, FileFate::kNot, true});
  }
  return rows;
}

class Removal : public ThreeHsms, public ::testing::WithParamInterface<RemovalRow> {
 protected:
  TestHsm& Victim() {
    switch (GetParam().dies) {
      case RemovalRow::Dies::kWriter: return a;
      case RemovalRow::Dies::kFollower: return b;
      default: return c;
    }
  }
  /// What the one who may die does; what comes before it has been done in peace.
  void Prepare() {
    if (GetParam().dies == RemovalRow::Dies::kWriter) return;
    ASSERT_TRUE(Await(loop, a.replica->RemoveMember("hsm-c")).ok());
    if (GetParam().dies == RemovalRow::Dies::kZeroised) (void)CatchUp(b);
  }
  void Act() {
    switch (GetParam().dies) {
      case RemovalRow::Dies::kWriter: (void)Await(loop, a.replica->RemoveMember("hsm-c")); break;
      case RemovalRow::Dies::kFollower: (void)CatchUp(b); break;
      case RemovalRow::Dies::kLeaver: (void)CatchUp(c); break;
      case RemovalRow::Dies::kZeroised: (void)Await(loop, c.replica->Zeroize()); break;
    }
  }
  void ExpectRemoved() {
    ASSERT_TRUE(Await(loop, a.replica->RemoveMember("hsm-c")).ok());
    ExpectAllEqual({&a, &b});
    EXPECT_EQ(a.state().epoch(), 2U);
    EXPECT_EQ(a.state().members().size(), 2U);
    EXPECT_TRUE(Add(a, "a" + std::to_string(round_)).ok());
    EXPECT_TRUE(Add(b, "b" + std::to_string(round_++)).ok());
    (void)CatchUp(c);
    EXPECT_FALSE(c.replica->serving());
    EXPECT_TRUE(c.replica->device().secrets().empty());
    EXPECT_FALSE(std::filesystem::exists(c.directory.path() / "log"));
    EXPECT_FALSE(std::filesystem::exists(c.directory.path() / "snapshot"));
    EXPECT_FALSE(c.replica->LogProblem().empty()) << "it says why";
  }
  int round_ = 0;
};

TEST_P(Removal, LeavesEveryRemainingMemberAbleToStart) {
  if (GetParam().compacts) {
    for (TestHsm* hsm : All()) hsm->extra.compact_after_records = 1;
  }
  for (int changes = 0;; ++changes) {
    SCOPED_TRACE("death after " + std::to_string(changes) + " changes to files");
    ASSERT_LT(changes, 100);
    BeginAnew();
    Prepare();
    bool died = false;
    {
      DiskDeath death(Victim().directory.path(), changes, GetParam().last_write);
      Act();
      died = death.happened();
      Victim().Kill();
    }
    KillAll();
    OpenAll();
    if (HasFatalFailure()) return;
    ExpectRemoved();
    KillAll();
    OpenAll();
    if (HasFatalFailure()) return;
    ExpectRemoved();
    const auto proof = Await(loop, c.replica->Zeroize());
    ASSERT_TRUE(proof.ok()) << proof.error();
    EXPECT_FALSE(proof->statement().empty());
    for (const auto& entry : std::filesystem::directory_iterator(c.directory.path()))
      EXPECT_EQ(entry.path().filename(), "zeroised") << "half-written files go, too";
    if (!died) break;
  }
}
INSTANTIATE_TEST_SUITE_P(Replica, Removal, ::testing::ValuesIn(RemovalRows()),
                         [](const auto& tested) { return tested.param.name; });

// The disk works again after one failure, without a restart: nothing on disk may run ahead of device.sealed.
TEST_F(ThreeHsms, AFailedWriteInARemovalIsMadeGoodByTheNextCatchUp) {
  for (int changes = 0;; ++changes) {
    SCOPED_TRACE("failure of change " + std::to_string(changes));
    ASSERT_LT(changes, 100);
    BeginAnew();
    ASSERT_TRUE(Await(loop, a.replica->RemoveMember("hsm-c")).ok());
    bool failed = false;
    int seen = 0;
    SetFileGate([&](FileStep, const std::filesystem::path& path) {
      if (path != b.directory.path() && path.parent_path() != b.directory.path()) return FileFate::kDone;
      if (seen++ != changes) return FileFate::kDone;
      failed = true;
      return FileFate::kNot;
    });
    (void)CatchUp(b);
    SetFileGate({});
    ExpectAllEqual({&a, &b});
    ASSERT_TRUE(Add(b, "after").ok());
    KillAll();
    OpenAll();
    ExpectAllEqual({&a, &b});
    if (!failed) break;
  }
}

}  // namespace
}  // namespace strongroom::hsm::replica
