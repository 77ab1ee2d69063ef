#include "iam/data/entity.h"

#include "iam/data/documents.h"
#include "iam/page.h"
#include "iam/principals/directory.h"

namespace strongroom::iam {
namespace {
using store::Text;

constexpr std::string_view kColumns =
    "e.kind, e.account_id, e.name, e.path, e.entity_id, e.created_at, e.boundary_arn, e.description, e.trust_policy, "
    "e.max_session_seconds, e.last_used_at, e.last_used_region, e.password_used_at, e.trust_principals";

Result<std::vector<Entity>> Select(store::Transaction& t, std::string_view where,
                                   std::initializer_list<store::Value> values) {
  SR_TRY(const store::Rows rows, t.Query(fmt::format("SELECT {} FROM iam_entities e {}", kColumns, where), values));
  std::vector<Entity> entities;
  for (const store::Row& row : rows) {
    SR_TRY(const Kind kind, KindOf(row.Text(0)));
    entities.push_back({.kind = kind,
                        .account = row.Text(1),
                        .name = row.Text(2),
                        .path = row.Text(3),
                        .id = row.Text(4),
                        .created_at = row.Int(5),
                        .boundary_arn = row.Text(6),
                        .description = row.Text(7),
                        .trust_policy = row.Text(8),
                        .trust_principals = row.Text(13),
                        .max_session_seconds = row.Int(9),
                        .last_used_at = row.OptionalInt(10),
                        .last_used_region = row.Text(11),
                        .password_used_at = row.OptionalInt(12)});
  }
  return entities;
}

std::optional<Entity> First(std::vector<Entity> entities) {
  if (entities.empty()) return std::nullopt;
  return std::move(entities.front());
}

Error Taken(Kind kind, std::string_view name) {
  return Error(Errc::kAlreadyExists, fmt::format("{} with name {} already exists.", NamesOf(kind).capital, name));
}

std::int64_t LimitOf(const Limits& limits, Kind kind) {
  return kind == Kind::kUser ? limits.users : kind == Kind::kGroup ? limits.groups : limits.roles;
}
}  // namespace

Result<std::optional<Entity>> FindEntity(store::Transaction& t, std::string_view account, Kind kind,
                                         std::string_view name) {
  SR_TRY(auto found, Select(t, "WHERE e.account_id = $1 AND e.kind = $2 AND e.name_key = $3",
                            {Text(account), Text(NamesOf(kind).word), Text(Folded(name))}));
  return First(std::move(found));
}

Result<std::optional<Entity>> FindEntityById(store::Transaction& t, std::string_view account, std::string_view id) {
  SR_TRY(auto found, Select(t, "WHERE e.account_id = $1 AND e.entity_id = $2", {Text(account), Text(id)}));
  return First(std::move(found));
}

Result<std::vector<Entity>> ListEntities(store::Transaction& t, std::string_view account, Kind kind,
                                         std::string_view path_prefix) {
  SR_TRY(auto all, Select(t, "WHERE e.account_id = $1 AND e.kind = $2 ORDER BY e.name_key",
                          {Text(account), Text(NamesOf(kind).word)}));
  std::erase_if(all, [&](const Entity& one) { return !one.path.starts_with(path_prefix); });
  return all;
}

Result<std::vector<Entity>> ListMembers(store::Transaction& t, const Entity& group) {
  return Select(t,
                "JOIN iam_memberships m ON m.account_id = e.account_id AND m.user_id = e.entity_id "
                "WHERE m.account_id = $1 AND m.group_id = $2 ORDER BY e.name_key",
                {Text(group.account), Text(group.id)});
}

Result<std::vector<Entity>> ListGroupsOf(store::Transaction& t, const Entity& user) {
  return Select(t,
                "JOIN iam_memberships m ON m.account_id = e.account_id AND m.group_id = e.entity_id "
                "WHERE m.account_id = $1 AND m.user_id = $2 ORDER BY e.name_key",
                {Text(user.account), Text(user.id)});
}

Result<std::int64_t> CountEntities(store::Transaction& t, std::string_view account, Kind kind) {
  SR_TRY(const auto row, t.QueryOne("SELECT COUNT(*) FROM iam_entities WHERE account_id = $1 AND kind = $2",
                                    {Text(account), Text(NamesOf(kind).word)}));
  return row ? row->Int(0) : 0;
}

Error NoSuchEntity(Kind kind, std::string_view name) {
  return Error(Errc::kNotFound, fmt::format("The {} with name {} cannot be found.", NamesOf(kind).word, name));
}

Result<std::string> CallersName(const Work& work) {
  if (work.caller().kind == ports::PrincipalKind::kUser) return work.caller().user_name;
  return Error(Errc::kInvalidArgument, "Must specify userName when calling with non-User credentials");
}

Result<Entity> NeedEntityNamed(Work& work, Kind kind, std::string_view name) {
  SR_TRY(auto found, FindEntity(work.t, work.account(), kind, name));
  if (!found) {
    SR_CHECK(work.Authorize(IamArn(work.account(), NamesOf(kind).word, "/", name)));
    return NoSuchEntity(kind, name);
  }
  SR_CHECK(NoteResourceTags(work, found->id));
  if (!found->boundary_arn.empty()) work.conditions.try_emplace("iam:PermissionsBoundary", 1, found->boundary_arn);
  SR_CHECK(work.Authorize(found->Arn()));
  return *std::move(found);
}

Result<Entity> NeedEntity(Work& work, Kind kind, NameMember member) {
  SR_TRY(auto name, work.in.OptionalString(NamesOf(kind).name_member));
  if (!name && member == NameMember::kOrCaller) {
    SR_TRY(name, CallersName(work));
  }
  return NeedEntityNamed(work, kind, name.value_or(""));
}

Result<NewEntity> PrepareEntity(Work& work, Kind kind) {
  NewEntity made;
  made.entity.kind = kind;
  made.entity.account = work.account();
  SR_TRY(made.entity.name, work.in.RequiredString(NamesOf(kind).name_member));
  SR_TRY(made.entity.path, work.in.StringOr("Path", "/"));
  SR_TRY(made.tags, TagsOfRequest(work));
  SR_TRY(const auto boundary, work.in.OptionalString("PermissionsBoundary"));
  if (boundary) work.conditions["iam:PermissionsBoundary"] = {*boundary};
  SR_CHECK(work.Authorize(made.entity.Arn()));
  SR_CHECK(AuthorizeTags(work, fmt::format("iam:Tag{}", NamesOf(kind).capital), made.entity.Arn(), made.tags));
  if (boundary) {
    SR_CHECK(NeedManagedDocument(work, *boundary));
    made.entity.boundary_arn = *boundary;
  }
  SR_TRY(const auto taken, FindEntity(work.t, work.account(), kind, made.entity.name));
  if (taken) return Taken(kind, made.entity.name);
  SR_TRY(const std::int64_t count, CountEntities(work.t, work.account(), kind));
  const std::int64_t limit = LimitOf(work.limits, kind);
  if (count >= limit) return QuotaExceeded(fmt::format("{}PerAccount", NamesOf(kind).list_member), limit);
  made.entity.id = NewUniqueId(NamesOf(kind).id_prefix);
  SR_TRY(made.entity.created_at, work.t.NowMillis());
  return made;
}

Status InsertEntity(Work& work, const NewEntity& made) {
  const Entity& e = made.entity;
  SR_CHECK(work.t.Execute(
      "INSERT INTO iam_entities (account_id, kind, name_key, name, path, entity_id, created_at, boundary_arn, "
      "description, trust_policy, max_session_seconds, trust_principals) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, "
      "$10, $11, $12)",
      {Text(e.account), Text(NamesOf(e.kind).word), Text(Folded(e.name)), Text(e.name), Text(e.path), Text(e.id),
       e.created_at, Text(e.boundary_arn), Text(e.description), Text(e.trust_policy), e.max_session_seconds,
       Text(e.trust_principals)}));
  SR_CHECK(PutTags(work, e.id, made.tags));
  return work.Changed(e.id);
}

Result<aws::Reply> RenameEntity(Work& work, Kind kind) {
  const KindNames& names = NamesOf(kind);
  SR_TRY(const Entity old, NeedEntity(work, kind));
  Entity fresh = old;
  SR_TRY(fresh.name, work.in.StringOr(fmt::format("New{}", names.name_member), old.name));
  SR_TRY(fresh.path, work.in.StringOr("NewPath", old.path));
  if (fresh.Arn() != old.Arn()) SR_CHECK(work.Authorize(fresh.Arn()));
  if (Folded(fresh.name) != Folded(old.name)) {
    SR_TRY(const auto taken, FindEntity(work.t, work.account(), kind, fresh.name));
    if (taken) return Taken(kind, fresh.name);
  }
  SR_CHECK(work.t.Execute(
      "UPDATE iam_entities SET name_key = $1, name = $2, path = $3 WHERE account_id = $4 AND entity_id = $5",
      {Text(Folded(fresh.name)), Text(fresh.name), Text(fresh.path), Text(old.account), Text(old.id)}));
  SR_CHECK(work.t.Execute("UPDATE access_keys SET principal_arn = $1 WHERE account_id = $2 AND principal_id = $3",
                          {Text(fresh.Arn()), Text(old.account), Text(old.id)}));
  SR_CHECK(work.Changed(old.id));
  return Done();
}

Status CheckNoPolicies(Work& work, const Entity& entity) {
  SR_TRY(const auto attached,
         work.t.QueryOne("SELECT 1 FROM iam_attachments WHERE account_id = $1 AND entity_id = $2 LIMIT 1",
                         {Text(entity.account), Text(entity.id)}));
  if (attached) return DeleteConflict("Cannot delete entity, must detach all policies first.");
  SR_TRY(const auto inline_policy,
         work.t.QueryOne("SELECT 1 FROM iam_inline_policies WHERE account_id = $1 AND entity_id = $2 LIMIT 1",
                         {Text(entity.account), Text(entity.id)}));
  if (inline_policy) return DeleteConflict("Cannot delete entity, must delete policies first.");
  return {};
}

Status EraseEntity(Work& work, const Entity& entity) {
  SR_CHECK(work.t.Execute("DELETE FROM iam_entities WHERE account_id = $1 AND entity_id = $2",
                          {Text(entity.account), Text(entity.id)}));
  SR_CHECK(DropTags(work, entity.id));
  return work.Changed(entity.id);
}

void ShowNames(const Entity& entity, aws::Reply& reply) {
  const KindNames& names = NamesOf(entity.kind);
  reply.Text("Path", entity.path)
      .Text(names.name_member, entity.name)
      .Text(names.id_member, entity.id)
      .Text("Arn", entity.Arn())
      .Timestamp("CreateDate", WallTimeOf(entity.created_at));
}

void ShowBoundary(const Entity& entity, aws::Reply& reply) {
  if (entity.boundary_arn.empty()) return;
  aws::Reply boundary;
  boundary.Text("PermissionsBoundaryType", "Policy").Text("PermissionsBoundaryArn", entity.boundary_arn);
  reply.Object("PermissionsBoundary", std::move(boundary));
}

void ShowLastUsed(const Entity& role, aws::Reply& reply) {
  aws::Reply used;
  if (role.last_used_at) used.Timestamp("LastUsedDate", WallTimeOf(*role.last_used_at));
  if (!role.last_used_region.empty()) used.Text("Region", role.last_used_region);
  reply.Object("RoleLastUsed", std::move(used));
}

Result<aws::Reply> ShowEntity(store::Transaction& t, const Entity& entity, Detail detail) {
  aws::Reply reply;
  ShowNames(entity, reply);
  if (entity.kind == Kind::kUser && entity.password_used_at)
    reply.Timestamp("PasswordLastUsed", WallTimeOf(*entity.password_used_at));
  if (entity.kind == Kind::kRole) {
    SR_TRY(const std::string trust, ShownTrustPolicy(t, entity));
    reply.Text("AssumeRolePolicyDocument", UrlEncoded(trust));
    if (!entity.description.empty()) reply.Text("Description", entity.description);
    reply.Int("MaxSessionDuration", entity.max_session_seconds);
  }
  if (detail == Detail::kBrief || entity.kind == Kind::kGroup) return reply;
  ShowBoundary(entity, reply);
  SR_TRY(const TagList tags, ReadTags(t, entity.account, entity.id));
  if (!tags.empty()) ShowTags(tags, reply);
  if (entity.kind == Kind::kRole) ShowLastUsed(entity, reply);
  return reply;
}

Status AddEntities(Work& work, Kind kind, std::vector<Entity> entities, aws::Reply& reply) {
  SR_CHECK(CutPage(
      work, entities, [](const Entity& one) { return Folded(one.name); }, reply));
  std::vector<aws::Reply> shown;
  for (const Entity& one : entities) {
    SR_TRY(aws::Reply entry, ShowEntity(work.t, one, Detail::kBrief));
    shown.push_back(std::move(entry));
  }
  reply.Objects(NamesOf(kind).list_member, std::move(shown));
  return {};
}

Result<aws::Reply> ListKind(Work& work, Kind kind) {
  SR_TRY(const std::string prefix, work.in.StringOr("PathPrefix", "/"));
  SR_CHECK(work.Authorize(IamArn(work.account(), NamesOf(kind).word, prefix, "")));
  SR_TRY(auto entities, ListEntities(work.t, work.account(), kind, prefix));
  aws::Reply reply;
  SR_CHECK(AddEntities(work, kind, std::move(entities), reply));
  return reply;
}

}  // namespace strongroom::iam
