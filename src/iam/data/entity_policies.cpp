#include "iam/data/entity_policies.h"

#include "iam/data/documents.h"
#include "iam/data/entity.h"
#include "iam/data/managed.h"
#include "iam/page.h"

namespace strongroom::iam {
namespace {
using store::Text;

std::int64_t InlineLimit(const Limits& limits, Kind kind) {
  return kind == Kind::kUser ? limits.inline_user : kind == Kind::kGroup ? limits.inline_group : limits.inline_role;
}

/// The entity and the managed policy of an attachment, in the order in which AWS looks.
struct Attachment {
  Entity entity;
  std::string arn;
};
Result<Attachment> AttachmentOf(Work& work, Kind kind) {
  Attachment found;
  SR_TRY(found.arn, work.in.RequiredString("PolicyArn"));
  const auto parts = ParseIamArn(found.arn);
  if (!parts || parts->type != "policy") return InvalidArn(found.arn);
  work.conditions["iam:PolicyARN"] = {found.arn};
  SR_TRY(found.entity, NeedEntity(work, kind));
  return found;
}

Error NoSuchInlinePolicy(Kind kind, std::string_view name) {
  return Error(Errc::kNotFound, fmt::format("The {} policy with name {} cannot be found.", NamesOf(kind).word, name));
}
}  // namespace

Result<aws::Reply> AttachPolicy(Work& work, Kind kind) {
  SR_TRY(const Attachment wanted, AttachmentOf(work, kind));
  SR_CHECK(FindManaged(work.t, work.account(), wanted.arn));
  SR_CHECK(
      work.t.Execute("INSERT INTO iam_attachments (account_id, entity_id, policy_arn) VALUES ($1, $2, $3) "
                     "ON CONFLICT DO NOTHING",
                     {Text(work.account()), Text(wanted.entity.id), Text(wanted.arn)}));
  SR_TRY(const auto attached, ReadAttachments(work.t, work.account(), wanted.entity.id));
  if (static_cast<std::int64_t>(attached.size()) > work.limits.attached)
    return QuotaExceeded(fmt::format("PoliciesPer{}", NamesOf(kind).capital), work.limits.attached);
  SR_CHECK(work.Changed(wanted.entity.id));
  return Done();
}

Result<aws::Reply> DetachPolicy(Work& work, Kind kind) {
  SR_TRY(const Attachment wanted, AttachmentOf(work, kind));
  SR_TRY(const std::int64_t gone,
         work.t.Execute("DELETE FROM iam_attachments WHERE account_id = $1 AND entity_id = $2 AND policy_arn = $3",
                        {Text(work.account()), Text(wanted.entity.id), Text(wanted.arn)}));
  if (gone == 0) return Error(Errc::kNotFound, fmt::format("Policy {} was not found.", wanted.arn));
  SR_CHECK(work.Changed(wanted.entity.id));
  return Done();
}

Result<aws::Reply> ListAttachedPolicies(Work& work, Kind kind) {
  SR_TRY(const Entity entity, NeedEntity(work, kind));
  SR_TRY(const std::string prefix, work.in.StringOr("PathPrefix", "/"));
  SR_TRY(auto arns, ReadAttachments(work.t, work.account(), entity.id));
  std::erase_if(
      arns, [&](const std::string& arn) { return !std::string_view(arn).substr(arn.find('/')).starts_with(prefix); });
  aws::Reply reply;
  // One of AWS's and one of the account's may share a name.
  const auto key = [](const std::string& arn) {
    return arn.substr(arn.rfind('/') + 1) + (arn.starts_with("arn:aws:iam::aws:") ? "/aws" : "/own");
  };
  SR_CHECK(CutPage(work, arns, key, reply));
  reply.Objects("AttachedPolicies", ShowAttachments(arns));
  return reply;
}

Result<aws::Reply> PutInlinePolicy(Work& work, Kind kind) {
  SR_TRY(const Entity entity, NeedEntity(work, kind));
  SR_TRY(const std::string name, work.in.RequiredString("PolicyName"));
  const std::int64_t limit = InlineLimit(work.limits, kind);
  SR_TRY(const std::string document,
         DocumentOfRequest(work, "PolicyDocument", ports::PolicyKind::kIdentity, limit,
                           fmt::format("{}PolicySizePer{}", NamesOf(kind).word, NamesOf(kind).capital)));
  SR_CHECK(
      work.t.Execute("INSERT INTO iam_inline_policies (account_id, entity_id, name, document) "
                     "VALUES ($1, $2, $3, $4) ON CONFLICT (account_id, entity_id, name) "
                     "DO UPDATE SET document = excluded.document",
                     {Text(work.account()), Text(entity.id), Text(name), Text(document)}));
  SR_TRY(const auto all, ReadInlinePolicies(work.t, work.account(), entity.id));
  std::int64_t characters = 0;
  for (const InlinePolicy& one : all) characters += PolicyCharacters(one.document);
  if (characters > limit) {
    return Error(Errc::kLimitExceeded, fmt::format("Maximum policy size of {} bytes exceeded for {} {}", limit,
                                                   NamesOf(kind).word, entity.name));
  }
  SR_CHECK(work.Changed(entity.id));
  return Done();
}

Result<aws::Reply> GetInlinePolicy(Work& work, Kind kind) {
  SR_TRY(const Entity entity, NeedEntity(work, kind));
  SR_TRY(const std::string name, work.in.RequiredString("PolicyName"));
  SR_TRY(const auto row, work.t.QueryOne("SELECT document FROM iam_inline_policies WHERE account_id = $1 AND "
                                         "entity_id = $2 AND name = $3",
                                         {Text(work.account()), Text(entity.id), Text(name)}));
  if (!row) return NoSuchInlinePolicy(kind, name);
  aws::Reply reply;
  reply.Text(NamesOf(kind).name_member, entity.name)
      .Text("PolicyName", name)
      .Text("PolicyDocument", UrlEncoded(row->Text(0)));
  return reply;
}

Result<aws::Reply> ListInlinePolicies(Work& work, Kind kind) {
  SR_TRY(const Entity entity, NeedEntity(work, kind));
  SR_TRY(const auto policies, ReadInlinePolicies(work.t, work.account(), entity.id));
  std::vector<std::string> names;
  for (const InlinePolicy& one : policies) names.push_back(one.name);
  aws::Reply reply;
  SR_CHECK(CutPage(
      work, names, [](const std::string& name) { return name; }, reply));
  reply.Texts("PolicyNames", std::move(names));
  return reply;
}

Result<aws::Reply> DeleteInlinePolicy(Work& work, Kind kind) {
  SR_TRY(const Entity entity, NeedEntity(work, kind));
  SR_TRY(const std::string name, work.in.RequiredString("PolicyName"));
  SR_TRY(const std::int64_t gone,
         work.t.Execute("DELETE FROM iam_inline_policies WHERE account_id = $1 AND entity_id = $2 AND name = $3",
                        {Text(work.account()), Text(entity.id), Text(name)}));
  if (gone == 0) return NoSuchInlinePolicy(kind, name);
  SR_CHECK(work.Changed(entity.id));
  return Done();
}

Result<aws::Reply> PutBoundary(Work& work, Kind kind) {
  SR_TRY(const std::string arn, work.in.RequiredString("PermissionsBoundary"));
  work.conditions["iam:PermissionsBoundary"] = {arn};
  SR_TRY(const Entity entity, NeedEntity(work, kind));
  SR_CHECK(NeedManagedDocument(work, arn));
  SR_CHECK(work.t.Execute("UPDATE iam_entities SET boundary_arn = $1 WHERE account_id = $2 AND entity_id = $3",
                          {Text(arn), Text(work.account()), Text(entity.id)}));
  SR_CHECK(work.Changed(entity.id));
  return Done();
}

Result<aws::Reply> DeleteBoundary(Work& work, Kind kind) {
  SR_TRY(const Entity entity, NeedEntity(work, kind));
  if (entity.boundary_arn.empty()) {
    return Error(Errc::kNotFound,
                 fmt::format("The {} with name {} has no permissions boundary.", NamesOf(kind).word, entity.name));
  }
  SR_CHECK(work.t.Execute("UPDATE iam_entities SET boundary_arn = '' WHERE account_id = $1 AND entity_id = $2",
                          {Text(work.account()), Text(entity.id)}));
  SR_CHECK(work.Changed(entity.id));
  return Done();
}

}  // namespace strongroom::iam
