#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "base/task.h"
#include "iam/access_keys.h"
#include "store/database.h"

namespace strongroom::service {

/// The one place of strongroomd that looks into a secret: it writes an access key's file.
class RootKeyFile {
 public:
  /// {"AccountId": …, "AccessKeyId": …, "SecretAccessKey": …}, mode 0600, atomically. Errors: base/file.h's.
  static Status Write(const std::filesystem::path& file, const iam::NewAccessKey& key);
};

/// Makes the configured account with its root access key and delivers the key to `file`, once. A start that was cut off
/// between the two replaces the key that nobody has seen.
Task<Status> EnsureAccount(store::Database& database, iam::AccessKeys& keys, std::string account_id, std::string name,
                           std::filesystem::path file);

}  // namespace strongroom::service
