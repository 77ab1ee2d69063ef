#pragma once

#include <filesystem>

#include "base/result.h"

namespace strongroom::secret::sandbox {

/// Whether this kernel confines files with Landlock, ABI 1 or newer.
bool HasLandlock() noexcept;
/// Refuses this thread, and threads it starts, every file outside `directory` (landlock(7)).
Status RestrictFiles(const std::filesystem::path& directory);
/// Installs the system call filter for all threads (seccomp(2)).
Status FilterSystemCalls();

/// kInternal "Cannot <doing>." with errno in the detail.
Error FromErrno(const char* doing, int error);

}  // namespace strongroom::secret::sandbox
