#pragma once

#include <functional>
#include <string>

#include "archive/object_table.h"
#include "archive/record_sorter.h"
#include "archive/temp_table.h"
#include "aws_client/object_store.h"

namespace strongroom::archive {

/// Holds what a snapshot should have against what the store has under its data prefix, in one listing.
/// Memory  what RecordSorter takes, and a page of the listing.
class StoredObjects {
 public:
  Status Expect(const ObjectFacts& facts);
  /// `what` says "is missing", or how the size differs.
  using Lost = std::function<Status(const std::string& name, std::string_view what)>;
  /// `name` is the object's whole name.
  using Unknown = std::function<void(const std::string& name)>;
  Status Compare(aws_client::ObjectStore& store, const std::string& prefix, const Lost& lost,
                 const Unknown& unknown = nullptr);

 private:
  RecordSorter expected_;
};

/// Deletes the objects whose last parts are the keys of `names` (16 bytes), a thousand at once.
Status DeleteObjects(aws_client::ObjectStore& store, const std::string& prefix, const TempTable& names);

}  // namespace strongroom::archive
