#include <fcntl.h>

#include "archive/extent_rows.h"
#include "archive/operations.h"
#include "archive/paths.h"
#include "archive/snapshot.h"

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
  bool Wanted(std::string_view path) const;
  bool OnTheWay(std::string_view path) const;
  bool IsLink(const pb::Entry& entry) const { return !entry.hard_link().empty() && Wanted(entry.hard_link()); }
  void Note(std::string_view path, std::string_view what);
  /// A file's own failure is noted; what would fail for all others, too, ends the work.
  Status Settle(const pb::Entry& entry, const Status& status);
  Status Plan(const pb::Entry& entry, std::uint64_t offset);
  Status RestoreObject(const ExtentRows::Group& group, PlainBuffer& buffer);
  Status WriteRow(const ExtentRow& row, ByteView plaintext);
  Status FileDamaged(const ExtentRow& row);
  Status Later(const pb::Entry& entry, std::uint64_t offset);
  Status FinishDirectories();

  const Access& access_;
  const RestoreOptions& options_;
  const Reporter& reporter_;
  const Snapshot& snapshot_;
  RestoreOutcome outcome_;
  Progress progress_;
  std::unique_ptr<TreeWriter> writer_;
  std::optional<ExtentRows> rows_;
  std::optional<Spool> directories_;  // offsets of their entries
  std::uint64_t total_ = 0;

  std::mutex mutex_;                                       // what is below, and problems
  std::unordered_map<std::uint64_t, std::uint64_t> left_;  // bytes that files in several pieces still lack
  std::set<std::uint64_t> damaged_;
};

bool Restorer::Wanted(std::string_view path) const {
  return options_.paths.empty() || std::any_of(options_.paths.begin(), options_.paths.end(),
                                               [&](const std::string& wanted) { return IsWithin(path, wanted); });
}

bool Restorer::OnTheWay(std::string_view path) const {
  return std::any_of(options_.paths.begin(), options_.paths.end(),
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

Status Restorer::Plan(const pb::Entry& entry, std::uint64_t offset) {
  const bool wanted = Wanted(entry.path());
  if (wanted && entry.incomplete())
    Note(entry.path(), "The file had more than what is restored; `put` could not read the rest.");
  if (entry.type() == pb::TYPE_DIRECTORY && (wanted || OnTheWay(entry.path()))) {
    SR_CHECK(Settle(entry, writer_->MakeDirectory(entry)));
    ++outcome_.entries;
    const auto kept = directories_->Append({reinterpret_cast<const std::uint8_t*>(&offset), sizeof offset});
    if (!kept.ok()) return kept.error();
    return {};
  }
  if (!wanted || entry.type() != pb::TYPE_FILE || IsLink(entry)) return {};
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

Status Restorer::WriteRow(const ExtentRow& row, ByteView plaintext) {
  SR_TRY(const pb::Entry entry, snapshot_.manifest.EntryAt(row.entry));
  {
    const std::lock_guard lock(mutex_);
    if (damaged_.contains(row.entry)) return {};
  }
  const auto write = [&]() -> Status {
    SR_TRY(const Fd file, writer_->OpenFile(entry, row.entry));
    SR_CHECK(
        PwriteAll(file.get(),
                  plaintext.subspan(static_cast<std::size_t>(row.object_offset), static_cast<std::size_t>(row.length)),
                  row.file_offset, "It cannot be written"));
    bool whole = entry.extents_size() == 1;
    if (!whole) {
      const std::lock_guard lock(mutex_);
      const auto [left, first] = left_.try_emplace(row.entry, 0);
      if (first)
        for (const pb::Extent& extent : entry.extents()) left->second += extent.length();
      left->second -= row.length;
      whole = left->second == 0;
      if (whole) left_.erase(left);
    }
    if (whole) SR_CHECK(writer_->FinishFile(entry, row.entry, file));
    return {};
  };
  const Status written = write();
  if (!written.ok()) {
    writer_->DropFile(entry, row.entry);
    const std::lock_guard lock(mutex_);
    damaged_.insert(row.entry);
  }
  progress_.Add(row.length);
  return Settle(entry, written);
}

Status Restorer::FileDamaged(const ExtentRow& row) {
  {
    const std::lock_guard lock(mutex_);
    if (!damaged_.insert(row.entry).second) return {};
    left_.erase(row.entry);
  }
  SR_TRY(const pb::Entry entry, snapshot_.manifest.EntryAt(row.entry));
  writer_->DropFile(entry, row.entry);
  Note(entry.path(), "It is not restored, since its data is damaged.");
  return {};
}

Status Restorer::RestoreObject(const ExtentRows::Group& group, PlainBuffer& buffer) {
  const Status fetched = snapshot_.Reader(*access_.store).Fetch(group.object, buffer);
  if (!fetched.ok() && fetched.error().code() == Errc::kCorrupted) {
    Note("data", fetched.error().public_message());
    return rows_->ForEach(group, [&](const ExtentRow& row) { return FileDamaged(row); });
  }
  SR_CHECK(fetched);
  return rows_->ForEach(group, [&](const ExtentRow& row) { return WriteRow(row, buffer.view()); });
}

Status Restorer::Later(const pb::Entry& entry, std::uint64_t offset) {
  if (!Wanted(entry.path()) || entry.type() == pb::TYPE_DIRECTORY) return {};
  if (IsLink(entry)) {
    ++outcome_.entries;
    return Settle(entry, writer_->MakeHardLink(entry, offset));
  }
  if (entry.type() == pb::TYPE_FILE) return {};
  ++outcome_.entries;
  return Settle(entry, writer_->MakeSpecial(entry, offset));
}

Status Restorer::FinishDirectories() {
  std::uint64_t offset = 0;
  const std::span<std::uint8_t> room(reinterpret_cast<std::uint8_t*>(&offset), sizeof offset);
  // What is within comes before what it is in: a mode may close a directory for us.
  for (std::uint64_t at = directories_->size(); at > 0;) {
    at -= sizeof offset;
    SR_CHECK(directories_->ReadAt(at, room));
    SR_TRY(const pb::Entry entry, snapshot_.manifest.EntryAt(offset));
    SR_CHECK(Settle(entry, writer_->FinishDirectory(entry)));
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
  SR_TRY(writer_, TreeWriter::Open(options_.target, options_.rules,
                                   [this](std::string_view path, std::string_view what) { Note(path, what); }));
  SR_TRY(ExtentRows rows, ExtentRows::Make());
  rows_.emplace(std::move(rows));
  SR_TRY(Spool directories, Spool::Make());
  directories_.emplace(std::move(directories));
  const Manifest& manifest = snapshot_.manifest;
  SR_CHECK(manifest.ForEach([this](const pb::Entry& entry, std::uint64_t offset) { return Plan(entry, offset); }));
  SR_CHECK(rows_->Sort());
  progress_.SetTotal(total_);
  const auto& groups = rows_->groups();
  SR_CHECK(InParallel(groups.size(), ReadThreads(manifest.objects()), [&](std::uint64_t i, PlainBuffer& buffer) {
    return RestoreObject(groups[static_cast<std::size_t>(i)], buffer);
  }));
  SR_CHECK(manifest.ForEach([this](const pb::Entry& entry, std::uint64_t offset) { return Later(entry, offset); }));
  SR_CHECK(FinishDirectories());
  SR_CHECK(writer_->Sync());
  outcome_.seconds = progress_.seconds();
  progress_.Done();
  return std::move(outcome_);
}

}  // namespace

Result<RestoreOutcome> Restore(const Access& access, const RestoreOptions& options, const Reporter& reporter) {
  SR_TRY(const Snapshot snapshot, OpenSnapshot(access, options.snapshot));
  return Restorer(access, options, reporter, snapshot).Run();
}

}  // namespace strongroom::archive
