#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "archive/record_sorter.h"

namespace strongroom::archive {

/// One extent of one entry, as restoring needs it: by object.
struct ExtentRow {
  std::uint64_t object = 0, object_offset = 0, file_offset = 0, length = 0;
  std::uint64_t entry = 0;  // where Manifest::EntryAt finds it
};

/// All extents that are to be restored, on disk, in the order of objects and offsets within them.
/// Memory  what RecordSorter takes while they are sorted.
class ExtentRows {
 public:
  static Result<ExtentRows> Make();
  Status Add(const ExtentRow& row);
  /// After the last Add. Where each object's rows begin and end can then be asked.
  Status Sort();

  struct Group {
    std::uint64_t object = 0, begin = 0, end = 0;  // rows
  };
  std::uint64_t groups() const noexcept { return groups_; }
  Result<Group> GroupAt(std::uint64_t number) const;
  /// Calls `visit` for each row of a group in order; any number of threads at once.
  Status ForEach(const Group& group, const std::function<Status(const ExtentRow&)>& visit) const;

 private:
  Status Keep(const Group& group);

  std::optional<RecordSorter> sorter_;
  std::unique_ptr<Spool> rows_, group_rows_;
  std::uint64_t groups_ = 0;
};

}  // namespace strongroom::archive
