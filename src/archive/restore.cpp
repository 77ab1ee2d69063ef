#include <fcntl.h>

#include <set>
#include <unordered_map>

#include "archive/extent_rows.h"
#include "archive/interruption.h"
#include "archive/operations.h"
#include "archive/paths.h"
#include "archive/restore_marker.h"
#include "archive/snapshot.h"
#include "archive/temp_table.h"
#include "crypto/hash.h"

namespace strongroom::archive {
namespace {

constexpr std::size_t kMostLines = 1000;

class Restorer {
 public:
  Restorer(const Access& access, const RestoreOptions& options, const Reporter& reporter, const Snapshot& snapshot)
      : access_(access),
        options_(options),
        reporter_(reporter),
        snapshot_(snapshot),
        progress_("restored", reporter.style) {}

  Result<RestoreOutcome> Run();

 private:
  /// By the paths that were asked for.
  bool Asked(std::string_view path) const;
  /// Asked for, and not in the place of the mark of this restore.
  bool Wanted(std::string_view path) const;
  bool OnTheWay(std::string_view path) const;
  /// The name that an entry is to be another one of; empty where the file itself is restored here.
  Result<std::string> LinkTarget(const pb::Entry& entry) const;
  std::string What() const;
  Status OpenTarget();
  Status Work();
  void GiveUp();
  void Note(std::string_view path, std::string_view what);
  /// A file's own failure is noted; what would fail for all others, too, ends the work.
  Status Settle(const pb::Entry& entry, const Status& status);
  Status Plan(const pb::Entry& entry, std::uint64_t offset);
  Status RestoreObject(const ExtentRows::Group& group, PlainBuffer& buffer);
  Status WriteRow(const ExtentRow& row, ByteView plaintext);
  Status FileDamaged(const ExtentRow& row);
  /// What is known of a file in several pieces.
  struct Pieces {
    std::uint64_t left = 0;  // bytes
    bool damaged = false;
  };
  Pieces Count(const pb::Entry& entry, const ExtentRow& row, bool damaged);
  bool IsDamaged(const ExtentRow& row);
  Status Later(const pb::Entry& entry, std::uint64_t offset);
  Status FinishDirectories(bool root);

  const Access& access_;
  const RestoreOptions& options_;
  const Reporter& reporter_;
  const Snapshot& snapshot_;
  RestoreOutcome outcome_;
  Progress progress_;
  std::unique_ptr<TreeWriter> writer_;
  std::optional<ExtentRows> rows_;
  std::optional<RestoreMarker> marker_;
  std::optional<Spool> directories_;  // offsets of their entries
  TempTable first_names_;             // of files whose first name is not wanted: the first one that is
  std::uint64_t total_ = 0;

  std::mutex mutex_;                                  // what is below, and problems
  std::unordered_map<std::uint64_t, Pieces> pieces_;  // of those that are not through; few, since a file's pieces lie
                                                      // in neighbouring objects
};

bool Restorer::Asked(std::string_view path) const {
  return options_.paths.empty() || std::any_of(options_.paths.begin(), options_.paths.end(),
                                               [&](const std::string& wanted) { return IsWithin(path, wanted); });
}

bool Restorer::Wanted(std::string_view path) const { return Asked(path) && !IsWithin(path, RestoreMarker::kName); }

bool Restorer::OnTheWay(std::string_view path) const {
  return path != RestoreMarker::kName && std::any_of(options_.paths.begin(), options_.paths.end(),
                                                     [&](const std::string& wanted) { return IsWithin(wanted, path); });
}

void Restorer::Note(std::string_view path, std::string_view what) {
  std::string line = fmt::format("{}: {}", path.empty() ? "." : Printable(path), what);
  progress_.Note(line);
  const std::lock_guard lock(mutex_);
  reporter_.problem(line);
  ++outcome_.problems.count;
  if (outcome_.problems.lines.size() < kMostLines) outcome_.problems.lines.push_back(std::move(line));
}

Status Restorer::Settle(const pb::Entry& entry, const Status& status) {
  if (status.ok()) return {};
  if (status.error().code() == Errc::kResourceExhausted) return status.error();
  Note(entry.path(), status.error().public_message());
  return {};
}

Result<std::string> Restorer::LinkTarget(const pb::Entry& entry) const {
  if (entry.hard_link().empty() || Wanted(entry.hard_link())) return entry.hard_link();
  SR_TRY(const auto first, first_names_.Find(AsBytes(entry.hard_link())));
  if (!first || AsText(*first) == entry.path()) return std::string();
  return std::string(AsText(*first));
}

Status Restorer::Plan(const pb::Entry& entry, std::uint64_t offset) {
  SR_CHECK(Interruption::Check());
  const bool wanted = Wanted(entry.path());
  if (!wanted && Asked(entry.path()))
    Note(entry.path(), "It is not restored: `restore` keeps its own mark under this name. `get` has its content.");
  if (wanted && entry.incomplete())
    Note(entry.path(), "The file had more than what is restored; `put` could not read the rest.");
  if (entry.type() == pb::TYPE_DIRECTORY && (wanted || OnTheWay(entry.path()))) {
    SR_CHECK(Settle(entry, writer_->MakeDirectory(entry)));
    ++outcome_.entries;
    const auto kept = directories_->Append({reinterpret_cast<const std::uint8_t*>(&offset), sizeof offset});
    if (!kept.ok()) return kept.error();
    return {};
  }
  if (!wanted) return {};
  if (!entry.hard_link().empty()) {
    SR_TRY(const std::string target, LinkTarget(entry));
    if (!target.empty()) return {};
    SR_CHECK(first_names_.Put(AsBytes(entry.hard_link()), AsBytes(entry.path())));
  }
  if (entry.type() != pb::TYPE_FILE) return {};
  ++outcome_.entries;
  outcome_.file_bytes += entry.size();
  if (entry.extents_size() == 0) {
    const auto file = writer_->OpenFile(entry, offset);
    return Settle(entry, file.ok() ? writer_->FinishFile(entry, offset, *file) : Status(file.error()));
  }
  for (const pb::Extent& extent : entry.extents()) {
    total_ += extent.length();
    SR_CHECK(rows_->Add({.object = extent.object(),
                         .object_offset = extent.object_offset(),
                         .file_offset = extent.file_offset(),
                         .length = extent.length(),
                         .entry = offset}));
  }
  return {};
}

Restorer::Pieces Restorer::Count(const pb::Entry& entry, const ExtentRow& row, bool damaged) {
  const std::lock_guard lock(mutex_);
  const auto [at, first] = pieces_.try_emplace(row.entry);
  if (first)
    for (const pb::Extent& extent : entry.extents()) at->second.left += extent.length();
  at->second.left -= row.length;
  at->second.damaged = at->second.damaged || damaged;
  const Pieces now = at->second;
  if (now.left == 0) pieces_.erase(at);
  return now;
}

bool Restorer::IsDamaged(const ExtentRow& row) {
  const std::lock_guard lock(mutex_);
  const auto at = pieces_.find(row.entry);
  return at != pieces_.end() && at->second.damaged;
}

Status Restorer::WriteRow(const ExtentRow& row, ByteView plaintext) {
  SR_CHECK(Interruption::Check());
  SR_TRY(const pb::Entry entry, snapshot_.manifest.EntryAt(row.entry));
  const bool several = entry.extents_size() > 1;
  if (several && IsDamaged(row)) {
    Count(entry, row, true);
    return {};
  }
  bool counted = false, dropped = false;
  const auto write = [&]() -> Status {
    SR_TRY(const Fd file, writer_->OpenFile(entry, row.entry));
    SR_CHECK(
        PwriteAll(file.get(),
                  plaintext.subspan(static_cast<std::size_t>(row.object_offset), static_cast<std::size_t>(row.length)),
                  row.file_offset, "It cannot be written"));
    if (several) {
      const Pieces now = Count(entry, row, false);
      counted = true;
      dropped = now.damaged;
      if (now.damaged || now.left > 0) return {};
    }
    return writer_->FinishFile(entry, row.entry, file);
  };
  const Status written = write();
  if (!written.ok() || dropped) writer_->DropFile(entry, row.entry);
  if (!written.ok() && several && !counted) Count(entry, row, true);
  progress_.Add(row.length);
  return Settle(entry, written);
}

Status Restorer::FileDamaged(const ExtentRow& row) {
  SR_TRY(const pb::Entry entry, snapshot_.manifest.EntryAt(row.entry));
  if (entry.extents_size() > 1) {
    const bool known = IsDamaged(row);
    Count(entry, row, true);
    if (known) return {};
    writer_->DropFile(entry, row.entry);
  }
  Note(entry.path(), "It is not restored, since its data is damaged.");
  return {};
}

Status Restorer::RestoreObject(const ExtentRows::Group& group, PlainBuffer& buffer) {
  SR_CHECK(Interruption::Check());
  const Status fetched = snapshot_.Reader(*access_.store).Fetch(group.object, buffer);
  if (!fetched.ok() && fetched.error().code() == Errc::kCorrupted) {
    Note("data", fetched.error().public_message());
    return rows_->ForEach(group, [&](const ExtentRow& row) { return FileDamaged(row); });
  }
  SR_CHECK(fetched);
  return rows_->ForEach(group, [&](const ExtentRow& row) { return WriteRow(row, buffer.view()); });
}

Status Restorer::Later(const pb::Entry& entry, std::uint64_t offset) {
  SR_CHECK(Interruption::Check());
  if (!Wanted(entry.path()) || entry.type() == pb::TYPE_DIRECTORY) return {};
  SR_TRY(std::string target, LinkTarget(entry));
  if (!target.empty()) {
    ++outcome_.entries;
    pb::Entry link = entry;
    link.set_hard_link(std::move(target));
    return Settle(entry, writer_->MakeHardLink(link, offset));
  }
  if (entry.type() == pb::TYPE_FILE) return {};
  ++outcome_.entries;
  return Settle(entry, writer_->MakeSpecial(entry, offset));
}

/// All but the root, or the root alone.
Status Restorer::FinishDirectories(bool root) {
  std::uint64_t offset = 0;
  const std::span<std::uint8_t> room(reinterpret_cast<std::uint8_t*>(&offset), sizeof offset);
  // What is within comes before what it is in: a mode may close a directory for us.
  for (std::uint64_t at = directories_->size(); at > 0;) {
    at -= sizeof offset;
    SR_CHECK(directories_->ReadAt(at, room));
    SR_TRY(const pb::Entry entry, snapshot_.manifest.EntryAt(offset));
    if (entry.path().empty() == root) SR_CHECK(Settle(entry, writer_->FinishDirectory(entry)));
    if (root && at > 0) at = sizeof offset;  // the root's is the first one
  }
  return {};
}

Result<RestoreOutcome> Restorer::Run() {
  if (snapshot_.manifest.header().stream())
    return Error(Errc::kInvalidArgument,
                 fmt::format("The snapshot '{}' is a stream: name - in place of the directory to have "
                             "it on standard output.",
                             options_.snapshot));
  // Looked at before the target is touched.
  for (const std::string& path : options_.paths) {
    bool found = false;
    SR_CHECK(snapshot_.manifest.ForEach([&](const pb::Entry& entry, std::uint64_t) -> Status {
      found = found || entry.path() == path;
      return {};
    }));
    if (!found) return Error(Errc::kNotFound, fmt::format("There is no '{}' in the snapshot.", Printable(path)));
  }
  const Interruption interruption;
  SR_CHECK(OpenTarget());
  const Status done = Work();
  if (!done.ok()) {
    GiveUp();
    return Error(done.error().code(),
                 fmt::format("{} What is in '{}' is not the whole: the same `restore`, said again, does it anew there.",
                             done.error().public_message(), Printable(options_.target)));
  }
  outcome_.seconds = progress_.seconds();
  progress_.Done();
  return std::move(outcome_);
}

/// What an unfinished restore must have in common with this one to be completed by it.
std::string Restorer::What() const {
  const pb::Header& header = snapshot_.manifest.header();
  std::string what = fmt::format("{} of {}, location {}", header.snapshot(), header.created_ms(), header.location_id());
  if (options_.paths.empty()) return what;
  std::string all;
  for (const std::string& path : options_.paths) all += path + '\0';
  return what + ", paths " + Hex(crypto::Sha256(AsBytes(all)));
}

Status Restorer::OpenTarget() {
  RestoreRules rules = options_.rules;
  if (const Fd there(::open(options_.target.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)); there) {
    SR_TRY(const auto found, RestoreMarker::Find(there.get()));
    if (found && found->what() != What() && !rules.overwrite)
      return Error(Errc::kAlreadyExists,
                   fmt::format("In '{}' lies an unfinished restore of {}. Finish that one first, or name another "
                               "directory; --overwrite replaces what has the same names.",
                               Printable(options_.target), Printable(found->what())));
    rules.overwrite = rules.overwrite || found;
  }
  SR_TRY(writer_, TreeWriter::Open(options_.target, rules,
                                   [this](std::string_view path, std::string_view what) { Note(path, what); }));
  SR_TRY(marker_, RestoreMarker::Find(writer_->root()));
  if (!marker_) {
    SR_TRY(marker_, RestoreMarker::Make(writer_->root(), What(), writer_->tag()));
    return {};
  }
  reporter_.note("An interrupted restore lies there: it is done anew, and its temporary files are removed.");
  writer_->TakeUp(marker_->tag());
  return marker_->what() == What() ? Status() : marker_->Rewrite(What());
}

Status Restorer::Work() {
  SR_TRY(ExtentRows rows, ExtentRows::Make());
  rows_.emplace(std::move(rows));
  SR_TRY(Spool directories, Spool::Make());
  directories_.emplace(std::move(directories));
  const Manifest& manifest = snapshot_.manifest;
  SR_CHECK(manifest.ForEach([this](const pb::Entry& entry, std::uint64_t offset) { return Plan(entry, offset); }));
  SR_CHECK(rows_->Sort());
  progress_.SetTotal(total_);
  SR_CHECK(
      InParallel(rows_->groups(), ReadThreads(manifest.objects()), [&](std::uint64_t i, PlainBuffer& buffer) -> Status {
        SR_TRY(const ExtentRows::Group group, rows_->GroupAt(i));
        return RestoreObject(group, buffer);
      }));
  SR_CHECK(manifest.ForEach([this](const pb::Entry& entry, std::uint64_t offset) { return Later(entry, offset); }));
  SR_CHECK(FinishDirectories(false));
  SR_CHECK(writer_->Sync());
  // The mark goes before the root has its time, and may have a mode that closes it. All but the root is on the disk
  // then, so little time passes in which a kill leaves a tree without a mark.
  SR_CHECK(marker_->Remove());
  SR_CHECK(FinishDirectories(true));
  return writer_->SyncRoot();
}

/// Leaves no temporary files, and what there is with its modes; the mark stays.
void Restorer::GiveUp() {
  for (const auto& [offset, pieces] : pieces_)
    if (const auto entry = snapshot_.manifest.EntryAt(offset); entry.ok()) writer_->DropFile(*entry, offset);
  if (directories_) (void)FinishDirectories(false).ok();
}

}  // namespace

Result<RestoreOutcome> Restore(const Access& access, const RestoreOptions& options, const Reporter& reporter) {
  SR_TRY(const Snapshot snapshot, OpenSnapshot(access, options.snapshot));
  return Restorer(access, options, reporter, snapshot).Run();
}

}  // namespace strongroom::archive
