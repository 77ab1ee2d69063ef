#pragma once

#include <sys/stat.h>

#include <functional>
#include <string>

#include "archive/fd.h"
#include "archive/manifest.pb.h"

namespace strongroom::archive {

/// What `visit` gets: the entry without size and extents, what fstat said, and for a file its open descriptor.
struct Found {
  pb::Entry entry{};
  struct stat facts {};
  Fd file{};
};

/// What could not be read, or changed while it was: reported, and the walk goes on.
using Problem = std::function<void(std::string_view path, std::string_view what)>;

struct WalkOptions {
  bool one_file_system = false;
  bool xattrs = true;
};

/// Walks a tree, or takes one file: entries in the order of ComparePaths. Nothing is followed: every name is opened
/// beneath its directory's descriptor, with O_NOFOLLOW. `source` itself may be a symbolic link.
/// Memory  the names of the directory that is being read, up to 16 MiB, then 64 KiB per level; what is more lies in
///         temporary files. One descriptor per level, two where names went to disk.
/// Errors  of the source itself, and those of `visit`; all else goes to `problem`.
Status WalkTree(const std::string& source, const WalkOptions& options, const std::function<Status(Found& found)>& visit,
                const Problem& problem);

/// The extended attributes of an open file, access control lists (system.posix_acl_*) with them.
Status ReadXattrs(int fd, pb::Entry& entry);
/// Of something that cannot be opened (a link, a device), by its name within a directory.
Status ReadXattrsAt(int directory, const std::string& name, pb::Entry& entry);

}  // namespace strongroom::archive
