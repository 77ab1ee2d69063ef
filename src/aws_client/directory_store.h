#pragma once

#include <filesystem>
#include <memory>

#include "aws_client/object_store.h"

namespace strongroom::aws_client {

enum class DirectoryUse : std::uint8_t { kMustExist, kCreate };

/// A directory as an object store: an object is a file of mode 0600 at its name, directories are 0700. What is being
/// written is in ".uploads" within it until it is synced and gets its name, so only whole files have names. Symbolic
/// links inside are neither followed nor listed.
/// Errors: kNotFound, kInvalidArgument (not a directory), kAccessDenied, kResourceExhausted.
Result<std::unique_ptr<ObjectStore>> OpenDirectoryStore(const std::filesystem::path& directory, DirectoryUse use);

}  // namespace strongroom::aws_client
