#include "trail/trail.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <cerrno>
#include <fstream>

#include "base/file.h"
#include "base/testing/temporary_directory.h"
#include "store/testing/engines.h"
#include "trail/testing/made_records.h"
#include "trail/verify.h"

namespace strongroom::trail {
namespace {

using std::chrono::milliseconds;

std::atomic<bool> disk_full{false};
std::atomic<int> half_writes{0};

/// The system's calls, with a disk that can be full: then it takes half of what is to be written.
const FileCalls kDisk{[](int file, const void* bytes, std::size_t count) -> ssize_t {
                        if (!disk_full) return ::write(file, bytes, count);
                        if (half_writes++ % 2 == 0 && count > 1) return ::write(file, bytes, count / 2);
                        errno = ENOSPC;
                        return -1;
                      },
                      &::fdatasync};

ports::AuditEvent Event(int number) {
  ports::AuditEvent event;
  event.account = "111122223333";
  event.region = "eu-central-1";
  event.event_name = "RotateKey";
  event.details = {{"number", std::to_string(number)}};
  return event;
}

class TrailTest : public ::testing::Test {
 protected:
  void SetUp() override {
    disk_full = false;
    half_writes = 0;
  }
  std::unique_ptr<Trail> Open(Mode mode = Mode::kGrouped, std::size_t most = 64 << 20) {
    auto trail = Trail::Open({.directory = directory_.path() / "audit",
                              .front_end = "host-1",
                              .mode = mode,
                              .write_every = milliseconds(2),
                              .sync_every = milliseconds(5),
                              .most_waiting_bytes = most,
                              .calls = &kDisk});
    EXPECT_TRUE(trail.ok()) << trail.error();
    return trail.ok() ? *std::move(trail) : nullptr;
  }
  /// The numbers of all events on disk; every chain must hold, and so must the links between segments.
  std::vector<int> OnDisk() {
    std::vector<int> numbers;
    const auto directory = directory_.path() / "audit";
    const auto segments = ListSegments(directory);
    EXPECT_TRUE(segments.ok());
    ChainHash last{};
    std::int64_t next = 1;
    for (const std::int64_t number : *segments) {
      const auto content = ReadSegment(SegmentFile(directory, number));
      EXPECT_TRUE(content.ok()) << content.error();
      EXPECT_EQ(content->damage, "");
      EXPECT_EQ(content->header.previous, last);
      EXPECT_EQ(content->header.first_record, next);
      last = content->last;
      next += content->records;
      for (const std::string& json : testing::JsonOfAll(content->groups)) {
        const auto at = json.find("\"number\":\"");
        if (at != std::string::npos) numbers.push_back(std::atoi(json.substr(at + 10).data()));
      }
    }
    return numbers;
  }
  /// All records on disk, as JSON.
  std::string Everything() {
    std::string everything;
    const auto directory = directory_.path() / "audit";
    const auto segments = ListSegments(directory);
    EXPECT_TRUE(segments.ok());
    for (const std::int64_t number : *segments) {
      const auto content = ReadSegment(SegmentFile(directory, number));
      EXPECT_TRUE(content.ok());
      for (const std::string& json : testing::JsonOfAll(content->groups)) everything += json + "\n";
    }
    return everything;
  }
  static std::vector<int> UpTo(int count) {
    std::vector<int> numbers;
    for (int i = 0; i < count; ++i) numbers.push_back(i);
    return numbers;
  }
  static Status Durable(Trail& trail) { return store::testing::RunToEnd(trail.Durable()); }

  TemporaryDirectory directory_;
};

TEST_F(TrailTest, TheChainGoesOnOverRestarts) {
  int number = 0;
  for (int run = 0; run < 3; ++run) {
    const auto trail = Open();
    for (int i = 0; i < 100; ++i) trail->Record(Event(number++));
    ASSERT_TRUE(trail->CloseSegment().ok());
    for (int i = 0; i < 100; ++i) trail->Record(Event(number++));
    trail->Stop();
  }
  EXPECT_EQ(OnDisk(), UpTo(600));
  EXPECT_EQ(ListSegments(directory_.path() / "audit")->size(), 6U);
}

TEST_F(TrailTest, NothingIsWrittenWhereNothingHappened) {
  const auto trail = Open();
  ASSERT_TRUE(trail->CloseSegment().ok());
  trail->Stop();
  EXPECT_TRUE(ListSegments(directory_.path() / "audit")->empty());
}

TEST_F(TrailTest, WhatACrashLeavesHalfWrittenIsPutAside) {
  auto trail = Open();
  for (int i = 0; i < 10; ++i) trail->Record(Event(i));
  trail->Stop();
  trail.reset();
  const auto file = SegmentFile(directory_.path() / "audit", 1);
  for (const std::string& tail : {std::string("\0\0", 2), std::string("\0\0\1\0half", 8), std::string(4096, '\0')}) {
    std::ofstream(file, std::ios::app | std::ios::binary) << tail;
    trail = Open();
    ASSERT_NE(trail, nullptr);
    trail->Stop();
    trail.reset();
    EXPECT_EQ(OnDisk(), UpTo(10)) << tail.size();
    EXPECT_TRUE(std::filesystem::exists(std::filesystem::path(file).replace_extension(".damaged")));
  }
}

TEST_F(TrailTest, ADiskThatWasSetBackDoesNotReplaceWhatTheStoreHas) {
  auto trail = Open();
  for (int i = 0; i < 10; ++i) trail->Record(Event(i));
  trail->Stop();
  trail.reset();
  const ChainHead stored{.segment = 4, .next_record = 100, .last = {1, 2, 3}};
  auto again = Trail::Open({.directory = directory_.path() / "audit", .front_end = "host-1", .stored = stored});
  ASSERT_TRUE(again.ok());
  (*again)->Record(Event(10));
  (*again)->Stop();
  EXPECT_EQ(*ListSegments(directory_.path() / "audit"), std::vector<std::int64_t>{5});
  const auto content = ReadSegment(SegmentFile(directory_.path() / "audit", 5));
  ASSERT_TRUE(content.ok());
  EXPECT_EQ(content->header.first_record, 100);
  EXPECT_EQ(content->header.previous, stored.last);
}

TEST_F(TrailTest, StrictAnswersWaitUntilTheirRecordsAreDurable) {
  const auto trail = Open(Mode::kStrict);
  EXPECT_TRUE(trail->holds_answers());
  for (int i = 0; i < 20; ++i) {
    trail->Record(Event(i));
    ASSERT_TRUE(Durable(*trail).ok());
    EXPECT_EQ(OnDisk(), UpTo(i + 1));
  }
}

TEST_F(TrailTest, AFullDiskStopsStrictServiceUntilThereIsRoom) {
  const auto trail = Open(Mode::kStrict);
  EXPECT_TRUE(trail->Admit().ok());
  disk_full = true;
  trail->Record(Event(0));
  const Status refused = Durable(*trail);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Errc::kUnavailable);
  const Status admitted = trail->Admit();
  ASSERT_FALSE(admitted.ok());
  EXPECT_EQ(admitted.error().code(), Errc::kUnavailable);
  EXPECT_NE(trail->health().failure, "");
  disk_full = false;
  while (!trail->Admit().ok()) std::this_thread::sleep_for(milliseconds(5));
  EXPECT_EQ(trail->health().failure, "");
  trail->Record(Event(1));
  ASSERT_TRUE(Durable(*trail).ok());
  EXPECT_EQ(OnDisk(), UpTo(2));  // what could not be answered is in the trail all the same
}

TEST_F(TrailTest, AFullDiskLosesGroupedRecordsOnlyWhenTooManyWait) {
  const auto trail = Open(Mode::kGrouped, 64 << 10);
  disk_full = true;
  int number = 0;
  while (trail->health().lost == 0) trail->Record(Event(number++));
  EXPECT_TRUE(trail->Admit().ok());
  while (trail->health().failure.empty()) std::this_thread::sleep_for(milliseconds(5));
  disk_full = false;
  while (!trail->health().failure.empty()) std::this_thread::sleep_for(milliseconds(5));
  trail->Record(Event(1'000'000));
  trail->Stop();
  const auto on_disk = OnDisk();
  ASSERT_EQ(on_disk.size(), static_cast<std::size_t>(number) - trail->health().lost + 1);
  EXPECT_EQ(on_disk.back(), 1'000'000);
  EXPECT_THAT(Everything(), ::testing::HasSubstr("AuditRecordsLost"));
}

TEST_F(TrailTest, EveryThreadsRecordsAreThereInItsOrder) {
  constexpr int kThreads = 4, kEach = 5000;
  auto trail = Open();
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread)
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kEach; ++i) trail->Record(Event(thread * kEach + i));
    });
  for (std::thread& one : threads) one.join();
  trail->Stop();
  auto numbers = OnDisk();
  for (int thread = 0; thread < kThreads; ++thread) {
    std::vector<int> own;
    std::ranges::copy_if(numbers, std::back_inserter(own), [&](int number) { return number / kEach == thread; });
    EXPECT_TRUE(std::ranges::is_sorted(own));
  }
  std::ranges::sort(numbers);
  EXPECT_EQ(numbers, UpTo(kThreads * kEach));
  EXPECT_EQ(trail->health().records, static_cast<std::uint64_t>(kThreads * kEach));
}

}  // namespace
}  // namespace strongroom::trail
