#pragma once

#include <optional>
#include <string>
#include <vector>

#include "iam/data/entity.h"

namespace strongroom::iam {

/// Whose access keys an operation is about: the request's user, or the caller, who may be the account's root.
struct KeyHolder {
  std::string principal_id, arn;
  std::string user_name;  // empty for root
};
/// Errors: kAccessDenied, kNotFound, kInvalidArgument.
Result<KeyHolder> NeedKeyHolder(Work& work);

/// A key as the API shows it.
struct KeyFacts {
  std::string id, status;  // "Active" or "Inactive"
  std::string principal_id, principal_arn;
  std::int64_t created_at = 0;
  std::optional<std::int64_t> last_used_at;
  std::string last_used_region, last_used_service;
};
Result<std::vector<KeyFacts>> ListKeys(store::Transaction& t, std::string_view account, std::string_view principal_id);
Result<std::optional<KeyFacts>> FindKey(store::Transaction& t, std::string_view account, std::string_view key_id);
/// The one that the request's AccessKeyId names, when it is the holder's. Errors: kNotFound.
Result<KeyFacts> NeedKeyOf(Work& work, const KeyHolder& holder);

}  // namespace strongroom::iam
