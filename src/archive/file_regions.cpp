#include "archive/file_regions.h"

#include <unistd.h>

#include <cerrno>

#include "archive/fd.h"

namespace strongroom::archive {

Result<std::vector<Region>> DataRegions(int file, const struct stat& facts) {
  const auto size = static_cast<std::uint64_t>(facts.st_size);
  std::vector<Region> regions;
  if (size == 0) return regions;
  if (static_cast<std::uint64_t>(facts.st_blocks) * 512 >= size) return std::vector<Region>{{0, size}};
  std::uint64_t at = 0;
  while (at < size) {
    const off_t data = ::lseek(file, static_cast<off_t>(at), SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;  // only a hole is left
    if (data < 0) return std::vector<Region>{{0, size}};
    const off_t hole = ::lseek(file, data, SEEK_HOLE);
    const std::uint64_t begin = static_cast<std::uint64_t>(data);
    if (begin >= size) break;
    const std::uint64_t end = hole < 0 ? size : std::min(size, static_cast<std::uint64_t>(hole));
    if (!regions.empty() && begin - regions.back().end < kSmallestHole)
      regions.back().end = end;
    else if (regions.size() == kMostHoles)
      regions.back().end = size;
    else
      regions.push_back({begin, end});
    if (regions.back().end == size) break;
    at = end;
  }
  return regions;
}

std::vector<Step> PlanReading(std::span<const Region> regions, std::span<const pb::JournalPiece> pieces) {
  std::vector<Step> steps;
  std::size_t next = 0;
  std::uint64_t done = 0;
  // What of the regions lies between `done` and `until` is to be read.
  const auto read = [&](std::uint64_t until) {
    while (next < regions.size()) {
      const std::uint64_t begin = std::max(regions[next].begin, done);
      const std::uint64_t end = std::min(regions[next].end, until);
      if (begin < end) steps.push_back({{begin, end}, nullptr});
      if (regions[next].end > until) break;
      ++next;
    }
    done = std::max(done, until);
  };
  for (const pb::JournalPiece& piece : pieces) {
    if (piece.file_offset() < done || piece.length() == 0) continue;
    read(piece.file_offset());
    done = piece.file_offset() + piece.length();
    steps.push_back({{piece.file_offset(), done}, &piece});
  }
  read(UINT64_MAX);
  return steps;
}

}  // namespace strongroom::archive
