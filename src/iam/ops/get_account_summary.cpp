// Source: IAM API Reference, "GetAccountSummary".
#include "iam/data/account.h"
#include "iam/data/managed.h"
#include "iam/data/mfa.h"
#include "iam/data/oidc.h"
#include "iam/ops/all.h"

namespace strongroom::iam {
namespace {
Result<std::int64_t> CountRows(Work& work, std::string_view query) {
  SR_TRY(const auto row, work.t.QueryOne(query, {store::Text(work.account())}));
  return row ? row->Int(0) : 0;
}

/// "SummaryMap" in the form of the Query protocol: an entry with key and value for each number.
Result<aws::Reply> GetAccountSummary(Work& work) {
  SR_CHECK(AuthorizeAccount(work));
  std::vector<std::pair<std::string, std::int64_t>> numbers;
  for (const Kind kind : {Kind::kUser, Kind::kGroup, Kind::kRole}) {
    SR_TRY(const std::int64_t count, CountEntities(work.t, work.account(), kind));
    numbers.emplace_back(NamesOf(kind).list_member, count);
  }
  SR_TRY(const std::int64_t policies, CountRows(work, "SELECT COUNT(*) FROM iam_policies WHERE account_id = $1"));
  SR_TRY(const std::int64_t versions,
         CountRows(work, "SELECT COUNT(*) FROM iam_policy_versions WHERE account_id = $1"));
  SR_TRY(const std::int64_t devices, CountRows(work, "SELECT COUNT(*) FROM iam_mfa_devices WHERE account_id = $1"));
  SR_TRY(const std::int64_t in_use,
         CountRows(work, "SELECT COUNT(*) FROM iam_mfa_devices WHERE account_id = $1 AND user_id <> ''"));
  SR_TRY(const std::int64_t providers,
         CountRows(work, "SELECT COUNT(*) FROM iam_oidc_providers WHERE account_id = $1"));
  SR_TRY(const std::int64_t root_keys,
         CountRows(work, "SELECT COUNT(*) FROM access_keys WHERE account_id = $1 AND principal_id = $1"));
  const Limits& limits = work.limits;
  const std::pair<std::string_view, std::int64_t> more[] = {{"Policies", policies},
                                                            {"PolicyVersionsInUse", versions},
                                                            {"MFADevices", devices},
                                                            {"MFADevicesInUse", in_use},
                                                            {"Providers", providers},
                                                            {"AccountAccessKeysPresent", std::int64_t{root_keys != 0}},
                                                            {"AccountMFAEnabled", 0},
                                                            {"AccessKeysPerUserQuota", 2},
                                                            {"AssumeRolePolicySizeQuota", limits.trust},
                                                            {"AttachedPoliciesPerGroupQuota", limits.attached},
                                                            {"AttachedPoliciesPerRoleQuota", limits.attached},
                                                            {"AttachedPoliciesPerUserQuota", limits.attached},
                                                            {"GroupPolicySizeQuota", limits.inline_group},
                                                            {"GroupsPerUserQuota", limits.groups_per_user},
                                                            {"GroupsQuota", limits.groups},
                                                            {"PoliciesQuota", limits.policies},
                                                            {"PolicySizeQuota", limits.policy_characters},
                                                            {"RolePolicySizeQuota", limits.inline_role},
                                                            {"RolesQuota", limits.roles},
                                                            {"UserPolicySizeQuota", limits.inline_user},
                                                            {"UsersQuota", limits.users},
                                                            {"VersionsPerPolicyQuota", limits.policy_versions}};
  std::vector<std::pair<std::string, std::string>> shown;
  for (const auto& [name, number] : numbers) shown.emplace_back(name, std::to_string(number));
  for (const auto& [name, number] : more) shown.emplace_back(name, std::to_string(number));
  aws::Reply reply;
  reply.TextMap("SummaryMap", std::move(shown));
  return reply;
}
}  // namespace

constinit const aws::Operation op::get_account_summary = {
    .target = "iam.GetAccountSummary", .iam_action = "iam:GetAccountSummary", .handler = Reading<&GetAccountSummary>};

}  // namespace strongroom::iam
