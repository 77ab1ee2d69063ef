#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "base/result.h"

namespace strongroom::archive {

/// The longest path within a snapshot, in bytes.
inline constexpr std::size_t kLongestPath = 64 << 10;

/// A path within a snapshot: names of 1 to 255 bytes with a slash between; any bytes but 0, and neither "." nor "..".
/// Empty is the source itself. Errors: kCorrupted, which shows the path.
Status CheckEntryPath(std::string_view path);
/// The order of a walk: a directory before what is in it, names by their bytes. (As if the slash came before all else.)
std::strong_ordering ComparePaths(std::string_view a, std::string_view b) noexcept;
/// Whether `path` is `directory` or lies in it. The empty directory has everything.
bool IsWithin(std::string_view path, std::string_view directory) noexcept;
std::string_view ParentOf(std::string_view path) noexcept;
std::string_view NameOf(std::string_view path) noexcept;

/// A path as people and their shells type it, without "./" before and slashes behind; "." is the source itself.
std::string_view AsTyped(std::string_view path) noexcept;

/// For people and terminals: control characters, backslashes and what is no UTF-8 as \xNN.
std::string Printable(std::string_view bytes);
bool IsUtf8(std::string_view bytes) noexcept;
/// For the encryption context: percent signs, control characters and what is no UTF-8 as %NN; when over 1 KiB, its last
/// KiB.
std::string ContextPath(std::string_view path);
/// For JSON, which has Unicode only: the same escapes, whole.
std::string PercentText(std::string_view bytes);

/// [A-Za-z0-9][A-Za-z0-9._-]{0,127}: names of snapshots and locations. Errors: kInvalidArgument.
Status CheckName(std::string_view what, std::string_view name);

}  // namespace strongroom::archive
