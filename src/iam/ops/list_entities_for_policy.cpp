// Source: IAM API Reference, "ListEntitiesForPolicy".
#include "iam/data/managed.h"
#include "iam/ops/all.h"
#include "iam/page.h"

namespace strongroom::iam {
namespace {
/// Those that the policy is attached to (or bounds), as EntityFilter and PolicyUsageFilter ask.
Result<std::vector<Entity>> EntitiesOf(Work& work, std::string_view arn) {
  SR_TRY(const std::string prefix, work.in.StringOr("PathPrefix", "/"));
  SR_TRY(const std::string filter, work.in.StringOr("EntityFilter", ""));
  SR_TRY(const std::string usage, work.in.StringOr("PolicyUsageFilter", ""));
  std::vector<Entity> found;
  if (filter == "LocalManagedPolicy" || filter == "AWSManagedPolicy") return found;
  for (const Kind kind : {Kind::kGroup, Kind::kRole, Kind::kUser}) {
    if (!filter.empty() && filter != NamesOf(kind).capital) continue;
    SR_TRY(auto all, ListEntities(work.t, work.account(), kind, prefix));
    for (Entity& one : all) {
      SR_TRY(const auto attached, ReadAttachments(work.t, work.account(), one.id));
      const bool as_policy = std::ranges::find(attached, arn) != attached.end() && usage != "PermissionsBoundary";
      const bool as_boundary = one.boundary_arn == arn && usage != "PermissionsPolicy";
      if (as_policy || as_boundary) found.push_back(std::move(one));
    }
  }
  return found;
}

Result<aws::Reply> ListEntitiesForPolicy(Work& work) {
  SR_TRY(const ManagedPolicy policy, NeedPolicy(work));
  SR_TRY(auto entities, EntitiesOf(work, policy.arn));
  aws::Reply reply;
  const auto key = [](const Entity& one) {
    return std::string(NamesOf(one.kind).word).append("/").append(Folded(one.name));
  };
  SR_CHECK(CutPage(work, entities, key, reply));
  std::vector<aws::Reply> groups, users, roles;
  for (const Entity& one : entities) {
    aws::Reply entry;
    entry.Text(NamesOf(one.kind).name_member, one.name).Text(NamesOf(one.kind).id_member, one.id);
    (one.kind == Kind::kUser ? users : one.kind == Kind::kGroup ? groups : roles).push_back(std::move(entry));
  }
  reply.Objects("PolicyGroups", std::move(groups))
      .Objects("PolicyUsers", std::move(users))
      .Objects("PolicyRoles", std::move(roles));
  return reply;
}
}  // namespace

constinit const aws::Operation op::list_entities_for_policy = {.target = "iam.ListEntitiesForPolicy",
                                                               .iam_action = "iam:ListEntitiesForPolicy",
                                                               .handler = Reading<&ListEntitiesForPolicy>};

}  // namespace strongroom::iam
