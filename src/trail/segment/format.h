#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "crypto/hash.h"

namespace strongroom::trail {

using ChainHash = crypto::Sha256Digest;

/// Longest entry that a segment has; a longer one is damage.
inline constexpr std::size_t kLongestEntry = 1 << 20;
/// A segment is closed when it is that long.
inline constexpr std::size_t kSegmentBytes = 64 << 20;
/// What is compressed as one piece, and found as one piece by the index.
inline constexpr std::size_t kBlockBytes = 64 << 10;
/// Longest block as it comes out of its compression.
inline constexpr std::size_t kMostUnpackedBlock = kBlockBytes + kLongestEntry + 4;

/// What a segment begins with: `"SRA" | u8 version = 1 | u8 n, front end | u64 number | u64 first record | u64 opened,
/// milliseconds | hash of the last entry of the segment before (32; zeros in the first)` (docs/formats.md).
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
/// What the first entry names as the hash before it.
ChainHash HashOf(const SegmentHeader& header);

/// One record in a segment: `u32 n of what follows | u64 milliseconds | hash of the entry before (32) | u16 n, facts |
/// JSON`. Views into the segment.
struct Entry {
  std::int64_t millis = 0;
  ChainHash previous{};
  std::string_view facts, json;
  std::string_view bytes;  // the whole entry

  ChainHash Hash() const { return crypto::Sha256(AsBytes(bytes)); }
};

/// Goes through entries that stand one behind the other.
class EntryReader {
 public:
  explicit EntryReader(std::string_view in) : in_(in) {}
  /// False at the end, or before an entry that is not there as a whole. Errors: kCorrupted.
  Result<bool> Next(Entry& entry);
  /// What has not been read.
  std::string_view rest() const { return in_; }

 private:
  std::string_view in_;
};

/// Makes entries of records as trail/record makes them, one behind the other in one chain.
class Chain {
 public:
  Chain() = default;
  Chain(const ChainHash& last, std::int64_t last_millis) : last_(last), last_millis_(last_millis) {}
  /// Appends the entries of all of `records` to `out`; how many.
  std::size_t Append(std::string_view records, std::string& out);
  const ChainHash& last() const { return last_; }
  /// Time never runs backwards within a chain.
  std::int64_t last_millis() const { return last_millis_; }
  void Restart(const ChainHash& last) { last_ = last; }

 private:
  ChainHash last_{};
  std::int64_t last_millis_ = 0;
};

/// zstd, at a level that costs little. Errors of Unpacked: kCorrupted, also for what would be longer than `most`.
std::string Packed(std::string_view bytes);
Result<std::string> Unpacked(std::string_view packed, std::size_t most);

}  // namespace strongroom::trail
