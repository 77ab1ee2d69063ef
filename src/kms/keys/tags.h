#pragma once

#include <string>
#include <utility>
#include <vector>

#include "kms/keys/key.h"
#include "store/database.h"

namespace strongroom::kms {

using Tag = std::pair<std::string, std::string>;  // key, value
inline constexpr std::size_t kMaxTags = 50;

/// No more tags, or keys of tags, than a key can have: asked before policies look at each of them. Errors: kTag.
Status CheckTagCount(std::size_t count);
/// The rules for the tags of one request (spec/kms.md 2.9). Errors: kTag.
Status CheckTags(const std::vector<Tag>& tags);
/// Sets these, keeps the others. Errors: kTag `Too many tags` when the key would have more than 50.
Status PutTags(store::Transaction& t, const KeyRow& key, const std::vector<Tag>& tags);
Status RemoveTags(store::Transaction& t, const KeyRow& key, const std::vector<std::string>& tag_keys);
/// By tag key, after `after`.
Result<std::vector<Tag>> ListTags(store::Transaction& t, const KeyRow& key, const std::string& after,
                                  std::int64_t limit);

}  // namespace strongroom::kms
