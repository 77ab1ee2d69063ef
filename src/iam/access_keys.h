#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/task.h"
#include "ports/sealer.h"
#include "secret/secret_buffer.h"
#include "store/database.h"

namespace strongroom::iam {

/// The purpose under which secret access keys are sealed, with the access key id as name (see ports::Sealer).
inline constexpr std::string_view kAccessKeyPurpose = "iam-access-key";
/// Kinds of entries in the change feed.
inline constexpr std::string_view kAccountChange = "account";
inline constexpr std::string_view kAccessKeyChange = "access-key";
/// AWS's quota of access keys per principal. Source: IAM User Guide, "IAM and AWS STS quotas".
inline constexpr std::int64_t kMaxKeysPerPrincipal = 2;

/// A key as it is shown once, when it is made. `secret` is its 40-character text.
struct NewAccessKey {
  std::string account_id;
  std::string access_key_id;
  SecretBuffer secret;
};

struct AccessKeyInfo {
  std::string access_key_id;
  std::string principal_arn;
  bool active = true;
  std::int64_t created_at = 0;  ///< milliseconds
};

/// Accounts and their root access keys.
///
/// Promise   the database holds a secret access key only as sealed by the domain cluster for that key's id.
/// Errors    those of store::Database and ports::Sealer, and
///           kInvalidArgument  account id not 12 digits, name not 1 to 50 characters, malformed access key id
///           kAlreadyExists    the account exists
///           kNotFound         no such account or key
///           kLimitExceeded    kMaxKeysPerPrincipal reached
/// Threads   any loop.
/// Source    IAM User Guide, "IAM identifiers"; Account Management, "AWS account identifiers".
class AccessKeys {
 public:
  AccessKeys(store::Database& database, ports::Sealer& sealer) : database_(database), sealer_(sealer) {}

  /// Makes an account and its root's first access key. Without `account_id` a free one is drawn.
  Task<Result<NewAccessKey>> CreateAccount(std::string name, std::optional<std::string> account_id = std::nullopt);
  /// A further root access key: to rotate, make the second, move over, delete the first.
  Task<Result<NewAccessKey>> CreateRootKey(std::string account_id);
  /// By access key id.
  Task<Result<std::vector<AccessKeyInfo>>> List(std::string account_id);
  Task<Status> SetActive(std::string account_id, std::string access_key_id, bool active);
  Task<Status> Delete(std::string account_id, std::string access_key_id);

 private:
  Task<Result<NewAccessKey>> Create(std::string account_id, std::optional<std::string> new_account_name);

  store::Database& database_;
  ports::Sealer& sealer_;
};

/// True for 12 decimal digits.
bool IsAccountId(std::string_view text) noexcept;
/// "arn:aws:iam::111122223333:root".
std::string RootArn(std::string_view account_id);

}  // namespace strongroom::iam
