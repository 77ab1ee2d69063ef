#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace strongroom {

/// Writes a temporary file beside `file`, syncs it and renames it over; a crash leaves the old or the new one.
/// Errors: kResourceExhausted disk full, kPermission, kInternal, each naming the file.
Status WriteFileAtomically(const std::filesystem::path& file, std::string_view content, mode_t mode);
/// Bounded read. Errors: kNotFound, kInvalidArgument over max_bytes.
Result<std::string> ReadFile(const std::filesystem::path& file, std::size_t max_bytes = 1 << 20);
/// Makes a directory with exactly this mode and, when root, this owner (numeric user = group).
Status MakeDirectory(const std::filesystem::path& directory, mode_t mode, uid_t owner);
/// Gives a file to a user when we are root; does nothing otherwise.
Status GiveTo(const std::filesystem::path& path, uid_t owner);

/// Errno as an Error that names the file; ENOSPC and EDQUOT are kResourceExhausted, EACCES and EPERM kPermission.
Error FileError(std::string_view doing, const std::filesystem::path& file, int error_number);

}  // namespace strongroom
