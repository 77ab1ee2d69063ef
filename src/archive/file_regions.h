#pragma once

#include <sys/stat.h>

#include <span>
#include <vector>

#include "archive/manifest.pb.h"
#include "base/result.h"

namespace strongroom::archive {

/// Bytes of a file from `begin` up to `end`.
struct Region {
  std::uint64_t begin = 0, end = 0;
  friend bool operator==(const Region&, const Region&) = default;
};

/// Holes smaller than this are read as zeros.
inline constexpr std::uint64_t kSmallestHole = 64 << 10;
/// From here on a file's further holes are read as zeros.
inline constexpr std::size_t kMostHoles = 50000;

/// Where a file has data: all of it, unless it takes less room on the disk than it is long (SEEK_DATA, SEEK_HOLE).
Result<std::vector<Region>> DataRegions(int file, const struct stat& facts);

/// What to do for the next bytes: read them, or take what an earlier run has stored.
struct Step {
  Region region;
  const pb::JournalPiece* piece = nullptr;
};
/// `pieces` ascending by file_offset; what overlaps an earlier one is left out. Steps do not overlap and cover all of
/// `regions`. A piece counts also where the file system now shows a hole.
std::vector<Step> PlanReading(std::span<const Region> regions, std::span<const pb::JournalPiece> pieces);

}  // namespace strongroom::archive
