#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace strongroom::archive {

using Fd = UniqueFd;

/// All of `bytes`, whatever signals and short writes there are. Errors: errno's, with `doing` before them; a broken
/// pipe is kCancelled.
Status WriteAll(int fd, ByteView bytes, std::string_view doing);
Status PwriteAll(int fd, ByteView bytes, std::uint64_t offset, std::string_view doing);
/// Up to room.size() bytes; fewer only at the end of the input.
Result<std::size_t> ReadFull(int fd, std::span<std::uint8_t> room, std::string_view doing);
Result<std::size_t> PreadFull(int fd, std::span<std::uint8_t> room, std::uint64_t offset, std::string_view doing);

/// "doing: text of errno" as an Error; ENOSPC and EDQUOT are kResourceExhausted, EACCES and EPERM kPermission, ENOENT
/// kNotFound, EPIPE kCancelled.
Error ErrnoError(std::string_view doing, int error_number);

}  // namespace strongroom::archive
