#include "hsm/replica/local_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/log.h"
#include "hsm/replica/byte_io.h"

namespace strongroom::hsm::replica {
namespace {

constexpr std::uint8_t kVersion = 1, kRecord = 1, kAcknowledgement = 2;
constexpr std::size_t kEntryHeadBytes = 5;  // u32 length | u8 kind; the length counts the kind
constexpr std::size_t kMaxLogBytes = std::size_t{1} << 30, kMaxSnapshotBytes = std::size_t{256} << 20;
constexpr std::size_t kMaxHistoryBytes = std::size_t{4} << 20;

Bytes FileHead() {
  Bytes head = ToBytes(AsBytes("SRF"));
  head.push_back(kVersion);
  return head;
}

void PutEntry(Bytes& out, std::uint8_t kind, ByteView body) {
  PutInteger(out, 1 + body.size(), 4);
  out.push_back(kind);
  PutBytes(out, body);
}

void PutAcknowledgement(Bytes& out, std::uint64_t number) {
  Bytes body;
  PutInteger(body, number, 8);
  PutEntry(out, kAcknowledgement, body);
}

Error Damaged(std::uint64_t offset, std::string_view how) {
  return Error(Errc::kCorrupted, "The HSM's file log is damaged at byte " + std::to_string(offset) + ": " +
                                     std::string(how) + ". Nothing was overwritten.");
}

}  // namespace

Result<LocalLog> LocalLog::Open(const std::filesystem::path& directory) {
  LocalLog log(directory);
  SR_TRY(auto snapshot, ReadFile(directory / "snapshot", kMaxSnapshotBytes));
  if (snapshot) {
    SR_TRY(const Envelope envelope, ParseSnapshot(*snapshot));
    log.snapshot_number_ = envelope.number;
    log.snapshot_ = std::move(*snapshot);
    log.snapshot_bytes_ = log.snapshot_.size();
  }
  SR_TRY(const auto content, ReadFile(log.path(), kMaxLogBytes));
  if (content) {
    SR_CHECK(log.Load(*content));
    const bool begins_late = !log.entries_.empty() && log.first() > log.snapshot_number_ + 1;
    if (begins_late || (!log.entries_.empty() && log.last() < log.snapshot_number_))
      return Error(Errc::kCorrupted,
                   "The HSM's files log and snapshot do not fit each other. Nothing was overwritten.");
    if (snapshot && log.snapshot_number_ >= log.first() && !log.entries_.empty()) {
      SR_TRY(const Envelope envelope, ParseSnapshot(log.snapshot_));
      if (log.HashAt(log.snapshot_number_) != envelope.link)
        return Error(Errc::kCorrupted, "The HSM's log and snapshot tell different histories. Nothing was overwritten.");
    }
  }
  return log;
}

Status LocalLog::Load(ByteView content) {
  const Bytes head = FileHead();
  if (content.size() < head.size()) return {};  // a crash while the file was made; it is made anew
  if (!std::equal(head.begin(), head.end() - 1, content.begin())) return Damaged(0, "it is not a log");
  if (content[3] != kVersion)
    return Error(Errc::kUnsupported, "The HSM's file log has version " + std::to_string(content[3]) +
                                         ", which this software does not know.");
  end_ = head.size();
  while (end_ < content.size()) {
    const ByteView rest = content.subspan(end_);
    // A crash leaves a last entry that is cut short or, where the file grew before its data came, zeros.
    if (rest.size() < kEntryHeadBytes) break;
    if (std::all_of(rest.begin() + 4, rest.end(), [](std::uint8_t byte) { return byte == 0; })) break;
    ByteReader in(rest);
    const std::uint64_t length = *in.Integer(4);
    if (length < 1 || length > 1 + kMaxRecordBytes) return Damaged(end_, "an entry has an impossible length");
    const auto kind = in.Integer(1);
    if (*kind != kRecord && *kind != kAcknowledgement) return Damaged(end_, "an entry is of an unknown kind");
    const auto body = in.Take(static_cast<std::size_t>(length) - 1);
    if (!body) break;
    if (*kind == kRecord) {
      const Status loaded = LoadRecord(*body, end_ + kEntryHeadBytes);
      // The last entry was never offered to the store if its sync did not end, so a damaged one may go.
      if (!loaded.ok() && in.done() && loaded.error().code() == Errc::kCorrupted) break;
      SR_CHECK(loaded);
    } else {
      const auto number = ByteReader(*body).Integer(8);
      if (body->size() != 8 || entries_.empty() || *number != last()) {
        if (in.done()) break;
        return Damaged(end_, "a mark has no record");
      }
      entries_.back().acknowledged = true;
    }
    end_ += in.at();
  }
  return {};
}

Status LocalLog::LoadRecord(ByteView record, std::uint64_t offset) {
  SR_TRY(const Envelope envelope, ParseRecord(record));
  if (!entries_.empty()) {
    Entry& before = entries_.back();
    if (envelope.number != before.number + 1 || envelope.link != before.hash)
      return Damaged(offset, "the chain of records is broken");
    before.acknowledged = true;  // or nothing would have followed; marks are not synced, so one may be missing
  }
  entries_.push_back({envelope.number, offset, static_cast<std::uint32_t>(record.size()), false, HashOf(record)});
  return {};
}

const LocalLog::Entry* LocalLog::Find(std::uint64_t number) const {
  if (entries_.empty() || number < first() || number > last()) return nullptr;
  return &entries_[static_cast<std::size_t>(number - first())];
}

Result<Bytes> LocalLog::Read(std::uint64_t number) const {
  const Entry* entry = Find(number);
  if (entry == nullptr)
    return Error(Errc::kNotFound, "Record " + std::to_string(number) + " is not on this HSM's disk.");
  SR_TRY(const File file, OpenFile(path(), O_RDONLY));
  Bytes record(entry->size);
  const ssize_t count = ::pread(file.get(), record.data(), record.size(), static_cast<off_t>(entry->offset));
  if (count < 0) return FileError("reading", path(), errno);
  if (static_cast<std::size_t>(count) != record.size() || HashOf(record) != entry->hash)
    return Damaged(entry->offset, "a record changed on disk");
  return record;
}

std::optional<RecordHash> LocalLog::HashAt(std::uint64_t number) const {
  const Entry* entry = Find(number);
  if (entry == nullptr) return std::nullopt;
  return entry->hash;
}

bool LocalLog::IsAcknowledged(std::uint64_t number) const {
  const Entry* entry = Find(number);
  return entry != nullptr && entry->acknowledged;
}

std::optional<std::uint64_t> LocalLog::pending() const {
  if (entries_.empty() || entries_.back().acknowledged) return std::nullopt;
  return entries_.back().number;
}

std::size_t LocalLog::records_since_snapshot() const noexcept {
  return entries_.empty() ? 0 : static_cast<std::size_t>(last() - snapshot_number_);
}

Status LocalLog::TruncateTo(std::uint64_t size, Durable when) {
  SR_CHECK(CutFile(file_, path(), size, when));
  unsynced_ = when == Durable::kLater;
  return {};
}

Status LocalLog::EnsureOpen() {
  if (file_.open()) return {};
  const bool fresh = end_ == 0;
  if (fresh) {
    SR_CHECK(ReplaceFile(path(), FileHead()));
    end_ = FileHead().size();
  }
  SR_TRY(file_, OpenFile(path(), O_WRONLY | O_APPEND));
  if (!fresh) SR_CHECK(TruncateTo(end_));
  return {};
}

Status LocalLog::AppendBytes(ByteView bytes, bool sync) {
  SR_CHECK(EnsureOpen());
  Status written = WriteAll(file_, path(), bytes);
  if (written.ok() && sync) written = SyncFile(file_, path());
  if (written.ok()) {
    end_ += bytes.size();
    if (sync) unsynced_ = false;
    return written;
  }
  // Back to what was there. If even that fails, the next use opens the file anew and cuts it first.
  if (const Status cut = TruncateTo(end_); !cut.ok()) {
    LogError("restoring the local log", cut.error());
    file_.Close();
  }
  return written;
}

Status LocalLog::WriteAhead(std::uint64_t number, ByteView record) {
  if (pending()) return Error(Errc::kInternal, "A record is pending already.");
  SR_CHECK(EnsureOpen());
  const std::uint64_t offset = end_ + kEntryHeadBytes;
  Bytes entry;
  entry.reserve(kEntryHeadBytes + record.size());
  PutEntry(entry, kRecord, record);
  SR_CHECK(AppendBytes(entry, true));
  entries_.push_back({number, offset, static_cast<std::uint32_t>(record.size()), false, HashOf(record)});
  return {};
}

Status LocalLog::Acknowledge() {
  if (!pending()) return Error(Errc::kInternal, "No record is pending.");
  entries_.back().acknowledged = true;
  Bytes entry;
  PutAcknowledgement(entry, last());
  if (const Status marked = AppendBytes(entry, false); !marked.ok()) LogError("marking a record", marked.error());
  return {};
}

Status LocalLog::CutOff(Durable when) {
  if (!pending()) return Error(Errc::kInternal, "No record is pending.");
  SR_CHECK(EnsureOpen());
  const std::uint64_t start = entries_.back().offset - kEntryHeadBytes;
  SR_CHECK(TruncateTo(start, when));
  end_ = start;
  entries_.pop_back();
  return {};
}

Status LocalLog::AppendAcknowledged(std::uint64_t number, ByteView record) {
  if (pending()) return Error(Errc::kInternal, "A record is pending.");
  SR_CHECK(EnsureOpen());
  const std::uint64_t offset = end_ + kEntryHeadBytes;
  Bytes content;
  PutEntry(content, kRecord, record);
  PutAcknowledgement(content, number);
  SR_CHECK(AppendBytes(content, false));
  unsynced_ = true;
  entries_.push_back({number, offset, static_cast<std::uint32_t>(record.size()), true, HashOf(record)});
  return {};
}

Status LocalLog::Sync() {
  SR_CHECK(EnsureOpen());
  SR_CHECK(SyncFile(file_, path()));
  unsynced_ = false;
  return {};
}

Status LocalLog::Compact(Bytes snapshot, std::uint64_t number, std::size_t history) {
  if (pending() || number != last()) return Error(Errc::kInternal, "The log cannot be compacted now.");
  // Snapshot first: with the old log beside it, the files still fit each other.
  SR_CHECK(ReplaceFile(directory_ / "snapshot", snapshot));
  snapshot_ = std::move(snapshot);
  snapshot_bytes_ = snapshot_.size();
  snapshot_number_ = number;
  std::size_t keep = 0, kept_bytes = 0;
  for (auto entry = entries_.rbegin(); entry != entries_.rend() && keep < history; ++entry, ++keep) {
    kept_bytes += entry->size;
    if (kept_bytes > kMaxHistoryBytes) break;
  }
  Bytes content = FileHead();
  std::deque<Entry> kept(entries_.end() - static_cast<std::ptrdiff_t>(keep), entries_.end());
  for (Entry& entry : kept) {
    SR_TRY(const Bytes record, Read(entry.number));
    entry.offset = content.size() + kEntryHeadBytes;
    PutEntry(content, kRecord, record);
    PutAcknowledgement(content, entry.number);
  }
  file_.Close();
  if (Status replaced = ReplaceFile(path(), content); !replaced.ok()) {
    // Which of the two stands there is not certain when only the directory could not be synced.
    SR_TRY(LocalLog again, Open(directory_));
    *this = std::move(again);
    return replaced;
  }
  end_ = content.size();
  unsynced_ = false;
  entries_ = std::move(kept);
  return {};
}

Status LocalLog::Reset(Bytes snapshot, std::uint64_t number) {
  file_.Close();
  SR_CHECK(RemoveFile(path()));
  entries_.clear();
  end_ = 0;
  unsynced_ = false;
  if (snapshot.empty()) {
    SR_CHECK(RemoveFile(directory_ / "snapshot"));
  } else {
    SR_CHECK(ReplaceFile(directory_ / "snapshot", snapshot));
  }
  snapshot_ = std::move(snapshot);
  snapshot_bytes_ = snapshot_.size();
  snapshot_number_ = number;
  return {};
}

Status LocalLog::Destroy() { return Reset({}, 0); }

}  // namespace strongroom::hsm::replica
