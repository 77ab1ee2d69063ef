#include "hsm/replica/local_log.h"

#include "base/testing/temporary_directory.h"
#include "hsm/replica/testing/test_cluster.h"

namespace strongroom::hsm::replica {
namespace {

using testing::FileBytes;
using testing::WriteBytes;

const SecretBuffer& Secret() {
  static const SecretBuffer secret = std::move(*SecretBuffer::CopyOf(Bytes(32, 1)));
  return secret;
}

Bytes RecordAfter(const Head& head) {
  proto::LogBatch batch;
  batch.set_written_millis(static_cast<std::int64_t>(head.number));
  return std::move(*SealRecord(Secret(), "cluster-x", 1, head, {}, batch, {}));
}

Bytes SnapshotAt(const Head& head) {
  proto::SnapshotBody body;
  body.set_epoch(1);
  return std::move(*SealSnapshot(Secret(), "cluster-x", 1, head, {}, body, {}));
}

/// Appends `count` records, all but the last of `pending` acknowledged.
Head Fill(LocalLog& log, int count, Head head = {}, bool last_pending = false) {
  for (int i = 0; i < count; ++i) {
    const Bytes record = RecordAfter(head);
    EXPECT_TRUE(log.WriteAhead(head.number + 1, record).ok());
    if (i + 1 < count || !last_pending) {
      EXPECT_TRUE(log.Acknowledge().ok());
    }
    head = Head{head.number + 1, HashOf(record)};
  }
  return head;
}

TEST(LocalLog, RemembersRecordsAndMarks) {
  TemporaryDirectory directory;
  auto log = LocalLog::Open(directory.path());
  ASSERT_TRUE(log.ok());
  const Head head = Fill(*log, 4, {}, true);
  const auto again = LocalLog::Open(directory.path());
  ASSERT_TRUE(again.ok()) << again.error();
  EXPECT_EQ(again->first(), 1u);
  EXPECT_EQ(again->last(), 4u);
  EXPECT_EQ(again->pending(), 4u);
  EXPECT_TRUE(again->IsAcknowledged(3));
  EXPECT_EQ(again->HashAt(4), head.hash);
  EXPECT_EQ(HashOf(*again->Read(4)), head.hash);
  EXPECT_EQ(again->Read(5).error().code(), Errc::kNotFound);
}

TEST(LocalLog, CutsOffALostRace) {
  TemporaryDirectory directory;
  auto log = LocalLog::Open(directory.path());
  const Head two = Fill(*log, 2);
  const Bytes before = FileBytes(directory.path() / "log");
  Fill(*log, 1, two, true);
  EXPECT_EQ(log->WriteAhead(4, RecordAfter(two)).error().code(), Errc::kInternal);
  ASSERT_TRUE(log->CutOff().ok());
  EXPECT_EQ(FileBytes(directory.path() / "log"), before);
  Fill(*log, 1, two);
  EXPECT_EQ(LocalLog::Open(directory.path())->last(), 3u);
}

// A crash may cut the file anywhere in the last entry: all before it stays.
TEST(LocalLog, ATornTailIsCutOffWhereverItTears) {
  TemporaryDirectory directory;
  auto log = LocalLog::Open(directory.path());
  const Head two = Fill(*log, 2);
  const Bytes whole_before = FileBytes(directory.path() / "log");
  Fill(*log, 1, two, true);
  const Bytes whole = FileBytes(directory.path() / "log");
  for (std::size_t size = whole_before.size(); size < whole.size(); ++size) {
    Bytes torn(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    if (size % 2 == 0) torn.resize(whole.size());  // the file grew, its data never came
    WriteBytes(directory.path() / "log", torn);
    auto reopened = LocalLog::Open(directory.path());
    // Half a record and zeros behind it: of full length, and still no record.
    ASSERT_TRUE(reopened.ok()) << size << " " << reopened.error();
    if (reopened->pending()) continue;  // its head is whole; the seal shows that it is not
    EXPECT_EQ(reopened->last(), 2u) << size;
    EXPECT_EQ(FileBytes(directory.path() / "log"), torn) << "opening must not write";
    Fill(*reopened, 1, two);
    EXPECT_EQ(LocalLog::Open(directory.path())->last(), 3u);
  }
}

struct Row {
  std::string name;
  std::function<void(Bytes&)> damage;
  Errc want = Errc::kCorrupted;
};
class DamagedLog : public ::testing::TestWithParam<Row> {};
TEST_P(DamagedLog, StopsTheStartAndIsLeftAsItIs) {
  TemporaryDirectory directory;
  auto log = LocalLog::Open(directory.path());
  Fill(*log, 5);
  Bytes content = FileBytes(directory.path() / "log");
  GetParam().damage(content);
  WriteBytes(directory.path() / "log", content);
  const auto again = LocalLog::Open(directory.path());
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().code(), GetParam().want);
  EXPECT_EQ(FileBytes(directory.path() / "log"), content);
}
INSTANTIATE_TEST_SUITE_P(
    LocalLog, DamagedLog,
    ::testing::Values(Row{"NoMagic", [](Bytes& b) { b[0] = 'X'; }},
                      Row{"NewerVersion", [](Bytes& b) { b[3] = 9; }, Errc::kUnsupported},
                      Row{"HugeLength", [](Bytes& b) { b[4] = 0x7f; }},
                      Row{"ZeroLength", [](Bytes& b) { std::fill_n(b.begin() + 4, 4, std::uint8_t{0}); }},
                      Row{"UnknownKind", [](Bytes& b) { b[8] = 77; }},
                      Row{"FlippedRecord", [](Bytes& b) { b[200] ^= 1; }},
                      Row{"FirstRecordGone",
                          [](Bytes& b) { b.erase(b.begin() + 4, b.begin() + 4 + 4 + ((b[6] << 8) | b[7])); }}),
    [](const auto& info) { return info.param.name; });

TEST(LocalLog, CompactingKeepsHistoryAndGoesOn) {
  TemporaryDirectory directory;
  auto log = LocalLog::Open(directory.path());
  Head head = Fill(*log, 10);
  ASSERT_TRUE(log->Compact(SnapshotAt(head), 10, 3).ok());
  EXPECT_EQ(log->first(), 8u);
  EXPECT_EQ(log->records_since_snapshot(), 0u);
  head = Fill(*log, 2, head);
  const auto again = LocalLog::Open(directory.path());
  ASSERT_TRUE(again.ok()) << again.error();
  EXPECT_EQ(again->snapshot_number(), 10u);
  EXPECT_EQ(again->first(), 8u);
  EXPECT_EQ(again->last(), 12u);
  EXPECT_EQ(again->records_since_snapshot(), 2u);
  EXPECT_EQ(again->HashAt(12), head.hash);
}

TEST(LocalLog, ACrashBetweenSnapshotAndLogIsNoDamage) {
  TemporaryDirectory directory;
  auto log = LocalLog::Open(directory.path());
  const Head head = Fill(*log, 10);
  const Bytes old_log = FileBytes(directory.path() / "log");
  ASSERT_TRUE(log->Compact(SnapshotAt(head), 10, 0).ok());
  WriteBytes(directory.path() / "log", old_log);
  const auto again = LocalLog::Open(directory.path());
  ASSERT_TRUE(again.ok()) << again.error();
  EXPECT_EQ(again->last(), 10u);
  EXPECT_EQ(again->records_since_snapshot(), 0u);
}

TEST(LocalLog, ASnapshotOfAnotherHistoryIsRefused) {
  TemporaryDirectory directory;
  auto log = LocalLog::Open(directory.path());
  Fill(*log, 10);
  WriteBytes(directory.path() / "snapshot", SnapshotAt(Head{10, HashOf(AsBytes("another"))}));
  EXPECT_EQ(LocalLog::Open(directory.path()).error().code(), Errc::kCorrupted);
  WriteBytes(directory.path() / "snapshot", SnapshotAt(Head{11, HashOf(AsBytes("another"))}));
  EXPECT_EQ(LocalLog::Open(directory.path()).error().code(), Errc::kCorrupted);
}

}  // namespace
}  // namespace strongroom::hsm::replica
