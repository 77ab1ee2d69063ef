#pragma once

#include <sys/types.h>

#include <filesystem>

#include "base/result.h"
#include "base/unique_fd.h"
#include "secret/secret_buffer.h"

namespace strongroom::hsm_host {

/// Secrets between files, pipes and secret memory: the one place of the host that looks into SecretBuffers.
class KeyFile {
 public:
  /// Writes a new file of mode 0600 and syncs it. Errors: kAlreadyExists, kInternal.
  static Status Write(const std::filesystem::path& file, const SecretBuffer& secret);
  /// Reads a whole file of at most max_bytes. Errors: kNotFound; kPermission when group or others may read it or it is
  /// no plain file; kInvalidArgument when it is longer; kInternal.
  static Result<SecretBuffer> Read(const std::filesystem::path& file, std::size_t max_bytes);
  /// The reading end of a pipe that holds the secret and then ends. At most 4096 bytes. Errors: kInternal.
  static Result<UniqueFd> Pipe(const SecretBuffer& secret);
};

/// Writes text to a file by way of a synced temporary one beside it. Errors: kInternal.
Status WriteFileAtomically(const std::filesystem::path& file, std::string_view text, mode_t mode);

/// The whole text of a file of at most max_bytes. Errors: kNotFound, kInvalidArgument (longer), kInternal.
Result<std::string> ReadTextFile(const std::filesystem::path& file, std::size_t max_bytes);

/// An Error from errno, with what was being done and to which file in its detail.
Error FileError(const char* doing, const std::filesystem::path& file, int error);

}  // namespace strongroom::hsm_host
