#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "archive/file_regions.h"
#include "archive/journal.h"
#include "archive/manifest_writer.h"
#include "archive/operations.h"
#include "archive/paths.h"
#include "archive/snapshot.h"
#include "encryption_sdk/errors.h"

namespace strongroom::archive {
namespace {

namespace esdk = encryption_sdk;

constexpr std::size_t kReadBytes = std::size_t{1} << 20;
constexpr std::size_t kMostLinks = std::size_t{1} << 20;
constexpr std::size_t kMostLines = 1000;

std::string HostName() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? std::string(name) : std::string();
}

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

class Putter {
 public:
  Putter(const Access& access, const PutOptions& options, const Reporter& reporter)
      : access_(access),
        options_(options),
        reporter_(reporter),
        stream_(options.source == "-"),
        progress_(std::make_unique<Progress>("sent", reporter.style)),
        room_(kReadBytes) {}

  Result<PutOutcome> Run();

 private:
  Status Prepare();
  Status DropEarlier();
  Status ReadStream();
  Status ReadTree();
  Status Visit(Found& found);
  Status FileContent(Found& found);
  Status ReadRegion(Found& found, const Region& region, bool& changed);
  Status Place(pb::Entry& entry, ByteView bytes, std::uint64_t file_offset, const struct stat* facts);
  Status AddExtent(pb::Entry& entry, const Placed& placed, std::uint64_t file_offset, const struct stat* facts);
  Status EndPiece(const pb::Entry& entry, const struct stat& facts);
  Status Keep(const pb::Entry& entry);
  Status LinkOf(Found& found, bool& linked);
  void Note(std::string_view path, std::string_view what);
  Status WriteManifest(Spool& sealed);
  void DropOurs();
  Status DropUnused();

  const Access& access_;
  const PutOptions& options_;
  const Reporter& reporter_;
  const bool stream_;
  PutOutcome outcome_;
  std::unique_ptr<Progress> progress_;
  esdk::EncryptionContext context_;
  esdk::CmmPtr cmm_;
  std::unique_ptr<Journal> journal_;
  std::optional<Packer> packer_;
  std::optional<Spool> entries_;
  Bytes room_, record_;
  std::optional<pb::JournalPiece> piece_;  // being filled: object, object_offset, file_offset, length
  std::uint64_t piece_object_ = 0;
  struct Link {
    std::uint64_t offset = 0, length = 0;  // of the entry's record
  };
  std::map<std::pair<dev_t, ino_t>, Link> links_;
};

void Putter::Note(std::string_view path, std::string_view what) {
  std::string line = fmt::format("{}: {}", path.empty() ? "." : Printable(path), what);
  if (progress_) progress_->Note(line);
  reporter_.problem(line);
  ++outcome_.problems.count;
  if (outcome_.problems.lines.size() < kMostLines) outcome_.problems.lines.push_back(std::move(line));
}

Status Putter::Prepare() {
  SR_CHECK(CheckName("snapshot", options_.snapshot));
  const auto there = access_.store->Head(ManifestOf(options_.snapshot));
  if (there.ok())
    return Error(Errc::kAlreadyExists, fmt::format("There is a snapshot '{}' already; a snapshot never changes. Choose "
                                                   "another name, or delete it first.",
                                                   options_.snapshot));
  if (there.error().code() != Errc::kNotFound) return there.error();

  context_ = options_.context;
  for (const auto& [name, value] : options_.context)
    if (name.starts_with("strongroom:"))
      return Error(Errc::kInvalidArgument, "Names in the encryption context that begin with 'strongroom:' are taken.");
  context_[std::string(kContextLocation)] = access_.location.id;
  context_[std::string(kContextSnapshot)] = options_.snapshot;
  context_[std::string(kContextPath)] = ContextPath(options_.source);
  SR_TRY(auto keyring, access_.WritingKeyring(access_.location.keys));
  esdk::CacheLimits limits;
  limits.max_age = options_.key_age;
  limits.max_messages = options_.key_messages;
  limits.max_bytes = options_.key_bytes;
  SR_TRY(cmm_, esdk::MakeCachingCmm(esdk::MakeDefaultCmm(std::move(keyring)), std::move(limits)));

  std::vector<std::string> wrapping_keys = access_.location.keys.kms_keys;
  for (const OfflineKey& key : access_.location.keys.offline) wrapping_keys.push_back(key.name);
  SR_TRY(journal_, Journal::Open(access_.location.id, options_.snapshot));
  if (journal_->resumes()) {
    const pb::JournalHead& earlier = journal_->earlier();
    if (stream_ || earlier.source() == "-") {
      reporter_.note("An earlier attempt was interrupted. A stream cannot be taken up again: it is sent anew.");
      SR_CHECK(DropEarlier());
    } else if (!std::equal(earlier.wrapping_keys().begin(), earlier.wrapping_keys().end(), wrapping_keys.begin(),
                           wrapping_keys.end())) {
      // What is stored opens with the keys from before, which may be gone when it is to be read.
      reporter_.note("The location's keys have changed since an earlier attempt: everything is sent anew.");
      SR_CHECK(DropEarlier());
    } else if (earlier.source() != options_.source || earlier.signed_objects() != options_.pack.sign) {
      return Error(Errc::kConflict, fmt::format("There is an unfinished snapshot '{}' of '{}'{}. Finish it, or drop it "
                                                "with `delete`.",
                                                options_.snapshot, Printable(earlier.source()),
                                                earlier.signed_objects() ? " with --sign" : ""));
    } else {
      std::uint64_t bytes = 0;
      for (const auto& [name, facts] : journal_->stored()) bytes += facts.plaintext_bytes;
      reporter_.note(fmt::format("Going on after an interruption: {} are stored already.", BytesText(bytes)));
    }
  }
  pb::JournalHead head;
  head.set_format(1);
  head.set_location_id(access_.location.id);
  head.set_snapshot(options_.snapshot);
  head.set_source(options_.source);
  head.set_signed_objects(options_.pack.sign);
  head.mutable_wrapping_keys()->Assign(wrapping_keys.begin(), wrapping_keys.end());
  SR_CHECK(journal_->Begin(head));
  SR_TRY(Spool spool, Spool::Make());
  entries_.emplace(std::move(spool));
  packer_.emplace(*access_.store, DataPrefixOf(options_.snapshot), *cmm_, context_, options_.pack, journal_.get());
  return {};
}

Status Putter::DropEarlier() {
  std::vector<std::string> names;
  for (const std::string& name : journal_->started()) names.push_back(DataPrefixOf(options_.snapshot) + name);
  for (const std::string& name : names) SR_CHECK(access_.store->DropUnfinishedUploads(name, std::chrono::seconds(0)));
  SR_CHECK(access_.store->Delete(names));
  SR_CHECK(journal_->Remove());
  SR_TRY(journal_, Journal::Open(access_.location.id, options_.snapshot));
  return {};
}

Status Putter::EndPiece(const pb::Entry& entry, const struct stat& facts) {
  if (!piece_) return {};
  const pb::JournalPiece piece = *std::exchange(piece_, std::nullopt);
  return journal_->Piece(entry.path(), facts, packer_->NameOf(piece_object_), piece.object_offset(),
                         piece.file_offset(), piece.length());
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
  const auto key = std::make_pair(found.facts.st_dev, found.facts.st_ino);
  const auto known = links_.find(key);
  if (known == links_.end()) return {};
  Bytes bytes(static_cast<std::size_t>(known->second.length));
  SR_CHECK(entries_->ReadAt(known->second.offset, bytes));
  pb::Record first;
  if (!first.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return Error(Errc::kInternal, "An entry of this snapshot cannot be read back.");
  found.entry.set_hard_link(first.entry().path());
  found.entry.set_size(first.entry().size());
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
  if (many_names && !linked && links_.size() < kMostLinks) {
    const std::uint64_t length = entries_->size() - offset;
    // Behind the length that stands before the record.
    const std::uint64_t head = length < 129 ? 1 : length < 16387 ? 2 : length < 2097156 ? 3 : 4;
    links_.emplace(std::make_pair(found.facts.st_dev, found.facts.st_ino), Link{offset + head, length - head});
  }
  return {};
}

Status Putter::ReadRegion(Found& found, const Region& region, bool& changed) {
  std::uint64_t at = region.begin;
  while (at < region.end) {
    const std::size_t want = static_cast<std::size_t>(std::min<std::uint64_t>(room_.size(), region.end - at));
    const auto got = PreadFull(found.file.get(), std::span(room_).first(want), at, "It cannot be read");
    if (!got.ok()) {
      Note(found.entry.path(), got.error().public_message());
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
  bool changed = false;
  for (const Step& step : PlanReading(regions, stored)) {
    if (step.piece == nullptr) {
      SR_CHECK(ReadRegion(found, step.region, changed));
      if (changed) break;
      continue;
    }
    const auto facts = journal_->stored().find(Hex(AsBytes(step.piece->object())));
    const Placed placed{.object = packer_->Reuse(facts->second),
                        .object_offset = step.piece->object_offset(),
                        .length = step.piece->length()};
    if (placed.object_offset + placed.length > facts->second.plaintext_bytes)
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
    Note(entry.path(), "It changed while it was read; the snapshot has what was read.");
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

Status Putter::WriteManifest(Spool& sealed) {
  pb::Header header;
  header.set_format(kManifestFormat);
  header.set_location_id(access_.location.id);
  header.set_snapshot(options_.snapshot);
  header.set_created_ms(
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count());
  header.set_source(options_.source);
  header.set_stream(stream_);
  header.set_object_bytes(options_.pack.object_bytes);
  header.set_signed_objects(options_.pack.sign);
  header.set_host(HostName());
  header.set_program("strongroom " STRONGROOM_VERSION);
  pb::End end;
  end.set_objects(packer_->objects().size());
  end.set_entries(outcome_.entries);
  end.set_file_bytes(outcome_.file_bytes);
  SR_CHECK(entries_->Flush());
  return SealManifest(*cmm_, context_, {header, packer_->objects(), *entries_, end}, sealed);
}

void Putter::DropOurs() {
  std::vector<std::string> names;
  for (const std::string& name : packer_->taken()) names.push_back(DataPrefixOf(options_.snapshot) + name);
  for (const std::string& name : journal_->started()) names.push_back(DataPrefixOf(options_.snapshot) + name);
  const Status deleted = access_.store->Delete(names);
  if (!deleted.ok())
    reporter_.note("What this attempt had sent could not be deleted: " + deleted.error().public_message());
  (void)journal_->Remove().ok();
}

/// Objects of earlier runs that the manifest does not name, and uploads that nobody will end.
Status Putter::DropUnused() {
  std::set<std::string> used;
  for (const ObjectFacts& facts : packer_->objects()) used.insert(facts.name);
  std::vector<std::string> names;
  for (const std::string& name : journal_->started()) {
    if (used.contains(name)) continue;
    names.push_back(DataPrefixOf(options_.snapshot) + name);
    if (!journal_->stored().contains(name))
      SR_CHECK(access_.store->DropUnfinishedUploads(names.back(), std::chrono::seconds(0)));
  }
  if (!names.empty()) SR_CHECK(access_.store->Delete(names));
  return {};
}

Result<PutOutcome> Putter::Run() {
  SR_CHECK(Prepare());
  SR_CHECK(stream_ ? ReadStream() : ReadTree());
  SR_CHECK(packer_->Finish());
  SR_TRY(Spool sealed, Spool::Make());
  SR_CHECK(WriteManifest(sealed));
  const std::string name = ManifestOf(options_.snapshot);
  const Status sent = PutOnce(*access_.store, name, sealed);
  if (!sent.ok()) {
    if (sent.error().code() != Errc::kAlreadyExists) return sent.error();
    // An answer may have been lost on its way: then the manifest that is there is this one.
    SR_TRY(const bool ours, IsStored(*access_.store, name, sealed));
    if (!ours) {
      DropOurs();
      return Error(Errc::kAlreadyExists,
                   fmt::format("Somebody else has finished a snapshot '{}' meanwhile; theirs stands, and "
                               "what this attempt had sent is deleted.",
                               options_.snapshot));
    }
  }
  const Status dropped = DropUnused();
  if (!dropped.ok()) reporter_.note("Left-overs of an earlier attempt remain: " + dropped.error().public_message());
  SR_CHECK(journal_->Remove());
  outcome_.objects = packer_->objects().size();
  outcome_.seconds = progress_->seconds();
  progress_->Done();
  return std::move(outcome_);
}

}  // namespace

Result<PutOutcome> Put(const Access& access, const PutOptions& options, const Reporter& reporter) {
  return Putter(access, options, reporter).Run();
}

}  // namespace strongroom::archive
