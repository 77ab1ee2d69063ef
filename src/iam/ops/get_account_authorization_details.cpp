// Source: IAM API Reference, "GetAccountAuthorizationDetails".
#include "iam/data/aws_managed.h"
#include "iam/data/documents.h"
#include "iam/data/managed.h"
#include "iam/ops/all.h"
#include "iam/page.h"
#include "iam/principals/directory.h"

namespace strongroom::iam {
namespace {
/// One thing of the list; pages run through groups, roles, users and policies in this order of their sort keys.
struct Thing {
  std::string key;
  std::optional<Entity> entity;
  std::optional<ManagedPolicy> policy;
};

bool IsWanted(const std::vector<std::string>& filter, std::string_view what) {
  return filter.empty() || std::ranges::find(filter, what) != filter.end();
}

Result<std::vector<Thing>> ThingsOf(Work& work) {
  SR_TRY(const auto filter, work.in.StringList("Filter"));
  std::vector<Thing> things;
  for (const Kind kind : {Kind::kGroup, Kind::kRole, Kind::kUser}) {
    if (!IsWanted(filter, NamesOf(kind).capital)) continue;
    SR_TRY(auto entities, ListEntities(work.t, work.account(), kind));
    for (Entity& one : entities)
      things.push_back({fmt::format("{}/{}", NamesOf(kind).word, Folded(one.name)), std::move(one), std::nullopt});
  }
  if (IsWanted(filter, "LocalManagedPolicy")) {
    SR_TRY(auto policies, ListOwnPolicies(work.t, work.account()));
    for (ManagedPolicy& one : policies) things.push_back({"v/" + Folded(one.name), std::nullopt, std::move(one)});
  }
  if (IsWanted(filter, "AWSManagedPolicy")) {
    for (const AwsManaged& one : AllAwsManaged()) {
      SR_TRY(const PolicyUse use, CountUse(work.t, work.account(), one.Arn()));
      if (use.attachments + use.boundaries == 0) continue;
      SR_TRY(ManagedPolicy known, FindManaged(work.t, work.account(), one.Arn()));
      things.push_back({fmt::format("w/{}", one.name), std::nullopt, std::move(known)});
    }
  }
  return things;
}

Result<aws::Reply> EntityDetail(Work& work, const Entity& entity) {
  aws::Reply detail;
  ShowNames(entity, detail);
  if (entity.kind == Kind::kRole) {
    SR_TRY(const std::string trust, ShownTrustPolicy(work.t, entity));
    detail.Text("AssumeRolePolicyDocument", UrlEncoded(trust)).Objects("InstanceProfileList", {});
    ShowLastUsed(entity, detail);
  }
  if (entity.kind == Kind::kUser) {
    SR_TRY(const auto groups, ListGroupsOf(work.t, entity));
    std::vector<std::string> names;
    for (const Entity& one : groups) names.push_back(one.name);
    detail.Texts("GroupList", std::move(names));
  }
  SR_TRY(const auto policies, ReadInlinePolicies(work.t, work.account(), entity.id));
  std::vector<aws::Reply> shown;
  for (const InlinePolicy& one : policies) {
    aws::Reply entry;
    entry.Text("PolicyName", one.name).Text("PolicyDocument", UrlEncoded(one.document));
    shown.push_back(std::move(entry));
  }
  constexpr std::string_view kLists[] = {"UserPolicyList", "GroupPolicyList", "RolePolicyList"};
  if (!shown.empty() || entity.kind != Kind::kUser)
    detail.Objects(kLists[static_cast<std::size_t>(entity.kind)], std::move(shown));
  SR_TRY(const auto attached, ReadAttachments(work.t, work.account(), entity.id));
  detail.Objects("AttachedManagedPolicies", ShowAttachments(attached));
  ShowBoundary(entity, detail);
  if (entity.kind != Kind::kGroup) {
    SR_TRY(const TagList tags, ReadTags(work.t, work.account(), entity.id));
    ShowTags(tags, detail);
  }
  return detail;
}

Result<aws::Reply> PolicyDetail(Work& work, const ManagedPolicy& policy) {
  SR_TRY(aws::Reply detail, ShowPolicy(work.t, work.account(), policy, Detail::kBrief));
  SR_TRY(const auto versions, ReadVersions(work.t, policy));
  std::vector<aws::Reply> shown;
  for (const PolicyVersion& one : versions) shown.push_back(ShowVersion(policy, one, ShowDocument::kYes));
  detail.Objects("PolicyVersionList", std::move(shown));
  return detail;
}

Result<aws::Reply> GetAccountAuthorizationDetails(Work& work) {
  SR_CHECK(work.Authorize("*"));
  SR_TRY(auto things, ThingsOf(work));
  aws::Reply reply;
  SR_CHECK(CutPage(
      work, things, [](const Thing& one) { return one.key; }, reply));
  std::vector<aws::Reply> of_kind[3], policies;
  for (const Thing& one : things) {
    if (one.entity) {
      SR_TRY(aws::Reply detail, EntityDetail(work, *one.entity));
      of_kind[static_cast<std::size_t>(one.entity->kind)].push_back(std::move(detail));
    } else {
      SR_TRY(aws::Reply detail, PolicyDetail(work, *one.policy));
      policies.push_back(std::move(detail));
    }
  }
  reply.Objects("UserDetailList", std::move(of_kind[0]))
      .Objects("GroupDetailList", std::move(of_kind[1]))
      .Objects("RoleDetailList", std::move(of_kind[2]))
      .Objects("Policies", std::move(policies));
  return reply;
}
}  // namespace

constinit const aws::Operation op::get_account_authorization_details = {
    .target = "iam.GetAccountAuthorizationDetails",
    .iam_action = "iam:GetAccountAuthorizationDetails",
    .handler = Reading<&GetAccountAuthorizationDetails>};

}  // namespace strongroom::iam
