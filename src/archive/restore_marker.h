#pragma once

#include <optional>
#include <string>

#include "archive/fd.h"

namespace strongroom::archive {

/// A file in the directory that is restored into, from before anything else is there until all of it is. It tells the
/// next `restore` that what lies there is an unfinished one's, of which snapshot, and what its temporary files are
/// called. It has the directory's own number in it, so that a copy of it, restored from a backup, says nothing.
class RestoreMarker {
 public:
  static constexpr std::string_view kName = ".strongroom-unfinished-restore";

  /// What lies in `directory`; nothing where there is no marker, or none of ours.
  /// Errors: kConflict when another process restores into it now.
  static Result<std::optional<RestoreMarker>> Find(int directory);
  /// Errors: as of open; kAlreadyExists.
  static Result<RestoreMarker> Make(int directory, const std::string& what, const std::string& tag);

  /// What Make was told: location and snapshot.
  const std::string& what() const noexcept { return what_; }
  /// In the names of its temporary files.
  const std::string& tag() const noexcept { return tag_; }
  /// For another snapshot from now on.
  Status Rewrite(const std::string& what);
  Status Remove();

 private:
  RestoreMarker(int directory, Fd file, std::string what, std::string tag)
      : directory_(directory), file_(std::move(file)), what_(std::move(what)), tag_(std::move(tag)) {}
  int directory_;  // the caller's
  Fd file_;        // locked
  std::string what_, tag_;
};

}  // namespace strongroom::archive
