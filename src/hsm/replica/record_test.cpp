#include "hsm/replica/record.h"

#include <gtest/gtest.h>

#include "secret/peek_for_tests.h"

namespace strongroom::hsm::replica {
namespace {

SecretBuffer SecretOf(std::uint8_t fill) { return std::move(*SecretBuffer::CopyOf(Bytes(32, fill))); }

struct Made {
  SecretBuffer secret = SecretOf(1);
  Head head{4, HashOf(AsBytes("record four"))};
  Bytes record;
};

Made Make() {
  Made made;
  proto::ClearPart clear;
  clear.add_wrapped()->set_recipient("hsm-a");
  proto::LogBatch batch;
  batch.set_written_millis(77);
  batch.add_changes()->mutable_key_put()->set_segment(1);
  Segments segments{Share(SecretOf(8)), Share(SecretOf(9))};
  auto sealed = SealRecord(made.secret, "cluster-x", 2, made.head, clear, batch, segments);
  EXPECT_TRUE(sealed.ok());
  made.record = std::move(*sealed);
  return made;
}

TEST(Record, ComesBackAsItWasSealed) {
  const Made made = Make();
  const auto envelope = ParseRecord(made.record);
  ASSERT_TRUE(envelope.ok()) << envelope.error();
  EXPECT_EQ(envelope->number, 5u);
  EXPECT_EQ(envelope->epoch, 2u);
  EXPECT_EQ(envelope->clear.wrapped(0).recipient(), "hsm-a");
  EXPECT_TRUE(CheckFollows(*envelope, made.head, 2).ok());
  const auto body = OpenRecord(*envelope, made.secret, "cluster-x");
  ASSERT_TRUE(body.ok()) << body.error();
  EXPECT_EQ(body->batch.written_millis(), 77);
  ASSERT_EQ(body->segments.size(), 2u);
  EXPECT_EQ(secret::Peek::At(*body->segments[1])[0], 9);
}

TEST(Record, TwoSealingsOfTheSameAreDifferent) { EXPECT_NE(Make().record, Make().record); }

TEST(Record, KeyMaterialDoesNotStandInTheRecord) {
  const Made made = Make();
  const Bytes material(16, 8);
  EXPECT_EQ(std::search(made.record.begin(), made.record.end(), material.begin(), material.end()), made.record.end());
}

// Whatever single bit changes, the record is refused somewhere.
TEST(Record, EveryFlippedBitIsRefused) {
  const Made made = Make();
  for (std::size_t i = 0; i < made.record.size(); ++i) {
    Bytes forged = made.record;
    forged[i] ^= 1;
    const auto envelope = ParseRecord(forged);
    if (!envelope.ok()) continue;
    if (!CheckFollows(*envelope, made.head, 2).ok()) continue;
    const auto opened = OpenRecord(*envelope, made.secret, "cluster-x");
    ASSERT_FALSE(opened.ok()) << "byte " << i;
    EXPECT_EQ(opened.error().code(), Errc::kCorrupted);
  }
}

TEST(Record, EveryTruncationIsRefused) {
  const Made made = Make();
  for (std::size_t size = 0; size < made.record.size(); ++size)
    EXPECT_FALSE(ParseRecord(ByteView(made.record).first(size)).ok()) << size;
  Bytes longer = made.record;
  longer.push_back(0);
  EXPECT_FALSE(ParseRecord(longer).ok());
}

TEST(Record, AnotherVersionIsNamed) {
  Made made = Make();
  made.record[3] = 2;
  EXPECT_EQ(ParseRecord(made.record).error().code(), Errc::kUnsupported);
}

struct Place {
  std::string name;
  std::uint8_t secret;
  std::string cluster;
  Head head;
  std::uint64_t epoch;
};
class WrongPlace : public ::testing::TestWithParam<Place> {};
TEST_P(WrongPlace, IsRefused) {
  const Made made = Make();
  const auto envelope = ParseRecord(made.record);
  ASSERT_TRUE(envelope.ok());
  const Place& place = GetParam();
  const bool follows = CheckFollows(*envelope, place.head, place.epoch).ok();
  EXPECT_FALSE(follows && OpenRecord(*envelope, SecretOf(place.secret), place.cluster).ok());
}
INSTANTIATE_TEST_SUITE_P(
    Record, WrongPlace,
    ::testing::Values(Place{"OtherSecret", 2, "cluster-x", {4, HashOf(AsBytes("record four"))}, 2},
                      Place{"OtherCluster", 1, "cluster-y", {4, HashOf(AsBytes("record four"))}, 2},
                      Place{"OtherEpoch", 1, "cluster-x", {4, HashOf(AsBytes("record four"))}, 3},
                      Place{"Replayed", 1, "cluster-x", {5, HashOf(AsBytes("record five"))}, 2},
                      Place{"TooEarly", 1, "cluster-x", {3, HashOf(AsBytes("record three"))}, 2},
                      Place{"OtherHistory", 1, "cluster-x", {4, HashOf(AsBytes("another four"))}, 2}),
    [](const auto& info) { return info.param.name; });

TEST(Record, OneThatIsTooLargeIsRefusedBeforeItIsOffered) {
  proto::LogBatch batch;
  batch.add_changes()->set_answer(std::string(kMaxRecordBytes, 'x'));
  EXPECT_EQ(SealRecord(SecretOf(1), "c", 1, {}, {}, batch, {}).error().code(), Errc::kRequestTooLarge);
}

TEST(Snapshot, ComesBackAndEveryFlippedBitIsRefused) {
  proto::SnapshotBody body;
  body.set_epoch(2);
  body.set_next_handle(9);
  const Head head{12, HashOf(AsBytes("twelve"))};
  Segments segments{Share(SecretOf(8))};
  const auto snapshot = SealSnapshot(SecretOf(1), "cluster-x", 2, head, {}, body, segments);
  ASSERT_TRUE(snapshot.ok());
  const auto envelope = ParseSnapshot(*snapshot);
  ASSERT_TRUE(envelope.ok());
  const auto content = OpenSnapshot(*envelope, SecretOf(1), "cluster-x");
  ASSERT_TRUE(content.ok()) << content.error();
  EXPECT_EQ(content->body.next_handle(), 9u);
  EXPECT_FALSE(OpenSnapshot(*envelope, SecretOf(2), "cluster-x").ok());
  EXPECT_FALSE(OpenSnapshot(*envelope, SecretOf(1), "cluster-y").ok());
  for (std::size_t i = 0; i < snapshot->size(); ++i) {
    Bytes forged = *snapshot;
    forged[i] ^= 1;
    const auto parsed = ParseSnapshot(forged);
    EXPECT_FALSE(parsed.ok() && OpenSnapshot(*parsed, SecretOf(1), "cluster-x").ok()) << "byte " << i;
  }
}

}  // namespace
}  // namespace strongroom::hsm::replica
