#include "trail/keeping/shipper.h"

#include <gtest/gtest.h>

#include <limits>

#include "store/testing/engines.h"
#include "trail/lookup.h"
#include "trail/trail.h"

namespace strongroom::trail {
namespace {

/// Calls that each name another key, as far as a front end has them on its disk.
class ShipperTest : public store::testing::EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    ASSERT_NE(database_, nullptr);
    auto trail = Trail::Open({.directory = Directory(), .front_end = "host-1"});
    ASSERT_TRUE(trail.ok()) << trail.error();
    trail_ = *std::move(trail);
    shipper_.emplace(*database_, Directory(), "host-1");
  }
  static std::string Arn(std::size_t key) { return "arn:aws:kms:eu-central-1:111122223333:key/" + std::to_string(key); }
  /// One call for each of the keys [0, count).
  void Record(std::size_t count) {
    ports::AuditEvent event;
    event.account = "111122223333";
    event.region = "eu-central-1";
    event.event_name = "Decrypt";
    for (std::size_t key = 0; key < count; ++key) {
      event.resources = {Arn(key)};
      trail_->Record(event);
    }
    ASSERT_TRUE(store::testing::RunToEnd(trail_->Durable()).ok());
  }
  bool Ship(Shipper::Names names = Shipper::Names::kPortion) {
    const auto shipped = shipper_->Ship(trail_->durable(), names);
    EXPECT_TRUE(shipped.ok()) << shipped.error();
    return shipped.ok() && *shipped;
  }
  std::size_t Found(const std::string& attribute, const std::string& value) {
    LookupQuery query{.account = "111122223333", .region = "eu-central-1"};
    query.attribute = attribute;
    query.value = value;
    query.end_millis = std::numeric_limits<std::int64_t>::max();
    query.most = 100'000;
    const auto page = database_->Read([&](store::Transaction& t) { return Lookup(t, query); });
    EXPECT_TRUE(page.ok()) << page.error();
    return page.ok() ? page->events.size() : 0;
  }
  std::int64_t IndexedNames() {
    const auto row = database_->Read([](store::Transaction& t) {
      return t.QueryOne("SELECT COUNT(*) FROM audit_index WHERE attribute = 'ResourceName'");
    });
    EXPECT_TRUE(row.ok() && row->has_value());
    return row.ok() && *row ? (*row)->Int(0) : -1;
  }
  std::filesystem::path Directory() const { return dir_.path() / "audit"; }

  static constexpr std::size_t kKeys = 2 * Shipper::kPortion + 100;
  static constexpr std::int64_t kAll = kKeys, kPortion = Shipper::kPortion;
  std::unique_ptr<Trail> trail_;
  std::optional<Shipper> shipper_;
};

TEST_P(ShipperTest, RecordsComeAtOnceAndTheirNamesInPortions) {
  Record(kKeys);
  EXPECT_TRUE(Ship());
  EXPECT_EQ(Found("EventName", "Decrypt"), kKeys);
  EXPECT_EQ(Found("ResourceType", "AWS::KMS::Key"), kKeys);
  EXPECT_EQ(IndexedNames(), kPortion);
  EXPECT_EQ(Found("ResourceName", Arn(0)), 1U);
  EXPECT_TRUE(Ship());
  EXPECT_TRUE(Ship());
  EXPECT_EQ(IndexedNames(), kAll);
  for (const std::size_t key : {std::size_t{0}, kKeys / 2, kKeys - 1}) EXPECT_EQ(Found("ResourceName", Arn(key)), 1U);
  EXPECT_FALSE(Ship());
}

TEST_P(ShipperTest, NamesInSteadyUseTakeTurns) {
  Record(kKeys);
  for (std::size_t round = 1; round <= 3; ++round) {
    EXPECT_TRUE(Ship());
    Record(kKeys);
  }
  // Each has been indexed once by now, those that came first with the newest records that were there then.
  EXPECT_EQ(IndexedNames(), kAll);
  for (int round = 0; round < 4; ++round) Ship();
  for (const std::size_t key : {std::size_t{0}, kKeys / 2, kKeys - 1}) EXPECT_EQ(Found("ResourceName", Arn(key)), 4U);
}

TEST_P(ShipperTest, AClosedSegmentHasAllItsNames) {
  Record(kKeys);
  ASSERT_TRUE(trail_->CloseSegment().ok());
  EXPECT_TRUE(Ship());
  EXPECT_EQ(IndexedNames(), kAll);
  const auto left = ListSegments(Directory());
  ASSERT_TRUE(left.ok());
  EXPECT_TRUE(left->empty());
}

TEST_P(ShipperTest, AtTheEndNoNameWaits) {
  Record(kKeys);
  EXPECT_TRUE(Ship());
  EXPECT_TRUE(Ship(Shipper::Names::kAll));
  EXPECT_EQ(IndexedNames(), kAll);
}

INSTANTIATE_TEST_SUITE_P(Engines, ShipperTest, store::testing::BothEngines(), store::testing::EngineName);

}  // namespace
}  // namespace strongroom::trail
