#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace strongroom::aws_client {

/// Whether what has the name already is replaced, or makes the call fail with kAlreadyExists.
enum class PutIf : std::uint8_t {
  kAny,
  kAbsent,          // also where the server ignores the condition, but for another writer at the very same time
  kAbsentToServer,  // by the server's condition alone, so that one sees whether it has any; kUnsupported if it says no
};

/// `length` bytes from `offset` on; what lies beyond the object's end is left out.
struct ByteRange {
  std::uint64_t offset = 0, length = 0;
};

struct ObjectInfo {
  std::string name{};
  std::uint64_t size = 0;
  /// Changes when the content does. Opaque; empty where the store has none.
  std::string etag{};
};

struct ObjectPage {
  std::vector<ObjectInfo> objects{};  // ascending by the bytes of their names
  bool more = false;                  // ask again, starting after the last name
};

/// Gets an object's bytes piece by piece; an error ends the transfer and is what Get answers.
using ByteSink = std::function<Status(ByteView)>;

/// One object that is sent in parts.
///
/// Promise   the object exists from Complete on and not before, with the bytes of parts 1, 2, 3... in that order.
/// Threads   Part from any number of threads, in any order; Complete and Abort once every Part has returned.
class Upload {
 public:
  Upload() = default;
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;
  /// Gives up what was neither completed nor aborted without telling the store: call Abort for that.
  virtual ~Upload() = default;

  /// `number` counts from 1. Each part but the one with the highest number has exactly the part size of StartUpload; a
  /// part that is sent twice stands as it was sent last. `bytes` are used until the call returns.
  /// Errors: kInvalidArgument for a number or size out of bounds; kResourceExhausted, kUnavailable and others as of
  /// Put.
  virtual Status Part(std::uint32_t number, ByteView bytes) = 0;
  /// Errors: kAlreadyExists; kInvalidArgument when a number is missing or a part but the last is short; as of Put.
  virtual Result<ObjectInfo> Complete(PutIf put_if) = 0;
  /// Drops what was sent. Also fine after Complete, then without effect.
  virtual Status Abort() = 0;
};

/// Where objects are kept under names: a directory, or a bucket behind S3's API.
///
/// Promise   an object is there with all of its bytes or not at all, whatever is cut or killed; once Put or Complete
/// has
///           answered, it outlives a power failure. Failures that may pass are tried again inside.
/// Names     "a/b/c": up to 900 bytes of UTF-8 without control characters, segments of 1 to 255 bytes, none of them "."
///           or ".." (CheckObjectName). kInvalidArgument for others. No object is to have the name of another's folder:
///           "a" and "a/b" are not both possible in a directory.
/// Errors    kNotFound; kAccessDenied, whose text names the missing permission; kAlreadyExists (PutIf::kAbsent);
///           kUnavailable, kTimeout and kThrottled when retries did not help; kResourceExhausted for a full disk or
///           quota; kCorrupted when what came does not have the checksum that it was stored with; kCancelled.
/// Threads   any number of calls at once.
class ObjectStore {
 public:
  ObjectStore() = default;
  ObjectStore(const ObjectStore&) = delete;
  ObjectStore& operator=(const ObjectStore&) = delete;
  virtual ~ObjectStore() = default;

  /// "s3://bucket/prefix" or the directory, for messages.
  virtual std::string Description() const = 0;
  /// That the bucket or directory is there and we may ask. Errors: kNotFound, kAccessDenied, kUnavailable and so on.
  virtual Status Check() = 0;

  virtual Result<ObjectInfo> Put(std::string_view name, ByteView bytes, PutIf put_if) = 0;
  /// `part_bytes`: from kSmallestPartBytes to kLargestPartBytes.
  virtual Result<std::unique_ptr<Upload>> StartUpload(std::string_view name, std::size_t part_bytes) = 0;
  /// Hands the bytes to `sink` in order, each once, also when the connection was cut and taken up again between.
  /// Without `range` the whole object; what was handed on is only good if the call succeeds. kConflict when the object
  /// was replaced during the transfer.
  virtual Result<ObjectInfo> Get(std::string_view name, std::optional<ByteRange> range, const ByteSink& sink) = 0;
  virtual Result<ObjectInfo> Head(std::string_view name) = 0;
  /// Objects whose names begin with `prefix` and come after `start_after` (empty: from the first one), at most `most`
  /// (up to 1,000) per page. `prefix` is any beginning of a name, not only whole segments.
  virtual Result<ObjectPage> List(std::string_view prefix, std::string_view start_after, std::size_t most = 1000) = 0;
  /// Objects that are not there count as deleted. After an error some may be deleted.
  virtual Status Delete(std::span<const std::string> names) = 0;
  /// Drops uploads to names that begin with `prefix` which were started at least `age` ago and never ended; returns
  /// their number. An upload that somebody still works on fails then. A directory keeps no names of unfinished uploads:
  /// there all of that age go, but for those that a process works on.
  virtual Result<std::size_t> DropUnfinishedUploads(std::string_view prefix, std::chrono::seconds age) = 0;
};

inline constexpr std::size_t kSmallestPartBytes = std::size_t{5} << 20;  // S3's bound
inline constexpr std::size_t kLargestPartBytes = std::size_t{1} << 30;
inline constexpr std::uint32_t kMostParts = 10000;
inline constexpr std::size_t kLongestObjectName = 900;

/// Errors: kInvalidArgument, which says what is wrong with the name.
Status CheckObjectName(std::string_view name);
/// The whole object in memory. Errors: as of Get; kInvalidArgument when it has more than `most` bytes.
Result<Bytes> GetAll(ObjectStore& store, std::string_view name, std::size_t most);

}  // namespace strongroom::aws_client
