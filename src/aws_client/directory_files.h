#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "aws_client/object_store.h"
#include "base/unique_fd.h"

// What DirectoryStore does with directories, one segment at a time and never through a symbolic link.

namespace strongroom::aws_client {

using Fd = UniqueFd;

/// FileError in an object store's codes: kAccessDenied, and kNotFound where something on the way is no directory.
Error StoreError(std::string_view doing, const std::filesystem::path& file, int error_number);

enum class Parents : std::uint8_t { kMustExist, kCreate };
/// The directory that holds the last segment of `name`.
Result<Fd> OpenParent(const Fd& root, const std::filesystem::path& path, std::string_view name, Parents parents);
std::string_view LastSegment(std::string_view name);

struct Entry {
  std::string name;
  bool directory = false;
};
/// Regular files and directories, sorted as their objects' names are: a directory as if its name ended in a slash.
Result<std::vector<Entry>> ReadEntries(const Fd& directory, const std::filesystem::path& path);
/// One page of ObjectStore::List; `leave_out` is an entry of the root.
Result<ObjectPage> ListDirectory(const Fd& root, const std::filesystem::path& path, std::string_view leave_out,
                                 std::string_view prefix, std::string_view start_after, std::size_t most);

// Rules that both kinds of store have.
Status CheckPartSize(std::size_t part_bytes);
Status CheckListing(std::string_view prefix, std::size_t most);
/// Numbers 1 to n without a gap, each but the last one whole.
Status CheckParts(const std::map<std::uint32_t, std::size_t>& parts, std::size_t part_bytes);

}  // namespace strongroom::aws_client
