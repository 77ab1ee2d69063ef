#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kms/grants/grant.h"
#include "kms/keys/key.h"
#include "store/database.h"

namespace strongroom::kms {

// The statements on kms_grants. Each change goes to the change feed with kind "kms-grant" and id GrantFeedId().

std::string GrantFeedId(std::string_view key_id, std::string_view grantee_key);

/// What makes two requests under one name the same: everything in them but the name.
Bytes RequestHash(const Grant& grant);
/// The id of the grant that the same request under the same name has made before, if it has a name.
Result<std::optional<std::string>> FindSameRequest(store::Transaction& t, const Grant& grant);
/// Errors: kNotFound the key is gone; kLimitExceeded when it has `limit` grants.
Status InsertGrant(store::Transaction& t, const Grant& grant, std::int64_t limit);
/// False when it is gone already.
Result<bool> DeleteGrant(store::Transaction& t, const Grant& grant);
/// All grants of a key that is removed.
Status DeleteGrantsOfKey(store::Transaction& t, const KeyRow& key);

Result<std::optional<Grant>> LoadGrant(store::Transaction& t, const std::string& account, const std::string& region,
                                       const std::string& key_id, const std::string& grant_id);
/// `grantee_key` is Grant::GranteeKey.
Result<std::vector<Grant>> GrantsOfGrantee(store::Transaction& t, const std::string& account, const std::string& region,
                                           const std::string& key_id, const std::string& grantee_key);

/// Where a page of grants begins: the time and id of the last one shown.
struct GrantPosition {
  std::int64_t created_millis = -1;
  std::string grant_id;
  /// The text in a pagination marker and back. An empty text is the beginning.
  static GrantPosition Of(const Grant& grant) { return {grant.created_millis, grant.grant_id}; }
  static GrantPosition Read(std::string_view text);
  std::string Text() const;
};
/// Empty filters match all.
struct GrantFilter {
  std::string grant_id, grantee;  // the latter an ARN or a unique id
};
Result<std::vector<Grant>> ListGrantRows(store::Transaction& t, const KeyRow& key, const GrantFilter& filter,
                                         const GrantPosition& after, std::int64_t limit);
/// Of all keys and accounts of a region. `unique_id`: as of Grant::retiring_id.
Result<std::vector<Grant>> ListRetirable(store::Transaction& t, const std::string& region, const std::string& principal,
                                         const std::string& unique_id, const GrantPosition& after, std::int64_t limit);

}  // namespace strongroom::kms
