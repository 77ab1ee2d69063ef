#include "trail/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "crypto/key_pair.h"
#include "store/testing/engines.h"
#include "trail/keeping/digest.h"
#include "trail/keeping/keeper.h"
#include "trail/keeping/rows.h"
#include "trail/segment/entry.h"
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
        {.directory = Directory(), .front_end = "host-1", .stored = *stored, .write_every = std::chrono::hours(1)});
    ASSERT_TRUE(trail.ok()) << trail.error();
    Keeper keeper(*database_, **trail, Options(milliseconds(5)));
    for (int i = 0; i < events; ++i) {
      RecordEvent(**trail, i);
      // In groups of 20: nothing else has it written.
      if (i % 20 == 19) {
        ASSERT_TRUE(store::testing::RunToEnd((*trail)->Durable()).ok());
      }
    }
    const std::size_t before = Digests();
    keeper.Start();
    while (Digests() == before) std::this_thread::sleep_for(milliseconds(5));
    (*trail)->Stop();
    keeper.Stop();
    EXPECT_EQ(keeper.failure(), "");
  }
  /// The front end's trail, where it ended.
  std::unique_ptr<Trail> GoOn(milliseconds write_every) {
    const auto stored = StoredHead(*database_, "host-1");
    if (!stored.ok()) return nullptr;
    auto trail =
        Trail::Open({.directory = Directory(), .front_end = "host-1", .stored = *stored, .write_every = write_every});
    EXPECT_TRUE(trail.ok()) << trail.error();
    return trail.ok() ? *std::move(trail) : nullptr;
  }
  KeeperOptions Options(milliseconds ship_every) {
    KeeperOptions options{.directory = Directory(), .front_end = "host-1", .ship_every = ship_every};
    options.keep = keep_;
    options.sign = [this](const Bytes& message) {
      return key_->Sign(crypto::SignatureScheme::kEcdsaSha256, crypto::MessageForm::kRaw, message);
    };
    options.public_key = [this]() -> Result<Bytes> { return key_->public_key().ToSpki(); };
    return options;
  }
  static void RecordEvent(Trail& trail, int number) {
    ports::AuditEvent event;
    event.account = "111122223333";
    event.region = "eu-central-1";
    event.event_name = "Event" + std::to_string(number);
    trail.Record(event);
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
  /// The groups of a segment's first block, changed, and put back.
  void Change(std::int64_t number, const std::function<void(std::vector<std::string>&)>& change) {
    const auto block = database_->Read([&](store::Transaction& t) { return LoadBlock(t, "host-1", number, 0); });
    ASSERT_TRUE(block.ok() && block->has_value());
    const auto bytes = Unpacked(AsText(**block), 1 << 22);
    ASSERT_TRUE(bytes.ok());
    std::vector<std::string> groups;
    GroupReader reader(*bytes);
    Group group;
    while (*reader.Next(group)) groups.emplace_back(group.bytes);
    ASSERT_EQ(groups.size(), 3U);
    change(groups);
    std::string changed;
    for (const std::string& one : groups) changed += one;
    const auto done =
        database_->Transact([&](store::Transaction& t) { return PutBlock(t, "host-1", number, 0, Packed(changed)); });
    ASSERT_TRUE(done.ok());
  }
  /// Texts of the same length.
  static void Replace(std::string& group, const std::string& from, const std::string& to) {
    const auto at = group.rfind(from);
    ASSERT_NE(at, std::string::npos);
    group.replace(at, from.size(), to);
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

TEST_P(VerifyTest, ATrailThatGrowsMeanwhileIsInOrder) {
  const std::unique_ptr<Trail> trail = GoOn(milliseconds(1));
  ASSERT_NE(trail, nullptr);
  Keeper keeper(*database_, *trail, Options(milliseconds(1)));
  keeper.Start();
  std::jthread records([&](const std::stop_token& stop) {
    for (int i = 0; !stop.stop_requested(); ++i) {
      RecordEvent(*trail, i);
      // Only what is durable goes to the store.
      EXPECT_TRUE(store::testing::RunToEnd(trail->Durable()).ok());
    }
  });
  const auto records_now = [this] { return Look().records; };
  const std::int64_t before = records_now();
  for (int looks = 0; looks < 60 || records_now() == before; ++looks) ASSERT_THAT(Look().problems, IsEmpty());
  records.request_stop();
  records.join();
  trail->Stop();
  keeper.Stop();
  EXPECT_THAT(Look().problems, IsEmpty());
}

TEST_P(VerifyTest, WhatTheStoreDoesNotHaveYetFollowsOnTheDisk) {
  const std::unique_ptr<Trail> trail = GoOn(milliseconds(1));
  ASSERT_NE(trail, nullptr);
  Keeper keeper(*database_, *trail, Options(milliseconds(1)));
  const auto record = [&](int number) {
    RecordEvent(*trail, number);
    ASSERT_TRUE(store::testing::RunToEnd(trail->Durable()).ok());
  };
  record(1);
  keeper.Round();
  const std::int64_t brought = Look().records;
  record(2);
  ASSERT_TRUE(trail->CloseSegment().ok());
  record(3);
  const VerifyReport report = Look();
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_GT(report.records, brought);
  trail->Stop();
}

TEST_P(VerifyTest, AnEditedRecordIsNamed) {
  Change(1, [](auto& groups) { Replace(groups[0], "\"eventName\":\"Event16", "\"eventName\":\"Event61"); });
  EXPECT_THAT(
      Look().problems,
      Contains(HasSubstr("segment 1: records 21 to 40 do not follow records 1 to 20: one of those was edited")));
}

TEST_P(VerifyTest, TheLastRecordCannotBeEditedEither) {
  Change(1, [](auto& groups) { Replace(groups.back(), "Event59", "Event58"); });
  const auto problems = Look().problems;
  EXPECT_THAT(problems, Contains(HasSubstr("segment 1: its end, records 41 to 60, was edited")));
  EXPECT_THAT(problems, Contains(HasSubstr("segment 1 is not the one that was signed")));
}

TEST_P(VerifyTest, ARemovedGroupIsNamed) {
  Change(2, [](auto& groups) { groups.erase(groups.begin() + 1); });
  const auto problems = Look().problems;
  EXPECT_THAT(problems, Contains(HasSubstr("do not follow records 61 to 80")));
  EXPECT_THAT(problems, Contains(HasSubstr("segment 2 has 40 records and should have 60")));
}

/// The items of a group: its texts and its records.
std::vector<std::string> Items(std::string_view group) {
  std::vector<std::string> items;
  for (std::string_view in = group.substr(Group::kHeadBytes); !in.empty();) {
    // Kind and length, of one byte or two here.
    std::size_t length = static_cast<unsigned char>(in[1]), head = 2;
    if (length >= 0x80) {
      length = (length & 0x7f) | static_cast<std::size_t>(static_cast<unsigned char>(in[2])) << 7;
      head = 3;
    }
    items.emplace_back(in.substr(0, head + length));
    in.remove_prefix(head + length);
  }
  return items;
}
/// Where among the items the record is that many others stand before.
std::size_t PlaceOf(const std::vector<std::string>& items, int record) {
  std::size_t at = 0;
  for (; at < items.size(); ++at)
    if (items[at][0] == static_cast<char>(ItemKind::kRecord) && record-- == 0) break;
  return at;
}
std::string Joined(std::string_view group, const std::vector<std::string>& items) {
  std::string joined(group.substr(4, Group::kHeadBytes - 4));
  for (const std::string& one : items) joined += one;
  std::string whole;
  AppendNumber(joined.size(), 4, whole);
  return whole + joined;
}

TEST_P(VerifyTest, ARecordThatIsRemovedFromAGroupIsNamed) {
  Change(1, [](auto& groups) {
    auto items = Items(groups[1]);
    items.erase(items.begin() + static_cast<std::ptrdiff_t>(PlaceOf(items, 6)));
    groups[1] = Joined(groups[1], items);
  });
  const auto problems = Look().problems;
  EXPECT_THAT(problems, Contains(HasSubstr("segment 1: records 21 to 40 are written together, and 19 are there")));
  EXPECT_THAT(problems, Contains(HasSubstr("records 41 to 60 do not follow records 21 to 40")));
}

TEST_P(VerifyTest, ReorderedGroupsAreNamed) {
  Change(1, [](auto& groups) { std::swap(groups[1], groups[2]); });
  EXPECT_THAT(Look().problems, Contains(HasSubstr("not at their place: records were reordered")));
}

TEST_P(VerifyTest, ReorderedRecordsOfAGroupAreNamed) {
  Change(1, [](auto& groups) {
    auto items = Items(groups[0]);
    // The last but one behind the last, so that both still read.
    const auto at = items.begin() + static_cast<std::ptrdiff_t>(PlaceOf(items, 18));
    std::rotate(at, at + 1, items.end());
    groups[0] = Joined(groups[0], items);
  });
  EXPECT_THAT(Look().problems, Contains(HasSubstr("records 21 to 40 do not follow records 1 to 20")));
}

TEST_P(VerifyTest, ARecordThatIsFoundByOtherValuesIsNamed) {
  // Made anew with a chain that holds: only its own two halves tell.
  Change(1, [](auto& groups) { Replace(groups[0], "\"eventName\":\"Event3\"", "\"eventName\":\"Event8\""); });
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

/// As in a store that was restored from a backup without the trail.
TEST_P(VerifyTest, RecordsThatAreAllMissingAreNamedOnceForASegment) {
  // Three blocks, of which nobody has to be told one by one.
  const Status longer = database_->Transact([](store::Transaction& t) -> Status {
    SR_TRY(auto row, LoadSegment(t, "host-1", 1));
    SR_TRY(auto directory, ParseDirectory(row->directory));
    directory.resize(3, directory.front());
    row->directory = Encode(directory);
    return PutSegment(t, *row);
  });
  ASSERT_TRUE(longer.ok()) << longer.error();
  Sql("DELETE FROM audit_blocks");
  const auto problems = Look().problems;
  EXPECT_THAT(problems, Contains(HasSubstr("segment 1: all its records, 1 to 60, are missing")));
  EXPECT_THAT(problems, ::testing::Not(Contains(HasSubstr("segment 1: block 1"))));
  EXPECT_THAT(problems, ::testing::Not(Contains(HasSubstr("segment 2 does not follow"))));
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
