#include "trail/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "crypto/key_pair.h"
#include "store/testing/engines.h"
#include "trail/keeping/digest.h"
#include "trail/keeping/keeper.h"
#include "trail/keeping/rows.h"
#include "trail/trail.h"

namespace strongroom::trail {
namespace {

using std::chrono::milliseconds;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// A front end's trail with three digests of one segment each, brought to the store; then somebody changes something.
class VerifyTest : public store::testing::EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    ASSERT_NE(database_, nullptr);
    auto key = crypto::PrivateKey::Generate(crypto::KeySpec::kP256);
    ASSERT_TRUE(key.ok());
    key_.emplace(*std::move(key));
    for (int i = 0; i < 3; ++i) Run(60);
  }
  /// One life of a front end. At its start the segment of the life before is signed.
  void Run(int events) {
    const auto stored = StoredHead(*database_, "host-1");
    ASSERT_TRUE(stored.ok());
    auto trail = Trail::Open(
        {.directory = Directory(), .front_end = "host-1", .stored = *stored, .write_every = milliseconds(1)});
    ASSERT_TRUE(trail.ok()) << trail.error();
    KeeperOptions options{.directory = Directory(), .front_end = "host-1", .ship_every = milliseconds(5)};
    options.keep = keep_;
    options.sign = [this](const Bytes& message) {
      return key_->Sign(crypto::SignatureScheme::kEcdsaSha256, crypto::MessageForm::kRaw, message);
    };
    options.public_key = [this]() -> Result<Bytes> { return key_->public_key().ToSpki(); };
    Keeper keeper(*database_, **trail, std::move(options));
    for (int i = 0; i < events; ++i) {
      ports::AuditEvent event;
      event.account = "111122223333";
      event.region = "eu-central-1";
      event.event_name = "Event" + std::to_string(i);
      (*trail)->Record(event);
    }
    const std::size_t before = Digests();
    keeper.Start();
    while (Digests() == before) std::this_thread::sleep_for(milliseconds(5));
    (*trail)->Stop();
    keeper.Stop();
    EXPECT_EQ(keeper.failure(), "");
  }
  std::size_t Digests() {
    const auto digests = database_->Read([](store::Transaction& t) { return LoadDigests(t, "host-1"); });
    return digests.ok() ? digests->size() : 0;
  }
  std::filesystem::path Directory() const { return dir_.path() / "audit"; }
  VerifyReport Look(bool with_key = true) {
    VerifyOptions options{.directory = Directory()};
    if (with_key) options.public_key = key_->public_key().ToSpki();
    auto report = Verify(*database_, options);
    EXPECT_TRUE(report.ok()) << report.error();
    return report.ok() ? *report : VerifyReport();
  }
  void Sql(const std::string& sql, std::initializer_list<store::Value> values = {}) {
    const auto done = database_->Transact([&](store::Transaction& t) { return t.Execute(sql, values); });
    ASSERT_TRUE(done.ok()) << done.error();
    EXPECT_GT(*done, 0) << sql;
  }
  /// The entries of a segment's first block, changed, and put back.
  void Change(std::int64_t number, const std::function<void(std::vector<std::string>&)>& change) {
    const auto block = database_->Read([&](store::Transaction& t) { return LoadBlock(t, "host-1", number, 0); });
    ASSERT_TRUE(block.ok() && block->has_value());
    const auto bytes = Unpacked(AsText(**block), 1 << 22);
    ASSERT_TRUE(bytes.ok());
    std::vector<std::string> entries;
    EntryReader reader(*bytes);
    Entry entry;
    while (*reader.Next(entry)) entries.emplace_back(entry.bytes);
    change(entries);
    std::string changed;
    for (const std::string& one : entries) changed += one;
    const auto done =
        database_->Transact([&](store::Transaction& t) { return PutBlock(t, "host-1", number, 0, Packed(changed)); });
    ASSERT_TRUE(done.ok());
  }
  static void Replace(std::string& entry, const std::string& from, const std::string& to) {
    const auto at = entry.rfind(from);
    ASSERT_NE(at, std::string::npos);
    entry.replace(at, from.size(), to);
  }

  std::optional<crypto::PrivateKey> key_;
  std::chrono::milliseconds keep_{std::chrono::hours(24)};
};

TEST_P(VerifyTest, AnUntouchedTrailIsInOrder) {
  const VerifyReport report = Look();
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_THAT(report.notes, IsEmpty());
  EXPECT_EQ(report.records, 180);
  EXPECT_EQ(report.digests, 3);
  EXPECT_EQ(report.front_ends, 1);
  EXPECT_EQ(Look(false).notes.size(), 1U);
}

TEST_P(VerifyTest, AnEditedRecordIsNamed) {
  Change(1, [](auto& entries) { Replace(entries[16], "\"eventName\":\"Event16", "\"eventName\":\"Event61"); });
  EXPECT_THAT(Look().problems, Contains(HasSubstr("record 18 does not follow record 17: that one was edited")));
}

TEST_P(VerifyTest, TheLastRecordCannotBeEditedEither) {
  Change(1, [](auto& entries) { Replace(entries.back(), "\"readOnly\":false", "\"readOnly\":true "); });
  const auto problems = Look().problems;
  EXPECT_THAT(problems, Contains(HasSubstr("segment 1: its last record")));
  EXPECT_THAT(problems, Contains(HasSubstr("segment 1 is not the one that was signed")));
}

TEST_P(VerifyTest, ARemovedRecordIsNamed) {
  Change(2, [](auto& entries) { entries.erase(entries.begin() + 10); });
  const auto problems = Look().problems;
  EXPECT_THAT(problems, Contains(HasSubstr("does not follow record")));
  EXPECT_THAT(problems, Contains(HasSubstr("segment 2 has")));
}

TEST_P(VerifyTest, ReorderedRecordsAreNamed) {
  Change(1, [](auto& entries) { std::swap(entries[4], entries[5]); });
  EXPECT_THAT(Look().problems, Contains(HasSubstr("not at its place: records were reordered")));
}

TEST_P(VerifyTest, ARecordThatIsFoundByOtherValuesIsNamed) {
  // Made anew with a chain that holds: only its own two halves tell.
  Change(1, [](auto& entries) { Replace(entries[3], "\"eventName\":\"Event3\"", "\"eventName\":\"Event8\""); });
  EXPECT_THAT(Look().problems, Contains(HasSubstr("record 4 is looked up by other values than it has")));
}

TEST_P(VerifyTest, MissingPartsAreNamed) {
  Sql("DELETE FROM audit_blocks WHERE number = 1 AND block = 0");
  EXPECT_THAT(Look().problems, Contains(HasSubstr("segment 1: block 0, which begins with record 1, is missing")));
  Sql("DELETE FROM audit_segments WHERE number = 2");
  EXPECT_THAT(Look().problems, Contains(HasSubstr("segment 2 (records ")));
  Sql("DELETE FROM audit_digests WHERE number = 2");
  EXPECT_THAT(Look().problems, Contains(HasSubstr("digest 2 is missing")));
}

TEST_P(VerifyTest, ADamagedBlockIsNamed) {
  Sql("UPDATE audit_blocks SET data = $1 WHERE number = 1 AND block = 0", {store::Blob(AsBytes("nonsense"))});
  EXPECT_THAT(Look().problems, Contains(HasSubstr("segment 1: block 0, which begins with record 1, does not read")));
}

TEST_P(VerifyTest, AnEditedDigestIsNamed) {
  Sql("UPDATE audit_digests SET body = REPLACE(body, 'firstKeptSegment\":1', 'firstKeptSegment\":9') WHERE number = 2");
  const auto problems = Look().problems;
  EXPECT_THAT(problems, Contains(HasSubstr("the signature of digest 2 does not verify")));
  EXPECT_THAT(problems, Contains(HasSubstr("digest 3 does not name digest 2")));
}

TEST_P(VerifyTest, AnotherKeyIsNotBelieved) {
  auto other = crypto::PrivateKey::Generate(crypto::KeySpec::kP256);
  ASSERT_TRUE(other.ok());
  auto report = Verify(*database_, {.public_key = other->public_key().ToSpki()});
  ASSERT_TRUE(report.ok());
  EXPECT_THAT(report->problems, Contains(HasSubstr("the signature of digest 1 does not verify")));
}

TEST_P(VerifyTest, SegmentsPastTheirRetentionMayBeGone) {
  keep_ = milliseconds(0);
  Run(5);
  Run(5);
  const VerifyReport report = Look();
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_LT(report.records, 190);
  EXPECT_EQ(report.digests, 5);
}

TEST_P(VerifyTest, EveryRecordIsHandedOutInOrder) {
  std::vector<std::string> all;
  const Status done =
      ForEachRecord(*database_, 0, std::numeric_limits<std::int64_t>::max(), [&](std::string_view json) {
        all.emplace_back(json);
        return Status();
      });
  ASSERT_TRUE(done.ok());
  ASSERT_EQ(all.size(), 180U);
  EXPECT_THAT(all[0], HasSubstr("\"Event0\""));
  EXPECT_THAT(all[61], HasSubstr("\"Event1\""));
}

INSTANTIATE_TEST_SUITE_P(Engines, VerifyTest, store::testing::BothEngines(), store::testing::EngineName);

}  // namespace
}  // namespace strongroom::trail
