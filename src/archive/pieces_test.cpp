// Regions of files, extents in the order of objects, progress as text.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <random>

#include "archive/extent_rows.h"
#include "archive/file_regions.h"
#include "archive/progress.h"

namespace strongroom::archive {
namespace {

pb::JournalPiece Piece(std::uint64_t offset, std::uint64_t length) {
  pb::JournalPiece piece;
  piece.set_file_offset(offset);
  piece.set_length(length);
  return piece;
}

struct PlanRow {
  std::string name;
  std::vector<Region> regions;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> pieces;  // offset, length
  std::string plan;                                             // r: read, s: stored
};
class PlanTable : public testing::TestWithParam<PlanRow> {};
TEST_P(PlanTable, EachByteOnce) {
  std::vector<pb::JournalPiece> pieces;
  for (const auto& [offset, length] : GetParam().pieces) pieces.push_back(Piece(offset, length));
  std::string plan;
  for (const Step& step : PlanReading(GetParam().regions, pieces))
    plan += fmt::format("{}{}-{} ", step.piece == nullptr ? 'r' : 's', step.region.begin, step.region.end);
  EXPECT_EQ(plan, GetParam().plan);
}
INSTANTIATE_TEST_SUITE_P(
    Plans, PlanTable,
    testing::Values(PlanRow{"Nothing", {}, {}, ""}, PlanRow{"AllToRead", {{0, 10}}, {}, "r0-10 "},
                    PlanRow{"AllStored", {{0, 10}}, {{0, 10}}, "s0-10 "},
                    PlanRow{"BeginningStored", {{0, 10}}, {{0, 4}}, "s0-4 r4-10 "},
                    PlanRow{"MiddleStored", {{0, 10}}, {{3, 4}}, "r0-3 s3-7 r7-10 "},
                    PlanRow{"HolesStay", {{0, 10}, {20, 30}}, {{20, 5}}, "r0-10 s20-25 r25-30 "},
                    PlanRow{"TwiceStoredCountsOnce", {{0, 10}}, {{0, 6}, {0, 6}, {4, 6}, {6, 4}}, "s0-6 s6-10 "},
                    PlanRow{"StoredAcrossAHole", {{0, 10}, {20, 30}}, {{5, 20}}, "r0-5 s5-25 r25-30 "}),
    [](const auto& info) { return info.param.name; });

TEST(DataRegionsTest, FindsTheIslandOfASparseFile) {
  const Fd file(::open("/var/tmp", O_TMPFILE | O_RDWR, 0600));
  ASSERT_TRUE(file);
  ASSERT_EQ(::ftruncate(file.get(), 64 << 20), 0);
  ASSERT_EQ(::pwrite(file.get(), "island", 6, 32 << 20), 6);
  struct stat facts {};
  ASSERT_EQ(::fstat(file.get(), &facts), 0);
  const auto regions = DataRegions(file.get(), facts);
  ASSERT_TRUE(regions.ok());
  std::uint64_t covered = 0;
  bool island = false;
  for (const Region& region : *regions) {
    covered += region.end - region.begin;
    island = island || (region.begin <= 32u << 20 && region.end >= (32u << 20) + 6);
  }
  EXPECT_TRUE(island);
  EXPECT_LE(covered, 64u << 20);
}

TEST(ExtentRowsTest, AnyOrderComesBackByObjectAndOffset) {
  std::mt19937_64 random(1);
  auto rows = ExtentRows::Make();
  ASSERT_TRUE(rows.ok());
  constexpr std::uint64_t kCount = 2'300'000;  // more than two runs
  for (std::uint64_t i = 0; i < kCount; ++i)
    ASSERT_TRUE(rows->Add({.object = random() % 7, .object_offset = random() % 100000, .length = 1, .entry = i}).ok());
  ASSERT_TRUE(rows->Sort().ok());
  ASSERT_EQ(rows->groups(), 7u);
  std::uint64_t seen = 0;
  for (std::size_t g = 0; g < 7; ++g) {
    const auto group = rows->GroupAt(g);
    ASSERT_TRUE(group.ok());
    EXPECT_EQ(group->object, g);
    std::uint64_t last = 0;
    ASSERT_TRUE(rows->ForEach(*group,
                              [&](const ExtentRow& row) -> Status {
                                EXPECT_EQ(row.object, g);
                                EXPECT_GE(row.object_offset, last);
                                last = row.object_offset;
                                ++seen;
                                return {};
                              })
                    .ok());
  }
  EXPECT_EQ(seen, kCount);
}

TEST(ProgressTest, LinesSayHowFarAndHowLong) {
  EXPECT_EQ(ProgressLine("sent", 1 << 20, 0, 2, 80), "sent 1.0 MiB, 512 KiB/s");
  const std::string bar = ProgressLine("sent", 1 << 30, std::uint64_t{4} << 30, 10, 100);
  EXPECT_EQ(bar.substr(0, 26), "sent 1.0 GiB of 4.0 GiB [=");
  EXPECT_NE(bar.find("] 102 MiB/s, 30 s left"), std::string::npos) << bar;
  for (std::size_t width = 1; width < 200; ++width)
    EXPECT_LE(ProgressLine("sent", 5, 10, 1, width).size(), std::max<std::size_t>(width, 70));
  EXPECT_EQ(DurationText(3723), "1:02:03");
  EXPECT_EQ(DurationText(65), "1:05");
  EXPECT_EQ(BytesText(1023), "1023 B");
}

}  // namespace
}  // namespace strongroom::archive
