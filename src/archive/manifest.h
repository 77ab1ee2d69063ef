#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "archive/manifest.pb.h"
#include "archive/object_table.h"
#include "archive/record_sorter.h"
#include "archive/spool.h"

namespace strongroom::archive {

inline constexpr std::uint32_t kManifestFormat = 1;
/// A record larger than this is nobody's: a file has at most kMostExtents extents, its attributes are the kernel's.
inline constexpr std::size_t kLargestRecord = std::size_t{16} << 20;
inline constexpr std::size_t kMostExtents = 65536;
inline constexpr std::uint64_t kMostObjects = std::uint64_t{1} << 24;

/// `message` with its length before it.
void AppendRecord(Bytes& to, const google::protobuf::MessageLite& message);
/// The next record of a spool. Errors: kCorrupted.
Status ReadRecord(SpoolCursor& cursor, google::protobuf::MessageLite& message);

/// A decrypted manifest, whole on disk and checked.
///
/// Promise   every entry that ForEach shows has a sound path below a directory entry before it, no path comes twice,
/// and
///           its extents lie within their objects and within the file without overlapping. A hard link is of an entry
///           before it that is no link itself, and has the same content.
/// Memory    one record and some 30 MiB; objects and hard links beyond that are on disk.
class Manifest {
 public:
  /// Takes the plaintext and checks all of it. Errors: kCorrupted, which says what is wrong; kUnsupported for another
  /// format.
  static Result<Manifest> Open(Spool spool);

  const pb::Header& header() const noexcept { return header_; }
  const pb::End& totals() const noexcept { return end_; }
  const ObjectTable& objects() const noexcept { return objects_; }

  /// Every entry in order, with the offset at which EntryAt finds it again. `visit` may answer an error, which ends it.
  using Visit = std::function<Status(const pb::Entry& entry, std::uint64_t offset)>;
  Status ForEach(const Visit& visit) const;
  Result<pb::Entry> EntryAt(std::uint64_t offset) const;

 private:
  Status CheckAll();
  Status CheckLinks(RecordSorter& links) const;

  Spool spool_;
  std::uint64_t entries_begin_ = 0, entries_end_ = 0;
  pb::Header header_;
  pb::End end_;
  ObjectTable objects_;
};

/// Checks that entries come in order, one by one.
class EntryChecker {
 public:
  explicit EntryChecker(const ObjectTable& objects, bool stream) : objects_(&objects), stream_(stream) {}
  /// Errors: kCorrupted.
  Status Next(const pb::Entry& entry);

 private:
  Status CheckPlace(const pb::Entry& entry);
  Status CheckContent(const pb::Entry& entry);
  Result<std::uint64_t> BytesOf(std::uint64_t object);

  const ObjectTable* objects_;
  bool stream_;
  std::optional<std::pair<std::uint64_t, std::uint64_t>> looked_up_;  // the last object and its bytes
  bool any_ = false;
  std::string last_;       // the path before
  std::string directory_;  // the directory that the next entry may lie in, or in one above it
  bool root_is_directory_ = false;
};

/// Fields of fixed length. Errors: kCorrupted.
Result<ObjectFacts> FactsOf(const pb::Object& object);
pb::Object ToRecord(const ObjectFacts& facts);

}  // namespace strongroom::archive
