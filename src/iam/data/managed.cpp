#include "iam/data/managed.h"

#include "iam/data/aws_managed.h"
#include "iam/data/documents.h"

namespace strongroom::iam {
namespace {
using store::Text;

constexpr std::string_view kPolicyColumns =
    "account_id, name, path, policy_id, arn, description, default_version, next_version, created_at, updated_at";

ManagedPolicy PolicyOf(const store::Row& row) {
  return {.account = row.Text(0),
          .name = row.Text(1),
          .path = row.Text(2),
          .id = row.Text(3),
          .arn = row.Text(4),
          .description = row.Text(5),
          .default_version = row.Int(6),
          .next_version = row.Int(7),
          .created_at = row.Int(8),
          .updated_at = row.Int(9)};
}

Error NoSuchPolicy(std::string_view arn) {
  return Error(Errc::kNotFound, fmt::format("Policy {} does not exist or is not attachable.", arn));
}

Result<std::vector<PolicyVersion>> SelectVersions(store::Transaction& t, const ManagedPolicy& policy,
                                                  std::string_view which, std::int64_t number) {
  if (policy.of_aws != nullptr) {
    std::vector<PolicyVersion> only{{1, std::string(policy.of_aws->document), policy.created_at}};
    if (!which.empty() && number != 1) only.clear();
    return only;
  }
  std::vector<store::Value> values{Text(policy.account), Text(policy.id)};
  if (!which.empty()) values.emplace_back(number);
  SR_TRY(const store::Rows rows,
         t.Query(fmt::format("SELECT version, document, created_at FROM iam_policy_versions "
                             "WHERE account_id = $1 AND policy_id = $2 {} ORDER BY version DESC",
                             which),
                 values));
  std::vector<PolicyVersion> versions;
  for (const store::Row& row : rows) versions.push_back({row.Int(0), row.Text(1), row.Int(2)});
  return versions;
}
constexpr std::string_view kThatVersion = "AND version = $3";
}  // namespace

Result<ManagedPolicy> FindManaged(store::Transaction& t, std::string_view account, std::string_view arn) {
  const auto parts = ParseIamArn(arn);
  if (!parts || parts->type != "policy") return InvalidArn(arn);
  if (parts->account == "aws") {
    const AwsManaged* known = FindAwsManaged(arn);
    if (known == nullptr) return NoSuchPolicy(arn);
    return ManagedPolicy{.account = {},
                         .name = std::string(known->name),
                         .path = std::string(known->path),
                         .id = std::string(known->id),
                         .arn = std::string(arn),
                         .description = std::string(known->description),
                         .created_at = kAwsManagedSince,
                         .updated_at = kAwsManagedSince,
                         .of_aws = known};
  }
  SR_TRY(const auto row,
         t.QueryOne(fmt::format("SELECT {} FROM iam_policies WHERE account_id = $1 AND arn = $2", kPolicyColumns),
                    {Text(account), Text(arn)}));
  if (!row) return NoSuchPolicy(arn);
  return PolicyOf(*row);
}

Result<ManagedPolicy> NeedPolicy(Work& work) {
  SR_TRY(const std::string arn, work.in.RequiredString("PolicyArn"));
  const auto parts = ParseIamArn(arn);
  if (!parts || parts->type != "policy") return InvalidArn(arn);
  auto found = FindManaged(work.t, work.account(), arn);
  if (found.ok() && found->of_aws == nullptr) SR_CHECK(NoteResourceTags(work, found->id));
  SR_CHECK(work.Authorize(arn));
  if (!found.ok() && found.error().code() == Errc::kNotFound)
    return Error(Errc::kNotFound, fmt::format("Policy {} was not found.", arn));
  return found;
}

Result<ManagedPolicy> NeedOwnPolicy(Work& work) {
  SR_TRY(ManagedPolicy policy, NeedPolicy(work));
  if (policy.of_aws != nullptr)
    return Error(Errc::kAccessDenied, fmt::format("Policy {} is managed by AWS and cannot be changed.", policy.arn));
  return policy;
}

Result<std::vector<ManagedPolicy>> ListOwnPolicies(store::Transaction& t, std::string_view account) {
  SR_TRY(const store::Rows rows,
         t.Query(fmt::format("SELECT {} FROM iam_policies WHERE account_id = $1 ORDER BY name_key", kPolicyColumns),
                 {Text(account)}));
  std::vector<ManagedPolicy> policies;
  for (const store::Row& row : rows) policies.push_back(PolicyOf(row));
  return policies;
}

Result<std::vector<PolicyVersion>> ReadVersions(store::Transaction& t, const ManagedPolicy& policy) {
  return SelectVersions(t, policy, "", 0);
}

Result<std::string> ReadDefaultDocument(store::Transaction& t, const ManagedPolicy& policy) {
  SR_TRY(auto found, SelectVersions(t, policy, kThatVersion, policy.default_version));
  if (found.empty()) return Error(Errc::kCorrupted, "A managed policy has no default version.");
  return std::move(found.front().document);
}

Result<PolicyVersion> NeedVersion(Work& work, const ManagedPolicy& policy) {
  SR_TRY(const std::string text, work.in.RequiredString("VersionId"));
  // Its pattern allows a suffix, which no version has, and any number of digits.
  const bool number = text.size() <= 10 && text.find('.') == std::string::npos;
  std::vector<PolicyVersion> found;
  if (number) {
    SR_TRY(found, SelectVersions(work.t, policy, kThatVersion, std::stoll(text.substr(1))));
  }
  if (found.empty()) {
    return Error(Errc::kNotFound,
                 fmt::format("Policy {} version {} does not exist or is not attachable.", policy.arn, text));
  }
  return std::move(found.front());
}

Status InsertVersion(Work& work, const ManagedPolicy& policy, std::int64_t number, const std::string& document) {
  SR_CHECK(
      work.t.Execute("INSERT INTO iam_policy_versions (account_id, policy_id, version, document, created_at) "
                     "VALUES ($1, $2, $3, $4, $5)",
                     {Text(policy.account), Text(policy.id), number, Text(document), policy.updated_at}));
  return {};
}

Status UpdatePolicyRow(Work& work, const ManagedPolicy& policy) {
  SR_CHECK(work.t.Execute(
      "UPDATE iam_policies SET default_version = $1, next_version = $2, updated_at = $3 "
      "WHERE account_id = $4 AND arn = $5",
      {policy.default_version, policy.next_version, policy.updated_at, Text(policy.account), Text(policy.arn)}));
  return work.Changed(policy.id);
}

Result<PolicyUse> CountUse(store::Transaction& t, std::string_view account, std::string_view arn) {
  SR_TRY(const auto attached,
         t.QueryOne("SELECT COUNT(*) FROM iam_attachments WHERE account_id = $1 AND policy_arn = $2",
                    {Text(account), Text(arn)}));
  SR_TRY(const auto boundaries,
         t.QueryOne("SELECT COUNT(*) FROM iam_entities WHERE account_id = $1 AND boundary_arn = $2",
                    {Text(account), Text(arn)}));
  return PolicyUse{attached ? attached->Int(0) : 0, boundaries ? boundaries->Int(0) : 0};
}

Result<aws::Reply> ShowPolicy(store::Transaction& t, std::string_view account, const ManagedPolicy& policy,
                              Detail detail) {
  SR_TRY(const PolicyUse use, CountUse(t, account, policy.arn));
  aws::Reply reply;
  reply.Text("PolicyName", policy.name)
      .Text("PolicyId", policy.id)
      .Text("Arn", policy.arn)
      .Text("Path", policy.path)
      .Text("DefaultVersionId", fmt::format("v{}", policy.default_version))
      .Int("AttachmentCount", use.attachments)
      .Int("PermissionsBoundaryUsageCount", use.boundaries)
      .Bool("IsAttachable", true);
  if (detail == Detail::kFull && !policy.description.empty()) reply.Text("Description", policy.description);
  reply.Timestamp("CreateDate", WallTimeOf(policy.created_at)).Timestamp("UpdateDate", WallTimeOf(policy.updated_at));
  if (detail == Detail::kBrief || policy.of_aws != nullptr) return reply;
  SR_TRY(const TagList tags, ReadTags(t, account, policy.id));
  ShowTags(tags, reply);
  return reply;
}

aws::Reply ShowVersion(const ManagedPolicy& policy, const PolicyVersion& version, ShowDocument document) {
  aws::Reply reply;
  if (document == ShowDocument::kYes) reply.Text("Document", UrlEncoded(version.document));
  reply.Text("VersionId", fmt::format("v{}", version.number))
      .Bool("IsDefaultVersion", version.number == policy.default_version)
      .Timestamp("CreateDate", WallTimeOf(version.created_at));
  return reply;
}

Result<std::vector<std::string>> ReadAttachments(store::Transaction& t, std::string_view account,
                                                 std::string_view entity_id) {
  SR_TRY(const store::Rows rows, t.Query("SELECT policy_arn FROM iam_attachments WHERE account_id = $1 AND "
                                         "entity_id = $2 ORDER BY policy_arn",
                                         {Text(account), Text(entity_id)}));
  std::vector<std::string> arns;
  for (const store::Row& row : rows) arns.push_back(row.Text(0));
  return arns;
}

std::vector<aws::Reply> ShowAttachments(const std::vector<std::string>& arns) {
  std::vector<aws::Reply> shown;
  for (const std::string& arn : arns) {
    aws::Reply entry;
    entry.Text("PolicyName", arn.substr(arn.rfind('/') + 1)).Text("PolicyArn", arn);
    shown.push_back(std::move(entry));
  }
  return shown;
}

}  // namespace strongroom::iam
