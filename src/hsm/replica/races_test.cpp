// What a lost race costs, and what it leaves on disk.
#include "hsm/replica/files.h"
#include "hsm/replica/testing/test_cluster.h"

namespace strongroom::hsm::replica {
namespace {

using namespace testing;  // NOLINT: the test's own helpers

class Races : public ClusterTest {
 protected:
  ~Races() override { SetFileGate({}); }
  void SetUp() override {
    ClusterTest::SetUp();
    ASSERT_TRUE(Add(b, "the first one, for which b makes its file").ok());
  }
  /// Counts b's syncs from now on.
  void Count() {
    syncs = 0;
    SetFileGate([this](FileStep step, const std::filesystem::path& path) {
      if (path.parent_path() == b.directory.path() && step == FileStep::kSync) ++syncs;
      return FileFate::kDone;
    });
  }
  void Reopen() {
    b.Kill();
    ASSERT_TRUE(b.Open().ok());
  }
  int syncs = 0;
};

TEST_F(Races, WhatWasLostToIsSyncedWithTheNextRecord) {
  ASSERT_TRUE(Add(a, "first").ok());
  ASSERT_TRUE(Add(a, "second").ok());
  Count();
  ASSERT_TRUE(Add(b, "third").ok());
  EXPECT_EQ(syncs, 2) << "the record that lost, and the one that stands";
  ExpectEqual();
  Reopen();
  ExpectEqual();
}

TEST_F(Races, WhatWasLostToIsSyncedAlsoWhenNothingFollows) {
  ASSERT_TRUE(Add(a, "same").ok());
  Count();
  EXPECT_EQ(Add(b, "same").error().code(), Errc::kAlreadyExists);
  EXPECT_EQ(syncs, 2) << "the record that lost, and what it lost to";
  Reopen();
  EXPECT_EQ(b.state().Digest(), a.state().Digest());
}

// The record that lost was synced, what took its place was not: after a power cut it may be there again.
TEST_F(Races, ALostRecordThatIsBackOnDiskIsCutOffAgain) {
  b.die_at = Step::kWrittenAhead;
  EXPECT_FALSE(Add(b, "lost").ok());
  b.Kill();
  const Bytes before = FileBytes(b.directory.path() / "log");
  ASSERT_TRUE(Add(a, "won").ok());
  ASSERT_TRUE(b.Open().ok());
  ASSERT_TRUE(Add(b, "after").ok());
  b.Kill();
  WriteBytes(b.directory.path() / "log", before);
  ASSERT_TRUE(b.Open().ok());
  ExpectEqual();
  EXPECT_EQ(CountLabel(b.state(), "lost"), 0);
  EXPECT_EQ(CountLabel(b.state(), "after"), 1);
}

TEST_F(Races, ANoticeOfWhatALostRaceBroughtIsNoReasonToRead) {
  b.replica->Start();
  RunUntil(loop, [&] { return b.link.reads > 0; });
  ASSERT_TRUE(Add(a, "first").ok());
  const int before = b.link.reads;
  std::optional<Result<Bytes>> outcome;
  boost::asio::co_spawn(loop, Into(AddKeyTo(b, "second"), outcome), boost::asio::detached);
  RunUntil(loop, [&] { return b.link.offers > 0; });
  proto::LogNotice notice;
  notice.set_cluster_id(a.state().identity().cluster_id);
  notice.set_head(a.replica->head());
  b.replica->OnLogNotice(notice);
  RunUntil(loop, [&] { return outcome.has_value(); });
  loop.restart();
  loop.poll();
  ASSERT_TRUE(outcome->ok());
  EXPECT_EQ(b.link.reads, before);
  ASSERT_TRUE(Add(a, "third").ok());
  notice.set_head(a.replica->head());
  b.replica->OnLogNotice(notice);
  RunUntil(loop, [&] { return b.replica->head() == a.replica->head(); });
  EXPECT_GT(b.link.reads, before);
}

}  // namespace
}  // namespace strongroom::hsm::replica
