// What goes into a snapshot: files and streams, read once and placed in objects.
#include <fcntl.h>
#include <unistd.h>

#include <bit>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <thread>

#include "archive/paths.h"
#include "archive/putter.h"

namespace strongroom::archive {
namespace {

constexpr std::size_t kMostLines = 1000;

/// Counts what a tree has, beside the transfer, so that the bar knows the end.
void CountBytes(const std::string& source, Progress& progress, const std::stop_token& stop) {
  std::error_code failed;
  std::uint64_t total = 0;
  if (std::filesystem::is_regular_file(source, failed)) total = std::filesystem::file_size(source, failed);
  std::filesystem::recursive_directory_iterator at(source, std::filesystem::directory_options::skip_permission_denied,
                                                   failed);
  for (; !failed && at != std::filesystem::recursive_directory_iterator() && !stop.stop_requested();
       at.increment(failed)) {
    std::error_code ignored;
    if (at->symlink_status(ignored).type() == std::filesystem::file_type::regular) total += at->file_size(ignored);
  }
  if (!stop.stop_requested()) progress.SetTotal(total);
}

struct Link {
  std::uint64_t offset = 0, length = 0;  // of the entry's record
};

std::array<std::uint8_t, 16> Identity(const struct stat& facts) {
  const std::array<std::uint64_t, 2> numbers{facts.st_dev, facts.st_ino};
  return std::bit_cast<std::array<std::uint8_t, 16>>(numbers);
}

}  // namespace

void Putter::Note(std::string_view path, std::string_view what) {
  std::string line = fmt::format("{}: {}", path.empty() ? "." : Printable(path), what);
  if (progress_) progress_->Note(line);
  reporter_.problem(line);
  ++outcome_.problems.count;
  if (outcome_.problems.lines.size() < kMostLines) outcome_.problems.lines.push_back(std::move(line));
}

Status Putter::EndPiece(const pb::Entry& entry, const struct stat& facts) {
  if (!piece_) return {};
  const pb::JournalPiece piece = *std::exchange(piece_, std::nullopt);
  SR_TRY(const std::string object, packer_->NameOf(piece_object_));
  return journal_->Piece(entry.path(), facts, object, piece.object_offset(), piece.file_offset(), piece.length());
}

Status Putter::AddExtent(pb::Entry& entry, const Placed& placed, std::uint64_t file_offset, const struct stat* facts) {
  const auto continues = [&](const pb::Extent& last) {
    return last.object() == placed.object && last.object_offset() + last.length() == placed.object_offset &&
           last.file_offset() + last.length() == file_offset;
  };
  if (entry.extents_size() > 0 && continues(entry.extents(entry.extents_size() - 1))) {
    pb::Extent* last = entry.mutable_extents(entry.extents_size() - 1);
    last->set_length(last->length() + placed.length);
    if (piece_) piece_->set_length(last->length());
    return {};
  }
  if (static_cast<std::size_t>(entry.extents_size()) == kMostExtents)
    return Error(Errc::kLimitExceeded,
                 fmt::format("'{}' would be in more than {} pieces; a larger --object-size makes them "
                             "fewer.",
                             Printable(entry.path()), kMostExtents));
  if (facts != nullptr) SR_CHECK(EndPiece(entry, *facts));
  pb::Extent* extent = entry.add_extents();
  extent->set_object(placed.object);
  extent->set_object_offset(placed.object_offset);
  extent->set_file_offset(file_offset);
  extent->set_length(placed.length);
  if (facts == nullptr) return {};
  piece_.emplace();
  piece_->set_object_offset(placed.object_offset);
  piece_->set_file_offset(file_offset);
  piece_->set_length(placed.length);
  piece_object_ = placed.object;
  return {};
}

Status Putter::Place(pb::Entry& entry, ByteView bytes, std::uint64_t file_offset, const struct stat* facts) {
  progress_->Add(bytes.size());
  outcome_.sent_bytes += bytes.size();
  return packer_->Append(bytes, [&](const Placed& placed) -> Status {
    SR_CHECK(AddExtent(entry, placed, file_offset, facts));
    file_offset += placed.length;
    return {};
  });
}

Status Putter::ReadStream() {
  pb::Entry entry;
  entry.set_path("-");
  entry.set_type(pb::TYPE_FILE);
  entry.set_mode(0600);
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  entry.set_mtime_seconds(now.tv_sec);
  entry.set_mtime_nanoseconds(static_cast<std::uint32_t>(now.tv_nsec));
  std::uint64_t size = 0;
  for (;;) {
    SR_TRY(const std::size_t got, ReadFull(STDIN_FILENO, room_, "Standard input"));
    SR_CHECK(Place(entry, ByteView(room_).first(got), size, nullptr));
    size += got;
    if (got < room_.size()) break;
  }
  entry.set_size(size);
  return Keep(entry);
}

Status Putter::ReadTree() {
  std::jthread counter;
  if (reporter_.style == ProgressStyle::kBar)
    counter = std::jthread([this](const std::stop_token& stop) { CountBytes(options_.source, *progress_, stop); });
  return WalkTree(
      options_.source, options_.walk, [this](Found& found) { return Visit(found); },
      [this](std::string_view path, std::string_view what) { Note(path, what); });
}

Status Putter::LinkOf(Found& found, bool& linked) {
  SR_TRY(const auto known, links_.Find(Identity(found.facts)));
  Link link;
  if (!known || known->size() != sizeof link) return {};
  std::memcpy(&link, known->data(), sizeof link);
  Bytes bytes(static_cast<std::size_t>(link.length));
  SR_CHECK(entries_->ReadAt(link.offset, bytes));
  pb::Record first;
  if (!first.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return Error(Errc::kInternal, "An entry of this snapshot cannot be read back.");
  // The number of a file that is gone may have come to another one meanwhile.
  if (first.entry().type() != found.entry.type() || first.entry().link_target() != found.entry.link_target() ||
      first.entry().device() != found.entry.device())
    return {};
  found.entry.set_hard_link(first.entry().path());
  found.entry.set_size(first.entry().size());
  found.entry.set_incomplete(first.entry().incomplete());
  *found.entry.mutable_extents() = first.entry().extents();
  linked = true;
  return {};
}

Status Putter::Visit(Found& found) {
  progress_->AddFile();
  bool linked = false;
  const bool many_names = found.entry.type() != pb::TYPE_DIRECTORY && found.facts.st_nlink > 1;
  if (many_names) SR_CHECK(LinkOf(found, linked));
  if (!linked && found.entry.type() == pb::TYPE_FILE) SR_CHECK(FileContent(found));
  const std::uint64_t offset = entries_->size();
  SR_CHECK(Keep(found.entry));
  if (many_names && !linked) {
    const std::uint64_t length = entries_->size() - offset;
    // Behind the length that stands before the record.
    const std::uint64_t head = length < 129 ? 1 : length < 16387 ? 2 : length < 2097156 ? 3 : 4;
    const Link link{offset + head, length - head};
    SR_CHECK(links_.Put(Identity(found.facts), {reinterpret_cast<const std::uint8_t*>(&link), sizeof link}));
  }
  return {};
}

Status Putter::ReadRegion(Found& found, const Region& region, bool& changed) {
  std::uint64_t at = region.begin;
  while (at < region.end) {
    const std::size_t want = static_cast<std::size_t>(std::min<std::uint64_t>(room_.size(), region.end - at));
    const auto got = PreadFull(found.file.get(), std::span(room_).first(want), at, "It cannot be read");
    if (!got.ok()) {
      Note(found.entry.path(),
           got.error().public_message() +
               fmt::format(" The snapshot has its first {} bytes and says that there were more.", at));
      found.entry.set_incomplete(true);
      found.entry.set_size(at);
      changed = true;
      return {};
    }
    SR_CHECK(Place(found.entry, ByteView(room_).first(*got), at, &found.facts));
    at += *got;
    if (*got < want) {
      changed = true;  // somebody has cut it
      found.entry.set_size(at);
      return {};
    }
  }
  return {};
}

Status Putter::FileContent(Found& found) {
  pb::Entry& entry = found.entry;
  const auto size = static_cast<std::uint64_t>(found.facts.st_size);
  entry.set_size(size);
  SR_TRY(const std::vector<pb::JournalPiece> stored, journal_->PiecesOf(entry.path(), found.facts));
  SR_TRY(const std::vector<Region> regions, DataRegions(found.file.get(), found.facts));
  std::uint64_t extents = regions.size() + stored.size();
  for (const Region& region : regions) extents += (region.end - region.begin) / options_.pack.object_bytes;
  if (extents >= kMostExtents) {
    Note(entry.path(), fmt::format("It would be in more than {} pieces of objects of {}; a larger --object-size makes "
                                   "them fewer. The snapshot has nothing of it.",
                                   kMostExtents, BytesText(options_.pack.object_bytes)));
    entry.set_size(0);
    entry.set_incomplete(true);
    return {};
  }
  bool changed = false;
  for (const Step& step : PlanReading(regions, stored)) {
    if (step.piece == nullptr) {
      SR_CHECK(ReadRegion(found, step.region, changed));
      if (changed) break;
      continue;
    }
    SR_TRY(const auto facts, journal_->StoredFacts(Hex(AsBytes(step.piece->object()))));
    if (!facts) return Error(Errc::kInternal, "An object of the interrupted attempt is not known any more.");
    SR_TRY(const std::uint64_t object, packer_->Reuse(*facts));
    const Placed placed{.object = object, .object_offset = step.piece->object_offset(), .length = step.piece->length()};
    if (placed.object_offset + placed.length > facts->plaintext_bytes)
      return Error(Errc::kCorrupted, "The journal of the interrupted attempt is not sound; drop it with `delete`.");
    SR_CHECK(AddExtent(entry, placed, step.region.begin, &found.facts));
    outcome_.reused_bytes += placed.length;
    progress_->Add(placed.length);
  }
  struct stat after {};
  const bool same =
      ::fstat(found.file.get(), &after) == 0 && after.st_size == found.facts.st_size &&
      after.st_mtim.tv_sec == found.facts.st_mtim.tv_sec && after.st_mtim.tv_nsec == found.facts.st_mtim.tv_nsec &&
      after.st_ctim.tv_sec == found.facts.st_ctim.tv_sec && after.st_ctim.tv_nsec == found.facts.st_ctim.tv_nsec;
  if (!same || changed) {
    piece_.reset();
    if (!entry.incomplete()) Note(entry.path(), "It changed while it was read; the snapshot has what was read.");
    return {};
  }
  return EndPiece(entry, found.facts);
}

Status Putter::Keep(const pb::Entry& entry) {
  pb::Record record;
  *record.mutable_entry() = entry;
  if (record.ByteSizeLong() > kLargestRecord)
    return Error(Errc::kLimitExceeded, fmt::format("What describes '{}' is over 16 MiB.", Printable(entry.path())));
  record_.clear();
  AppendRecord(record_, record);
  ++outcome_.entries;
  if (entry.hard_link().empty()) outcome_.file_bytes += entry.size();
  const auto appended = entries_->Append(record_);
  if (!appended.ok()) return appended.error();
  return {};
}

}  // namespace strongroom::archive
