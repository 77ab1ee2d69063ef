#include "iam/data/tags.h"

#include <set>

#include "iam/data/entity.h"
#include "iam/data/managed.h"
#include "iam/data/mfa.h"
#include "iam/data/oidc.h"
#include "iam/page.h"

namespace strongroom::iam {
namespace {
using store::Text;

Error DuplicateKeys() {
  return InvalidInput("Duplicate tag keys found. Please note that Tag keys are case insensitive.");
}
Result<TagOwner> OwnerOf(Result<Entity> entity) {
  if (!entity) return std::move(entity).error();
  return TagOwner{entity->id, entity->Arn()};
}
}  // namespace

Result<TagList> TagsOfRequest(Work& work) {
  SR_TRY(TagList tags, work.in.PairList("Tags", "Key", "Value"));
  std::set<std::string> folded;
  std::vector<std::string> keys;
  for (const auto& [key, value] : tags) {
    if (Folded(key).starts_with("aws:"))
      return InvalidInput("Tag keys that start with 'aws:' are reserved for AWS use.");
    if (!folded.insert(Folded(key)).second) return DuplicateKeys();
    work.conditions["aws:RequestTag/" + key] = {value};
    keys.push_back(key);
  }
  if (!keys.empty()) work.conditions["aws:TagKeys"] = std::move(keys);
  return tags;
}

Status AuthorizeTags(const Work& work, std::string_view action, std::string_view arn, const TagList& tags) {
  return tags.empty() ? Status() : work.Authorize(action, arn);
}

Status NoteResourceTags(Work& work, std::string_view owner_id) {
  SR_TRY(const TagList tags, ReadTags(work.t, work.account(), owner_id));
  for (const auto& [key, value] : tags) {
    work.conditions["aws:ResourceTag/" + key] = {value};
    work.conditions["iam:ResourceTag/" + key] = {value};
  }
  return {};
}

Result<TagList> ReadTags(store::Transaction& t, std::string_view account, std::string_view owner_id) {
  SR_TRY(const store::Rows rows,
         t.Query("SELECT tag_key, tag_value FROM iam_tags WHERE account_id = $1 AND owner_id = $2 ORDER BY key_folded",
                 {Text(account), Text(owner_id)}));
  TagList tags;
  for (const store::Row& row : rows) tags.emplace_back(row.Text(0), row.Text(1));
  return tags;
}

Status PutTags(Work& work, std::string_view owner_id, const TagList& tags) {
  if (tags.empty()) return {};
  for (const auto& [key, value] : tags) {
    SR_CHECK(
        work.t.Execute("INSERT INTO iam_tags (account_id, owner_id, key_folded, tag_key, tag_value) "
                       "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (account_id, owner_id, key_folded) "
                       "DO UPDATE SET tag_key = excluded.tag_key, tag_value = excluded.tag_value",
                       {Text(work.account()), Text(owner_id), Text(Folded(key)), Text(key), Text(value)}));
  }
  SR_TRY(const TagList all, ReadTags(work.t, work.account(), owner_id));
  if (static_cast<std::int64_t>(all.size()) > work.limits.tags)
    return Error(Errc::kLimitExceeded, "The number of tags has reached the maximum limit.");
  return {};
}

Status DropTags(Work& work, std::string_view owner_id) {
  SR_CHECK(work.t.Execute("DELETE FROM iam_tags WHERE account_id = $1 AND owner_id = $2",
                          {Text(work.account()), Text(owner_id)}));
  return {};
}

void ShowTags(const TagList& tags, aws::Reply& reply) {
  std::vector<aws::Reply> shown;
  for (const auto& [key, value] : tags) {
    aws::Reply entry;
    entry.Text("Key", key).Text("Value", value);
    shown.push_back(std::move(entry));
  }
  reply.Objects("Tags", std::move(shown));
}

Result<TagOwner> UserAsTagOwner(Work& work) { return OwnerOf(NeedEntity(work, Kind::kUser)); }
Result<TagOwner> RoleAsTagOwner(Work& work) { return OwnerOf(NeedEntity(work, Kind::kRole)); }
Result<TagOwner> PolicyAsTagOwner(Work& work) {
  SR_TRY(const ManagedPolicy policy, NeedOwnPolicy(work));
  return TagOwner{policy.id, policy.arn};
}
Result<TagOwner> MfaDeviceAsTagOwner(Work& work) {
  SR_TRY(const MfaDevice device, NeedMfaDevice(work));
  return TagOwner{device.serial_number, device.serial_number};
}
Result<TagOwner> OidcProviderAsTagOwner(Work& work) {
  SR_TRY(const OidcProvider provider, NeedOidcProvider(work));
  return TagOwner{provider.Arn(), provider.Arn()};
}

Result<aws::Reply> TagOwned(Work& work, FindTagOwner find) {
  SR_TRY(const TagList tags, TagsOfRequest(work));
  SR_TRY(const TagOwner owner, find(work));
  SR_CHECK(PutTags(work, owner.id, tags));
  SR_CHECK(work.Changed(owner.id));
  return Done();
}

Result<aws::Reply> UntagOwned(Work& work, FindTagOwner find) {
  SR_TRY(auto keys, work.in.StringList("TagKeys"));
  if (!keys.empty()) work.conditions["aws:TagKeys"] = keys;
  SR_TRY(const TagOwner owner, find(work));
  for (const std::string& key : keys) {
    SR_CHECK(work.t.Execute("DELETE FROM iam_tags WHERE account_id = $1 AND owner_id = $2 AND key_folded = $3",
                            {Text(work.account()), Text(owner.id), Text(Folded(key))}));
  }
  SR_CHECK(work.Changed(owner.id));
  return Done();
}

Result<aws::Reply> ListTagsOf(Work& work, FindTagOwner find) {
  SR_TRY(const TagOwner owner, find(work));
  SR_TRY(TagList tags, ReadTags(work.t, work.account(), owner.id));
  // Keys can be longer than a marker may be; there are at most 50, so a page begins at a number.
  std::vector<std::pair<std::string, std::pair<std::string, std::string>>> numbered;
  for (std::size_t i = 0; i < tags.size(); ++i) numbered.emplace_back(fmt::format("{:03}", i), std::move(tags[i]));
  aws::Reply reply;
  SR_CHECK(CutPage(
      work, numbered, [](const auto& one) { return one.first; }, reply));
  tags.clear();
  for (auto& [number, tag] : numbered) tags.push_back(std::move(tag));
  ShowTags(tags, reply);
  return reply;
}

}  // namespace strongroom::iam
