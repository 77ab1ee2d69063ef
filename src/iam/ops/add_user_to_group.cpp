// Source: IAM API Reference, "AddUserToGroup".
#include "iam/data/entity.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
/// Authorised on the group alone, as AWS does.
Result<aws::Reply> AddUserToGroup(Work& work) {
  SR_TRY(const Entity group, NeedEntity(work, Kind::kGroup));
  SR_TRY(const std::string name, work.in.RequiredString("UserName"));
  SR_TRY(const auto user, FindEntity(work.t, work.account(), Kind::kUser, name));
  if (!user) return NoSuchEntity(Kind::kUser, name);
  SR_CHECK(
      work.t.Execute("INSERT INTO iam_memberships (account_id, group_id, user_id) VALUES ($1, $2, $3) "
                     "ON CONFLICT DO NOTHING",
                     {store::Text(work.account()), store::Text(group.id), store::Text(user->id)}));
  SR_TRY(const auto groups, ListGroupsOf(work.t, *user));
  if (static_cast<std::int64_t>(groups.size()) > work.limits.groups_per_user)
    return QuotaExceeded("GroupsPerUser", work.limits.groups_per_user);
  SR_CHECK(work.Changed(user->id));
  return Done();
}
}  // namespace

constinit const aws::Operation op::add_user_to_group = {
    .target = "iam.AddUserToGroup", .iam_action = "iam:AddUserToGroup", .handler = Writing<&AddUserToGroup>};

}  // namespace strongroom::iam
