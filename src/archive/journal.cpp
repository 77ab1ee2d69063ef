#include "archive/journal.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <cstdio>

#include "archive/location.h"
#include "archive/paths.h"
#include "base/file.h"
#include "crypto/hash.h"
#include "crypto/random.h"

namespace strongroom::archive {
namespace {

constexpr std::size_t kCheckBytes = 8;
constexpr std::string_view kRunPrefix = "run-";
constexpr const char* kClaim = "claim";

/// One run's records in order.
class RunReader {
 public:
  explicit RunReader(const std::filesystem::path& file) : file_(std::fopen(file.c_str(), "rbe"), &CloseFile) {}

  /// False at the end, and at what does not fit.
  bool Next(pb::JournalRecord& record) {
    std::uint8_t head[4 + kCheckBytes];
    if (!file_ || std::fread(head, 1, sizeof head, file_.get()) != sizeof head) return false;
    const std::uint32_t size = static_cast<std::uint32_t>(head[0]) << 24 | static_cast<std::uint32_t>(head[1]) << 16 |
                               static_cast<std::uint32_t>(head[2]) << 8 | head[3];
    if (size == 0 || size > kLargestRecord) return false;
    room_.resize(size);
    if (std::fread(room_.data(), 1, size, file_.get()) != size) return false;
    const auto digest = crypto::Sha256(room_);
    if (!std::equal(head + 4, head + sizeof head, digest.begin())) return false;
    return record.ParseFromArray(room_.data(), static_cast<int>(size));
  }

 private:
  static int CloseFile(std::FILE* file) { return file == nullptr ? 0 : std::fclose(file); }
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
  Bytes room_;
};

bool SameFile(const pb::JournalPiece& piece, const struct stat& facts) {
  return piece.device() == facts.st_dev && piece.inode() == facts.st_ino &&
         piece.size() == static_cast<std::uint64_t>(facts.st_size) && piece.mtime_seconds() == facts.st_mtim.tv_sec &&
         piece.mtime_nanoseconds() == static_cast<std::uint32_t>(facts.st_mtim.tv_nsec) &&
         piece.ctime_seconds() == facts.st_ctim.tv_sec &&
         piece.ctime_nanoseconds() == static_cast<std::uint32_t>(facts.st_ctim.tv_nsec);
}

std::vector<std::filesystem::path> RunFiles(const std::filesystem::path& directory) {
  std::vector<std::pair<unsigned, std::filesystem::path>> found;
  std::error_code failed;
  for (const auto& file : std::filesystem::directory_iterator(directory, failed)) {
    const std::string name = file.path().filename().string();
    if (name.starts_with(kRunPrefix))
      found.emplace_back(static_cast<unsigned>(std::strtoul(name.c_str() + kRunPrefix.size(), nullptr, 10)),
                         file.path());
  }
  std::sort(found.begin(), found.end());
  std::vector<std::filesystem::path> files;
  for (auto& [number, path] : found) files.push_back(std::move(path));
  return files;
}

}  // namespace

struct Journal::Run {
  explicit Run(const std::filesystem::path& file) : reader(file) { Advance(); }
  void Advance() {
    pb::JournalRecord record;
    while ((has_piece = reader.Next(record)) && !record.has_piece()) continue;
    if (has_piece) piece = std::move(*record.mutable_piece());
  }
  RunReader reader;
  bool has_piece = false;
  pb::JournalPiece piece;
};

Journal::~Journal() = default;

Result<std::filesystem::path> Journal::DirectoryOf(const std::string& location_id, const std::string& snapshot) {
  SR_TRY(const auto state, StateDirectory());
  return state / location_id / snapshot;
}

bool Journal::Exists(const std::string& location_id, const std::string& snapshot) {
  const auto directory = DirectoryOf(location_id, snapshot);
  return directory.ok() && !RunFiles(*directory).empty();
}

Result<std::unique_ptr<Journal>> Journal::Open(const std::string& location_id, const std::string& snapshot) {
  std::unique_ptr<Journal> journal(new Journal);
  SR_TRY(journal->directory_, DirectoryOf(location_id, snapshot));
  SR_CHECK(MakePrivateDirectories(journal->directory_));
  const std::string lock = (journal->directory_ / "lock").string();
  journal->lock_.Reset(::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!journal->lock_) return ErrnoError("'" + lock + "'", errno);
  if (::flock(journal->lock_.get(), LOCK_EX | LOCK_NB) != 0)
    return Error(Errc::kConflict, fmt::format("Another process on this machine works on snapshot '{}' now.", snapshot));
  SR_CHECK(journal->Load());
  return journal;
}

Status Journal::Load() {
  for (const auto& path : RunFiles(directory_)) {
    const std::string name = path.filename().string();
    next_run_ = static_cast<unsigned>(std::strtoul(name.c_str() + kRunPrefix.size(), nullptr, 10)) + 1;
    RunReader reader(path);
    pb::JournalRecord record;
    if (!reader.Next(record) || !record.has_head() || record.head().format() != 1) continue;
    if (!runs_.empty() && record.head().SerializeAsString() != earlier_.SerializeAsString()) Forget();
    earlier_ = record.head();
    while (reader.Next(record)) {
      if (record.has_start()) SR_CHECK(started_.Put(AsBytes(record.start().object()), {}));
      if (!record.has_object()) continue;
      SR_TRY(const ObjectFacts facts, FactsOf(record.object()));
      SR_CHECK(stored_.Put(AsBytes(record.object().name()), Pack(facts)));
    }
    runs_.push_back(std::make_unique<Run>(path));
  }
  return {};
}

void Journal::Forget() {
  looked_up_.reset();
  stored_.Clear();
  runs_.clear();
}

Status Journal::Forget(const std::string& object) {
  looked_up_.reset();
  SR_TRY(const Bytes name, FromHex(object));
  return stored_.Erase(name);
}

Result<std::optional<ObjectFacts>> Journal::StoredFacts(const std::string& name) const {
  if (looked_up_ && looked_up_->name == name) return looked_up_;
  SR_TRY(const Bytes raw, FromHex(name));
  SR_TRY(const auto packed, stored_.Find(raw));
  if (!packed) return std::optional<ObjectFacts>();
  looked_up_ = Unpack(std::span<const std::uint8_t, kPackedFacts>(*packed));
  return looked_up_;
}

Status Journal::ForEachStored(const std::function<Status(const ObjectFacts&)>& visit) const {
  return stored_.ForEach([&](ByteView, ByteView packed) {
    return visit(Unpack(std::span<const std::uint8_t, kPackedFacts>(packed.data(), kPackedFacts)));
  });
}

Result<std::vector<pb::JournalPiece>> Journal::PiecesOf(const std::string& path, const struct stat& facts) {
  std::vector<pb::JournalPiece> pieces;
  for (const auto& run : runs_) {
    while (run->has_piece && ComparePaths(run->piece.path(), path) == std::strong_ordering::less) run->Advance();
    for (; run->has_piece && run->piece.path() == path; run->Advance()) {
      if (!SameFile(run->piece, facts)) continue;
      SR_TRY(const auto stored, StoredFacts(Hex(AsBytes(run->piece.object()))));
      if (stored) pieces.push_back(run->piece);
    }
  }
  std::sort(pieces.begin(), pieces.end(),
            [](const auto& a, const auto& b) { return a.file_offset() < b.file_offset(); });
  return pieces;
}

Status Journal::Write(const pb::JournalRecord& record, bool sync) {
  const std::string body = record.SerializeAsString();
  const auto size = static_cast<std::uint32_t>(body.size());
  Bytes bytes{static_cast<std::uint8_t>(size >> 24), static_cast<std::uint8_t>(size >> 16),
              static_cast<std::uint8_t>(size >> 8), static_cast<std::uint8_t>(size)};
  const auto digest = crypto::Sha256(AsBytes(body));
  bytes.insert(bytes.end(), digest.begin(), digest.begin() + kCheckBytes);
  Append(bytes, AsBytes(body));
  const std::lock_guard lock(mutex_);
  SR_CHECK(WriteAll(file_.get(), bytes, "The journal in " + directory_.string()));
  if (sync && ::fdatasync(file_.get()) != 0) return ErrnoError("The journal in " + directory_.string(), errno);
  return {};
}

Status Journal::Begin(const pb::JournalHead& head) {
  const std::string path = (directory_ / fmt::format("{}{}", kRunPrefix, next_run_)).string();
  file_.Reset(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600));
  if (!file_) return ErrnoError("'" + path + "'", errno);
  pb::JournalRecord record;
  *record.mutable_head() = head;
  return Write(record, true);
}

Status Journal::Started(const std::string& object) {
  SR_TRY(const Bytes name, FromHex(object));
  pb::JournalRecord record;
  record.mutable_start()->set_object(std::string(AsText(name)));
  return Write(record, false);
}

Status Journal::Stored(const ObjectFacts& facts) {
  pb::JournalRecord record;
  *record.mutable_object() = ToRecord(facts);
  return Write(record, true);
}

Status Journal::Piece(const std::string& path, const struct stat& facts, const std::string& object,
                      std::uint64_t object_offset, std::uint64_t file_offset, std::uint64_t length) {
  SR_TRY(const Bytes name, FromHex(object));
  pb::JournalRecord record;
  pb::JournalPiece& piece = *record.mutable_piece();
  piece.set_path(path);
  piece.set_device(facts.st_dev);
  piece.set_inode(facts.st_ino);
  piece.set_size(static_cast<std::uint64_t>(facts.st_size));
  piece.set_mtime_seconds(facts.st_mtim.tv_sec);
  piece.set_mtime_nanoseconds(static_cast<std::uint32_t>(facts.st_mtim.tv_nsec));
  piece.set_ctime_seconds(facts.st_ctim.tv_sec);
  piece.set_ctime_nanoseconds(static_cast<std::uint32_t>(facts.st_ctim.tv_nsec));
  piece.set_object(std::string(AsText(name)));
  piece.set_object_offset(object_offset);
  piece.set_file_offset(file_offset);
  piece.set_length(length);
  return Write(record, false);
}

Result<std::string> Journal::ClaimName() const {
  const std::filesystem::path file = directory_ / kClaim;
  const auto there = ReadFile(file, 64);
  if (there.ok() && there->size() == 32 && FromHex(*there).ok()) return *there;
  std::array<std::uint8_t, 16> random{};
  SR_CHECK(crypto::Random(random));
  std::string name = Hex(random);
  SR_CHECK(WriteFileAtomically(file, name, 0600));
  return name;
}

Status Journal::Remove() {
  runs_.clear();
  file_.Reset();
  for (const auto& path : RunFiles(directory_))
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return ErrnoError("'" + path.string() + "'", errno);
  ::unlink((directory_ / kClaim).c_str());
  ::unlink((directory_ / "lock").c_str());
  ::rmdir(directory_.c_str());
  return {};
}

}  // namespace strongroom::archive
