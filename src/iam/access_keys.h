#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/task.h"
#include "ports/signing_keys.h"
#include "secret/secret_buffer.h"
#include "store/database.h"

namespace strongroom::iam {

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

/// A new key as the store keeps it.
struct SealedAccessKey {
  std::string account_id, access_key_id, principal_id;
  Bytes sealed;
};

/// What a secret access key is sealed for (docs/formats.md 17): neither key nor account nor principal can be another's.
ports::SigningSecrets::Terms AccessKeyTerms(std::string_view account_id, std::string_view principal_id,
                                            std::string_view access_key_id);

/// Writes a key, active, and tells the feed. The principal exists and is the caller's to check.
/// Errors: kLimitExceeded kMaxKeysPerPrincipal reached, in AWS's words.
Status InsertAccessKey(store::Transaction& transaction, const SealedAccessKey& key, std::string_view principal_arn);

struct AccessKeyInfo {
  std::string access_key_id;
  std::string principal_arn;
  bool active = true;
  std::int64_t created_at = 0;  ///< milliseconds
};

/// Accounts and their root access keys.
///
/// Promise   secrets are made and sealed inside an HSM of the domain cluster, for that key and principal; the database
///           holds nothing else of them.
/// Errors    those of store::Database and ports::SigningSecrets, and
///           kInvalidArgument  account id not 12 digits, name not 1 to 50 characters, malformed access key id
///           kAlreadyExists    the account exists
///           kNotFound         no such account or key
///           kLimitExceeded    kMaxKeysPerPrincipal reached
/// Threads   any loop.
/// Source    IAM User Guide, "IAM identifiers"; Account Management, "AWS account identifiers".
class AccessKeys {
 public:
  AccessKeys(store::Database& database, ports::SigningSecrets& secrets) : database_(database), secrets_(secrets) {}

  /// A key for anyone (principal_id: AIDA…, or the account for its root), which is in force once InsertAccessKey has
  /// written its sealed half.
  struct Drawn {
    NewAccessKey shown;
    SealedAccessKey kept;
  };
  Task<Result<Drawn>> Draw(std::string account_id, std::string principal_id);

  /// Makes an account and its root's first access key. Without `account_id` a free one is drawn.
  Task<Result<NewAccessKey>> CreateAccount(std::string name, std::optional<std::string> account_id = std::nullopt);
  /// A further root access key: to rotate, make the second, move over, switch off and delete the first.
  Task<Result<NewAccessKey>> CreateRootKey(std::string account_id);
  /// A root access key in the place of all that there are, in one step.
  Task<Result<NewAccessKey>> ResetRootKey(std::string account_id);
  /// By access key id.
  Task<Result<std::vector<AccessKeyInfo>>> List(std::string account_id);
  Task<Status> SetActive(std::string account_id, std::string access_key_id, bool active);
  Task<Status> Delete(std::string account_id, std::string access_key_id);

 private:
  Task<Result<NewAccessKey>> Create(std::string account_id, std::optional<std::string> new_account_name);

  store::Database& database_;
  ports::SigningSecrets& secrets_;
};

/// True for 12 decimal digits.
bool IsAccountId(std::string_view text) noexcept;
/// "arn:aws:iam::111122223333:root".
std::string RootArn(std::string_view account_id);

}  // namespace strongroom::iam
