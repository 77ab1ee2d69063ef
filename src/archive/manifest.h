#pragma once

#include <functional>
#include <string>
#include <vector>

#include "archive/manifest.pb.h"
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

/// What binds an object: message, commitment, all frames.
struct ObjectFacts {
  std::string name{};  // the last part of its name, 32 hex digits
  std::array<std::uint8_t, 32> message_id{}, commitment{}, tags_digest{}, data_key{};
  std::uint64_t plaintext_bytes = 0, stored_bytes = 0;
};

/// A decrypted manifest, whole on disk and checked.
///
/// Promise   every entry that ForEach shows has a sound path below a directory entry before it, no path comes twice,
/// and
///           its extents lie within their objects and within the file without overlapping.
/// Memory    the objects (some 200 bytes each) and one record.
class Manifest {
 public:
  /// Takes the plaintext and checks all of it. Errors: kCorrupted, which says what is wrong; kUnsupported for another
  /// format.
  static Result<Manifest> Open(Spool spool);

  const pb::Header& header() const noexcept { return header_; }
  const pb::End& totals() const noexcept { return end_; }
  const std::vector<ObjectFacts>& objects() const noexcept { return objects_; }

  /// Every entry in order, with the offset at which EntryAt finds it again. `visit` may answer an error, which ends it.
  using Visit = std::function<Status(const pb::Entry& entry, std::uint64_t offset)>;
  Status ForEach(const Visit& visit) const;
  Result<pb::Entry> EntryAt(std::uint64_t offset) const;

 private:
  Status CheckAll();

  Spool spool_;
  std::uint64_t entries_begin_ = 0, entries_end_ = 0;
  pb::Header header_;
  pb::End end_;
  std::vector<ObjectFacts> objects_;
};

/// Checks that entries come in order, one by one.
class EntryChecker {
 public:
  explicit EntryChecker(const std::vector<ObjectFacts>& objects, bool stream) : objects_(&objects), stream_(stream) {}
  /// Errors: kCorrupted.
  Status Next(const pb::Entry& entry);

 private:
  Status CheckPlace(const pb::Entry& entry);
  Status CheckContent(const pb::Entry& entry) const;

  const std::vector<ObjectFacts>* objects_;
  bool stream_;
  bool any_ = false;
  std::string last_;       // the path before
  std::string directory_;  // the directory that the next entry may lie in, or in one above it
  bool root_is_directory_ = false;
};

/// Fields of fixed length. Errors: kCorrupted.
Result<ObjectFacts> FactsOf(const pb::Object& object);
pb::Object ToRecord(const ObjectFacts& facts);

}  // namespace strongroom::archive
