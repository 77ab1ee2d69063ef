#pragma once

#include <string>
#include <utility>
#include <vector>

#include "iam/work.h"

namespace strongroom::iam {

using TagList = std::vector<std::pair<std::string, std::string>>;

/// The request's Tags, with their condition keys (aws:RequestTag/…, aws:TagKeys) noted.
/// Errors: kTag for keys given twice (ignoring case) or of AWS's own prefix.
Result<TagList> TagsOfRequest(Work& work);
/// May the caller tag what it makes with these? `action` is the one that would do it later ("iam:TagUser"); nothing is
/// asked without tags. After TagsOfRequest. Errors: kAccessDenied.
Status AuthorizeTags(const Work& work, std::string_view action, std::string_view arn, const TagList& tags);
/// aws:ResourceTag/… and iam:ResourceTag/… of what is acted on.
Status NoteResourceTags(Work& work, std::string_view owner_id);

/// `owner_id` as in the table iam_tags. In the order of the keys, ignoring case.
Result<TagList> ReadTags(store::Transaction& t, std::string_view account, std::string_view owner_id);
/// Adds tags, or replaces values. Errors: kLimitExceeded.
Status PutTags(Work& work, std::string_view owner_id, const TagList& tags);
/// Removes all.
Status DropTags(Work& work, std::string_view owner_id);
void ShowTags(const TagList& tags, aws::Reply& reply);

/// What tags belong to: its ARN for authorisation and its id in the table. Finds it by the request. Errors: kNotFound.
struct TagOwner {
  std::string id, arn;
};
using FindTagOwner = Result<TagOwner> (*)(Work& work);
Result<TagOwner> UserAsTagOwner(Work& work);
Result<TagOwner> RoleAsTagOwner(Work& work);
Result<TagOwner> PolicyAsTagOwner(Work& work);
Result<TagOwner> MfaDeviceAsTagOwner(Work& work);
Result<TagOwner> OidcProviderAsTagOwner(Work& work);

/// TagUser, UntagUser, ListUserTags and their like.
Result<aws::Reply> TagOwned(Work& work, FindTagOwner find);
Result<aws::Reply> UntagOwned(Work& work, FindTagOwner find);
Result<aws::Reply> ListTagsOf(Work& work, FindTagOwner find);

template <FindTagOwner kFind>
Result<aws::Reply> Tag(Work& work) {
  return TagOwned(work, kFind);
}
template <FindTagOwner kFind>
Result<aws::Reply> Untag(Work& work) {
  return UntagOwned(work, kFind);
}
template <FindTagOwner kFind>
Result<aws::Reply> ListTags(Work& work) {
  return ListTagsOf(work, kFind);
}

}  // namespace strongroom::iam
