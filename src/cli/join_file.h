#pragma once

#include <filesystem>

#include "base/result.h"
#include "join.pb.h"
#include "secret/secret_buffer.h"

namespace strongroom::cli {

/// What a machine needs to become one of a deployment's: facts, and the secrets beside them. Keys are PEM.
struct JoinPackage {
  proto::JoinFile facts;
  SecretBuffer invitation;  // 32 bytes
  SecretBuffer https_ca_key, outer_key, next_outer_key, client_key;
};

/// Writes the file with mode 0600; it replaces nothing. Errors: kAlreadyExists; the disk's.
Status WriteJoinFile(const std::filesystem::path& file, JoinPackage package);
/// Errors: kNotFound; kPermission when group or others may read it; kInvalidArgument for what is no such file, one
/// of another version, or one that is not as it was written.
Result<JoinPackage> ReadJoinFile(const std::filesystem::path& file);

}  // namespace strongroom::cli
