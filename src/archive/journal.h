#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "archive/manifest.h"
#include "archive/temp_table.h"

namespace strongroom::archive {

/// What `put` notes on its own disk while it sends a snapshot: which objects are stored, and which part of which file
/// is in them. One file per run; each record has its length and a check value before it, and reading stops at the first
/// that does not fit, so a torn end costs what it had. Runs whose head is not that of the latest one count for nothing:
/// what they stored is another source's, or under another context or other keys.
///
/// Memory  two TempTables of objects, and one record per earlier run: a run notes its files in the order of the walk,
/// so what is
///         known about a path is found by going through all runs in step with the next walk.
class Journal {
 public:
  /// The snapshot's directory, locked. Errors: kConflict when another process sends this snapshot from here.
  static Result<std::unique_ptr<Journal>> Open(const std::string& location_id, const std::string& snapshot);
  /// Where it is kept.
  static Result<std::filesystem::path> DirectoryOf(const std::string& location_id, const std::string& snapshot);
  static bool Exists(const std::string& location_id, const std::string& snapshot);
  ~Journal();

  /// Whether there are earlier runs, and of what.
  bool resumes() const noexcept { return !runs_.empty(); }
  const pb::JournalHead& earlier() const noexcept { return earlier_; }
  /// Objects of earlier runs that are stored whole.
  std::uint64_t stored() const noexcept { return stored_.size(); }
  Result<std::optional<ObjectFacts>> StoredFacts(const std::string& name) const;
  Status ForEachStored(const std::function<Status(const ObjectFacts& facts)>& visit) const;
  /// Names that earlier runs took (16 bytes), stored or not.
  const TempTable& started() const noexcept { return started_; }
  /// What earlier runs stored is not used again: all of it, or one object. `started` still has the names.
  void Forget();
  Status Forget(const std::string& object);
  /// The pieces of a file that earlier runs have stored, if it has not changed since. Paths must be asked in order.
  Result<std::vector<pb::JournalPiece>> PiecesOf(const std::string& path, const struct stat& facts);

  /// 32 hex digits that stand for this journal, the same for all of its runs (publish_claim.h).
  Result<std::string> ClaimName() const;

  /// Begins this run's file.
  Status Begin(const pb::JournalHead& head);
  Status Started(const std::string& object);
  Status Stored(const ObjectFacts& facts);  // any thread; on disk when it returns
  Status Piece(const std::string& path, const struct stat& facts, const std::string& object,
               std::uint64_t object_offset, std::uint64_t file_offset, std::uint64_t length);
  /// Forgets all runs: the snapshot is there, or given up.
  Status Remove();

 private:
  struct Run;
  Journal() = default;
  Status Load();
  Status Write(const pb::JournalRecord& record, bool sync);

  std::filesystem::path directory_;
  Fd lock_, file_;
  std::mutex mutex_;
  unsigned next_run_ = 1;
  pb::JournalHead earlier_;
  TempTable stored_, started_;                    // by the 16 bytes of the names
  mutable std::optional<ObjectFacts> looked_up_;  // the last one: a file's pieces ask for the same object
  std::vector<std::unique_ptr<Run>> runs_;
};

}  // namespace strongroom::archive
