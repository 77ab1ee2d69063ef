#include "trail/keeping/keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "crypto/key_pair.h"
#include "store/testing/engines.h"
#include "trail/keeping/digest.h"
#include "trail/keeping/rows.h"
#include "trail/testing/made_records.h"
#include "trail/verify.h"

namespace strongroom::trail {
namespace {

using std::chrono::milliseconds;
using testing::StoreFiller;

/// A keeper whose rounds and clock are the test's.
class KeeperTest : public store::testing::EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    ASSERT_NE(database_, nullptr);
    auto key = crypto::PrivateKey::Generate(crypto::KeySpec::kP256);
    ASSERT_TRUE(key.ok());
    key_.emplace(*std::move(key));
    auto trail =
        Trail::Open({.directory = dir_.path() / "audit", .front_end = "host-1", .write_every = milliseconds(1)});
    ASSERT_TRUE(trail.ok()) << trail.error();
    trail_ = *std::move(trail);
  }
  void Make(milliseconds close_every = milliseconds(0)) {
    KeeperOptions options{
        .directory = dir_.path() / "audit", .front_end = "host-1", .close_every = close_every, .keep = keep_};
    options.sign = [this](const Bytes& message) {
      ++signed_;
      return key_->Sign(crypto::SignatureScheme::kEcdsaSha256, crypto::MessageForm::kRaw, message);
    };
    options.public_key = [this]() -> Result<Bytes> { return key_->public_key().ToSpki(); };
    options.gone.names = [this]() -> Result<std::vector<std::string>> { return gone_; };
    options.gone.claim = [this](const std::string& name) -> Result<bool> {
      claims_.push_back(name);
      return !others_.contains(name);
    };
    options.now = [this] { return now_; };
    keeper_ = std::make_unique<Keeper>(*database_, *trail_, std::move(options));
  }
  void Record() {
    ports::AuditEvent event;
    event.account = "111122223333";
    event.region = "eu-central-1";
    event.event_name = "Event";
    trail_->Record(event);
    ASSERT_TRUE(store::testing::RunToEnd(trail_->Durable()).ok());
  }
  void Round(milliseconds later = milliseconds(0)) {
    now_ += later;
    keeper_->Round();
    EXPECT_EQ(keeper_->failure(), "");
  }
  /// Whether each of a front end's segments in the store is closed.
  std::vector<bool> Closed(const std::string& front_end = "host-1") {
    std::vector<bool> closed;
    const auto rows = database_->Read([&](store::Transaction& t) { return LoadSegments(t, front_end); });
    for (const SegmentRow& row : rows.value()) closed.push_back(row.closed);
    return closed;
  }
  std::size_t Digests(const std::string& front_end) {
    return database_->Read([&](store::Transaction& t) { return LoadDigests(t, front_end); })->size();
  }
  void Sql(const std::string& sql) {
    ASSERT_TRUE(database_->Transact([&](store::Transaction& t) { return t.Execute(sql); }).ok());
  }
  /// Three segments of a front end that has died over the third.
  void Die(const std::string& front_end) {
    StoreFiller filler(*database_, front_end);
    for (int segment = 0; segment < 3; ++segment) {
      for (int i = 0; i < 5; ++i) filler.Add({.millis = 1'700'000'000'000 + i});
      ASSERT_TRUE(filler.Close().ok());
    }
    Sql("UPDATE audit_segments SET closed = 0 WHERE number = 3 AND front_end = '" + front_end + "'");
    index_[front_end] = Index(front_end);
    ASSERT_GT(index_[front_end].size(), 3U);
    Sql("DELETE FROM audit_index WHERE number = 3 AND attribute = 'ResourceName' AND front_end = '" + front_end + "'");
  }
  std::vector<std::vector<store::Value>> Index(const std::string& front_end) {
    const auto rows = database_->Read([&](store::Transaction& t) {
      return t.Query(
          "SELECT number, attribute, value, first_millis, last_millis, blocks FROM audit_index WHERE "
          "front_end = $1 ORDER BY number, attribute, value",
          {store::Text(front_end)});
    });
    std::vector<std::vector<store::Value>> all;
    for (const store::Row& row : rows.value())
      all.push_back({row.Int(0), store::Text(row.Text(1)), store::Text(row.Text(2)), row.Int(3), row.Int(4),
                     store::Blob(row.Blob(5))});
    return all;
  }
  VerifyReport Verified() {
    auto report = Verify(*database_, {.directory = dir_.path() / "audit", .public_key = key_->public_key().ToSpki()});
    EXPECT_TRUE(report.ok());
    return *std::move(report);
  }

  std::optional<crypto::PrivateKey> key_;
  std::unique_ptr<Trail> trail_;
  std::chrono::steady_clock::time_point now_{std::chrono::hours(1)};
  milliseconds keep_{std::chrono::hours(24 * 90 * 1000)};
  std::vector<std::string> gone_, claims_;
  std::set<std::string> others_;  // what somebody else looks after
  int signed_ = 0;
  std::map<std::string, std::vector<std::vector<store::Value>>> index_;  // as it should be
  std::unique_ptr<Keeper> keeper_;
};
INSTANTIATE_TEST_SUITE_P(Engines, KeeperTest, store::testing::BothEngines(), store::testing::EngineName);

constexpr milliseconds kLookAtGone{10'000};

TEST_P(KeeperTest, ClosesSegmentsAsOftenAsTheyAreDelivered) {
  constexpr milliseconds kMinutes = std::chrono::minutes(5);
  Make(kMinutes);
  Round();  // the start's digest, which has nothing to name
  Record();
  Round(kMinutes - milliseconds(1));
  EXPECT_EQ(Closed(), (std::vector{false}));
  Round(milliseconds(1));  // closes it
  Round();                 // brings that to the store
  EXPECT_EQ(Closed(), (std::vector{true}));

  // From there on anew, and never without a record.
  Record();
  Round(kMinutes - milliseconds(1));
  EXPECT_EQ(Closed(), (std::vector{true, false}));
  Round(milliseconds(1));
  Round();
  EXPECT_EQ(Closed(), (std::vector{true, true}));
  Round(kMinutes);
  Round(kMinutes);
  EXPECT_EQ(Closed(), (std::vector{true, true}));
  EXPECT_EQ(Digests("host-1"), 0U) << "that is the digests' own time";
}

TEST_P(KeeperTest, WithoutDeliverySegmentsAreClosedForDigestsAlone) {
  Make();
  Round();
  Record();
  Round(std::chrono::minutes(60) - milliseconds(1));
  EXPECT_EQ(Closed(), (std::vector{false}));
  Round(milliseconds(1));
  EXPECT_EQ(Closed(), (std::vector{true}));
  EXPECT_EQ(Digests("host-1"), 1U);
}

TEST_P(KeeperTest, AFrontEndThatIsGoneIsClosedAndSigned) {
  Die("host-2");
  Die("host-3");
  Make();
  gone_ = {"host-2", "host-3"};
  others_ = {"host-3"};
  Round();
  EXPECT_EQ(Closed("host-2"), (std::vector{true, true, true}));
  EXPECT_EQ(Digests("host-2"), 1U);
  EXPECT_EQ(Closed("host-3"), (std::vector{true, true, false})) << "another front end looks after it";
  EXPECT_EQ(Digests("host-3"), 0U);
  EXPECT_THAT(Verified().problems, ::testing::IsEmpty());

  // What is done is not done again, nor looked at too often.
  const int signatures = signed_;
  claims_.clear();
  Round(kLookAtGone - milliseconds(1));
  EXPECT_THAT(claims_, ::testing::IsEmpty());
  others_.clear();
  Round(milliseconds(1));
  EXPECT_THAT(claims_, ::testing::ElementsAre("host-3"));
  EXPECT_EQ(Closed("host-3"), (std::vector{true, true, true}));
  EXPECT_EQ(signed_, signatures + 1);
  for (const auto& [front_end, rows] : index_)
    EXPECT_EQ(Index(front_end), rows) << "rows that were still to come are there";
  const VerifyReport report = Verified();
  EXPECT_THAT(report.problems, ::testing::IsEmpty());
  EXPECT_EQ(report.records, 2 * 15);
}

TEST_P(KeeperTest, AFrontEndThatIsGoneLeavesNothingAfterItsRetention) {
  Die("host-2");
  for (const char* name : {"audit-delivered host-2 bucket/", "audit-delivered host-22 bucket/"}) {
    ASSERT_TRUE(database_
                    ->Transact([&](store::Transaction& t) {
                      return t.Execute("INSERT INTO deployment (name, value) VALUES ($1, $2)",
                                       {store::Text(name), store::Blob(AsBytes("{}"))});
                    })
                    .ok());
  }
  Make();
  gone_ = {"host-2"};
  Round();
  Round(kLookAtGone);
  EXPECT_EQ(Digests("host-2"), 1U);
  keep_ = std::chrono::hours(24);
  Make();
  Round();  // a digest says that they may be gone, and they are
  EXPECT_THAT(Closed("host-2"), ::testing::IsEmpty());
  EXPECT_EQ(Digests("host-2"), 2U);
  EXPECT_THAT(Verified().problems, ::testing::IsEmpty());
  Round(kLookAtGone);
  EXPECT_EQ(Digests("host-2"), 0U);
  const auto left = database_->Read([](store::Transaction& t) {
    return t.Query(
        "SELECT name FROM deployment WHERE name LIKE 'audit-deliver%' OR name LIKE 'audit-digested host-2%'");
  });
  ASSERT_EQ(left->size(), 1U);
  EXPECT_EQ(left->front().Text(0), "audit-delivered host-22 bucket/");
  claims_.clear();
  Round(kLookAtGone);
  EXPECT_THAT(claims_, ::testing::IsEmpty());
}

TEST_P(KeeperTest, WhoWasTakenForGoneAddsNothingToWhatWasClosed) {
  Make();
  Record();
  Round();
  // Its first round has ended a segment; this one is open in the store.
  Record();
  Round(milliseconds(1));
  ASSERT_EQ(Closed(), (std::vector{true, false}));
  Sql("UPDATE audit_segments SET closed = 1");
  Record();
  now_ += milliseconds(1);
  keeper_->Round();
  EXPECT_THAT(keeper_->failure(), ::testing::HasSubstr("took this one for gone"));
}

}  // namespace
}  // namespace strongroom::trail
