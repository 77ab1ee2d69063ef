#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "crypto/hash.h"

namespace strongroom::trail {

using ChainHash = crypto::Sha256Digest;

/// Longest group that a segment has, and longest record as JSON; longer ones are damage.
inline constexpr std::size_t kLongestGroup = 2 << 20;
inline constexpr std::size_t kLongestJson = 1 << 20;
/// A group that is as long gets no more records.
inline constexpr std::size_t kGroupBytes = 32 << 10;
/// A segment is closed when it is that long.
inline constexpr std::size_t kSegmentBytes = 64 << 20;
/// What is compressed as one piece, and found as one piece by the index, gets no more groups when it is as long.
inline constexpr std::size_t kBlockBytes = 64 << 10;
/// Longest block as it comes out of its compression.
inline constexpr std::size_t kMostUnpackedBlock = kBlockBytes + kLongestGroup + 4;

/// What a segment begins with: `"SRA" | u8 version = 2 | u8 n, front end | u64 number | u64 number of its first record
/// | u64 opened, milliseconds | hash of the last group of the segment before (32; zeros in the first)`
/// (docs/formats.md).
struct SegmentHeader {
  std::string front_end;
  std::int64_t number = 1;
  std::int64_t first_record = 1;
  std::int64_t opened_millis = 0;
  ChainHash previous{};
};
std::string Encode(const SegmentHeader& header);
/// `used` becomes the header's length. Errors: kCorrupted.
Result<SegmentHeader> ParseHeader(std::string_view in, std::size_t& used);
/// What the first group names as the hash before it.
ChainHash HashOf(const SegmentHeader& header);

/// Records that were written together, which is what the chain is made of: `u32 n of what follows | hash of the group
/// before (32) | u64 milliseconds | u32 records | items` (segment/entry.h reads the items). Views into the segment.
struct Group {
  static constexpr std::size_t kHeadBytes = 4 + sizeof(ChainHash) + 8 + 4;

  ChainHash previous{};
  std::int64_t millis = 0;  // what its records' times are told from
  std::int64_t records = 0;
  std::string_view items;
  std::string_view bytes;  // the whole group

  ChainHash Hash() const { return crypto::Sha256(AsBytes(bytes)); }
};

/// Goes through groups that stand one behind the other.
class GroupReader {
 public:
  explicit GroupReader(std::string_view in) : in_(in) {}
  /// False at the end, or before a group that is not there as a whole. Errors: kCorrupted.
  Result<bool> Next(Group& group);
  /// What has not been read.
  std::string_view rest() const { return in_; }

 private:
  std::string_view in_;
};

/// Links groups to one chain.
class Chain {
 public:
  Chain() = default;
  explicit Chain(const ChainHash& last) : last_(last) {}
  /// Writes into each of these groups the hash of the one before it; how many records they have.
  std::int64_t Link(std::string& groups);
  const ChainHash& last() const { return last_; }

 private:
  ChainHash last_{};
};

void AppendNumber(std::uint64_t value, std::size_t bytes, std::string& out);
void PutNumber(std::uint64_t value, std::size_t bytes, char* to);
std::uint64_t ReadNumber(std::string_view in, std::size_t bytes);

/// zstd, at a level that costs little. Errors of Unpacked: kCorrupted, also for what would be longer than `most`.
std::string Packed(std::string_view bytes);
Result<std::string> Unpacked(std::string_view packed, std::size_t most);

}  // namespace strongroom::trail
