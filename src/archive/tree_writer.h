#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "archive/fd.h"
#include "archive/tree_reader.h"

namespace strongroom::archive {

struct RestoreRules {
  bool overwrite = false;  // else the target must be empty or absent
  bool owners = false;     // needs privilege
  bool numeric_owners = false;
  bool xattrs = true;
};

/// Writes a tree beneath one directory and nowhere else.
///
/// Promise  every name is reached by openat2 with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS from the target's descriptor,
/// so
///          neither a path of the manifest nor a link that lies there, or is put there meanwhile, leads out of it. A
///          file has its name from when it is whole: it is written under a temporary one in its directory and renamed.
/// Errors   of what cannot be written at all; what cannot be restored fully (an owner, an attribute) goes to `problem`.
/// Threads  any number of calls at once for different entries; MakeDirectory for a directory before what is in it.
class TreeWriter {
 public:
  static Result<std::unique_ptr<TreeWriter>> Open(const std::string& target, const RestoreRules& rules,
                                                  const Problem& problem);

  /// The target, for its marker.
  int root() const noexcept { return root_.get(); }
  const std::string& tag() const noexcept { return tag_; }
  /// Goes on with the tag of an earlier run: its temporary files are removed from the target, and from each directory
  /// that MakeDirectory finds there. Before anything is written.
  void TakeUp(std::string tag);

  /// For the owner only until FinishDirectory; one that is there already stays, and is opened for its owner.
  Status MakeDirectory(const pb::Entry& entry);
  /// Modes, times and so on; once everything within is done.
  Status FinishDirectory(const pb::Entry& entry);
  /// The temporary file of an entry: new at the first call, which finds nothing of its name, else that very file again,
  /// for entries with several extents. `id` is the entry's own number.
  Result<Fd> OpenFile(const pb::Entry& entry, std::uint64_t id);
  /// Size, attributes, name.
  Status FinishFile(const pb::Entry& entry, std::uint64_t id, const Fd& file);
  /// Removes the temporary file.
  void DropFile(const pb::Entry& entry, std::uint64_t id);
  /// A symbolic link, FIFO, device or socket.
  Status MakeSpecial(const pb::Entry& entry, std::uint64_t id);
  /// Another name for the file at entry.hard_link().
  Status MakeHardLink(const pb::Entry& entry, std::uint64_t id);
  /// Everything to disk.
  Status Sync();
  /// The root directory's own entries and facts to disk.
  Status SyncRoot();

 private:
  TreeWriter(Fd root, const RestoreRules& rules, const Problem& problem);
  /// The directory that has `path`'s name.
  Result<std::shared_ptr<Fd>> ParentFd(std::string_view path);
  Result<Fd> OpenBeneath(std::string_view path, int flags) const;
  std::string TempName(std::uint64_t id) const;
  Status GiveName(const Fd& parent, const std::string& temp, std::string_view path);
  /// `file` is open for what has content or entries, and O_PATH for everything else.
  void Attributes(const pb::Entry& entry, int file);
  void DropEarlier(const Fd& directory) const;
  void SetXattrs(const pb::Entry& entry, const std::string& by_path, bool owned);
  uid_t OwnerOf(const pb::Entry& entry);
  gid_t GroupOf(const pb::Entry& entry);

  Fd root_;
  RestoreRules rules_;
  Problem problem_;
  std::string tag_;  // random, in the names of temporary files
  bool takes_up_ = false;
  std::mutex mutex_;
  std::string parent_path_;
  std::shared_ptr<Fd> parent_;
  std::unordered_map<std::string, unsigned> users_, groups_;
  /// Temporary files that are opened more than once: device and inode.
  std::unordered_map<std::uint64_t, std::pair<dev_t, ino_t>> begun_;
};

}  // namespace strongroom::archive
