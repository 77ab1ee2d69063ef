#include "archive/operations.h"
#include "archive/paths.h"
#include "archive/snapshot.h"

namespace strongroom::archive {
namespace {

constexpr std::size_t kZeros = 1 << 20;

/// Runs of extents that lie in one object.
struct Piece {
  int first = 0, last = 0;
};

std::vector<Piece> PiecesOf(const pb::Entry& entry) {
  std::vector<Piece> pieces;
  for (int i = 0; i < entry.extents_size(); ++i)
    if (!pieces.empty() && entry.extents(i).object() == entry.extents(i - 1).object())
      pieces.back().last = i;
    else
      pieces.push_back({i, i});
  return pieces;
}

Result<pb::Entry> Find(const Manifest& manifest, const GetOptions& options) {
  const bool stream = manifest.header().stream();
  if (stream != (options.path == "-"))
    return Error(Errc::kInvalidArgument,
                 stream ? fmt::format("The snapshot '{}' is a stream; its one path is '-'.", options.snapshot)
                        : fmt::format("The snapshot '{}' is a tree: name a file in it.", options.snapshot));
  std::optional<pb::Entry> found;
  SR_CHECK(manifest.ForEach([&](const pb::Entry& entry, std::uint64_t) -> Status {
    if (entry.path() == options.path) found = entry;
    return {};
  }));
  if (!found) return Error(Errc::kNotFound, fmt::format("There is no '{}' in the snapshot.", Printable(options.path)));
  if (found->type() != pb::TYPE_FILE)
    return Error(Errc::kInvalidArgument, fmt::format("'{}' is no file.", Printable(options.path)));
  return *std::move(found);
}

class Output {
 public:
  Output(int fd, Progress& progress) : fd_(fd), progress_(progress), zeros_(kZeros) {}
  Status Write(ByteView bytes) {
    begun_ = begun_ || !bytes.empty();
    SR_CHECK(WriteAll(fd_, bytes, "The output"));
    at_ += bytes.size();
    progress_.Add(bytes.size());
    return {};
  }
  Status ZerosUpTo(std::uint64_t offset) {
    while (at_ < offset)
      SR_CHECK(Write(ByteView(zeros_).first(static_cast<std::size_t>(std::min<std::uint64_t>(offset - at_, kZeros)))));
    return {};
  }
  std::uint64_t at() const noexcept { return at_; }
  bool begun() const noexcept { return begun_; }

 private:
  int fd_;
  Progress& progress_;
  Bytes zeros_;
  std::uint64_t at_ = 0;
  bool begun_ = false;  // some bytes may be out
};

}  // namespace

Result<GetOutcome> Get(const Access& access, const GetOptions& options, const Reporter& reporter) {
  SR_TRY(const Snapshot snapshot, OpenSnapshot(access, options.snapshot));
  SR_TRY(const pb::Entry entry, Find(snapshot.manifest, options));
  const std::vector<Piece> pieces = PiecesOf(entry);
  Progress progress("read", reporter.style);
  progress.SetTotal(entry.size());
  Output output(options.output, progress);
  const ObjectReader reader = snapshot.Reader(*access.store);
  const auto object_of = [&](std::uint64_t i) {
    return entry.extents(pieces[static_cast<std::size_t>(i)].first).object();
  };
  Status done = InOrder(
      pieces.size(), ReadThreads(snapshot.manifest.objects()),
      [&](std::uint64_t i, PlainBuffer& buffer) { return reader.Fetch(object_of(i), buffer); },
      [&](std::uint64_t i, ByteView plaintext) -> Status {
        const Piece& piece = pieces[static_cast<std::size_t>(i)];
        for (int e = piece.first; e <= piece.last; ++e) {
          const pb::Extent& extent = entry.extents(e);
          SR_CHECK(output.ZerosUpTo(extent.file_offset()));
          SR_CHECK(output.Write(plaintext.subspan(static_cast<std::size_t>(extent.object_offset()),
                                                  static_cast<std::size_t>(extent.length()))));
        }
        return {};
      });
  if (done.ok()) done = output.ZerosUpTo(entry.size());
  if (!done.ok()) {
    if (!output.begun()) return std::move(done).error();
    return Error(done.error().code(),
                 done.error().public_message() + " What was written so far is not the whole: throw it away.");
  }
  if (entry.incomplete()) {
    const std::string line = fmt::format("{}: The file had more than these {} bytes; `put` could not read the rest.",
                                         Printable(entry.path()), entry.size());
    progress.Note(line);
    reporter.problem(line);
  }
  progress.Done();
  return GetOutcome{output.at(), entry.incomplete()};
}

}  // namespace strongroom::archive
