#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "archive/spool.h"

namespace strongroom::archive {

/// One extent of one entry, as restoring needs it: by object.
struct ExtentRow {
  std::uint64_t object = 0, object_offset = 0, file_offset = 0, length = 0;
  std::uint64_t entry = 0;  // where Manifest::EntryAt finds it
};

/// All extents that are to be restored, on disk, in the order of objects and offsets within them.
/// Memory  40 MiB while they are sorted; nothing much where they come in order, as they do unless `put` was resumed.
class ExtentRows {
 public:
  static Result<ExtentRows> Make();
  Status Add(const ExtentRow& row);
  /// After the last Add. Where each object's rows begin and end can then be asked.
  Status Sort();

  struct Group {
    std::uint64_t object = 0, begin = 0, end = 0;  // rows
  };
  const std::vector<Group>& groups() const noexcept { return groups_; }
  /// Calls `visit` for each row of a group in order; any number of threads at once.
  Status ForEach(const Group& group, const std::function<Status(const ExtentRow&)>& visit) const;

 private:
  Status SortRuns();
  Status MergeRuns();

  std::unique_ptr<Spool> rows_;
  std::uint64_t count_ = 0;
  std::optional<ExtentRow> last_;
  bool in_order_ = true;
  std::vector<Group> groups_;
};

}  // namespace strongroom::archive
