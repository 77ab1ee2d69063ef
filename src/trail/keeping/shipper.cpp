#include "trail/keeping/shipper.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/file.h"
#include "base/log.h"
#include "trail/segment/file.h"

namespace strongroom::trail {
namespace {

namespace fs = std::filesystem;

/// What one transaction brings at most, uncompressed: far from what one may take.
constexpr std::size_t kMostPerTransaction = 8 << 20, kMostNamesPerTransaction = 10'000;

/// A part of a file. Errors: those of FileError.
Result<std::string> ReadPart(const fs::path& file, std::size_t from, std::size_t count) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return FileError("open", file, errno);
  std::string bytes(count, '\0');
  std::size_t got = 0;
  while (got < count) {
    const ssize_t one = ::pread(descriptor, bytes.data() + got, count - got, static_cast<off_t>(from + got));
    if (one < 0 && errno == EINTR) continue;
    if (one < 0) {
      const int why = errno;
      ::close(descriptor);
      return FileError("read", file, why);
    }
    if (one == 0) break;
    got += static_cast<std::size_t>(one);
  }
  ::close(descriptor);
  bytes.resize(got);
  return bytes;
}

/// How many bytes of these are whole groups.
std::size_t WholeGroups(std::string_view bytes) {
  GroupReader reader(bytes);
  Group group;
  for (;;) {
    const auto next = reader.Next(group);
    if (!next.ok() || !*next) return bytes.size() - reader.rest().size();
  }
}

}  // namespace

Shipper::Shipper(store::Database& database, fs::path directory, std::string front_end)
    : database_(database), directory_(std::move(directory)), front_end_(std::move(front_end)) {}

Result<bool> Shipper::Begin(std::int64_t number) {
  const fs::path file = SegmentFile(directory_, number);
  SR_TRY(const std::string head, ReadPart(file, 0, 512));
  std::size_t used = 0;
  auto header = ParseHeader(head, used);
  if (!header.ok()) return Error(Errc::kCorrupted, file.string() + ": " + header.error().public_message());
  segment_.emplace(Segment{Indexer(std::move(*header)), used, false});
  return true;
}

Status Shipper::Send(bool closed) {
  unsent_->segment.closed = closed;
  const bool anew = !segment_->begun;
  const Status sent = database_.Transact([&](store::Transaction& t) -> Status {
    if (!anew) {
      SR_TRY(const auto there, LoadSegment(t, front_end_, unsent_->segment.number));
      // What was closed is signed and delivered as it is; more to come of it has no place there.
      if (there && there->closed && there->records < unsent_->segment.records)
        return Error(Errc::kConflict, "Segment " + std::to_string(there->number) +
                                          " was closed by another front end, which took this one for gone.");
    }
    if (anew) SR_CHECK(RemoveSegment(t, front_end_, unsent_->segment.number));
    for (const Indexer::Block& block : unsent_->blocks)
      SR_CHECK(PutBlock(t, front_end_, unsent_->segment.number, block.number, block.packed));
    for (const IndexRow& row : unsent_->index) SR_CHECK(PutIndex(t, row));
    return PutSegment(t, unsent_->segment);
  });
  SR_CHECK(sent);
  unsent_.reset();
  segment_->begun = true;
  return {};
}

/// What the indexer has that is new.
Status Shipper::Bring(std::size_t most_names) {
  unsent_ = segment_->indexer.Take(most_names);
  return Send(false);
}

Result<bool> Shipper::Ship(const DurableTo& to, Names names) {
  bool any = false;
  std::size_t portion = kPortion;
  if (unsent_) {
    SR_CHECK(Send(false));
    any = true;
  }
  for (;;) {
    if (!segment_) {
      SR_TRY(const auto numbers, ListSegments(directory_));
      if (numbers.empty() || numbers.front() > to.number) return any;
      SR_CHECK(Begin(numbers.front()));
    }
    Indexer& indexer = segment_->indexer;
    const std::int64_t number = indexer.header().number;
    const fs::path file = SegmentFile(directory_, number);
    std::error_code failed;
    const bool closed = number < to.number;
    const std::size_t size = closed ? static_cast<std::size_t>(fs::file_size(file, failed)) : to.bytes;
    if (failed) return FileError("read", file, failed.value());
    const std::size_t left = size - std::min(size, segment_->offset);
    SR_TRY(std::string bytes, ReadPart(file, segment_->offset, std::min(left, kMostPerTransaction)));
    bytes.resize(WholeGroups(bytes));
    const bool fresh = !bytes.empty();
    if (fresh) {
      SR_CHECK(indexer.Feed(bytes));
      segment_->offset += bytes.size();
    }
    const bool all = closed || names == Names::kAll;
    if (fresh || (indexer.waiting_names() > 0 && (all || portion > 0))) {
      SR_CHECK(Bring(all ? kMostNamesPerTransaction : std::exchange(portion, 0)));
      any = true;
      continue;
    }
    if (!closed) return any;
    unsent_ = indexer.Take();
    SR_CHECK(Send(true));
    fs::remove(file, failed);
    if (failed) return FileError("remove", file, failed.value());
    segment_.reset();
    any = true;
  }
}

}  // namespace strongroom::trail
