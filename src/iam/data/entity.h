#pragma once

#include <optional>
#include <string>
#include <vector>

#include "iam/data/tags.h"
#include "iam/work.h"

namespace strongroom::iam {

/// A user, a group or a role.
struct Entity {
  Kind kind = Kind::kUser;
  std::string account, name, path, id;
  std::int64_t created_at = 0;  // milliseconds, as all times here
  std::string boundary_arn;     // empty: none
  std::string description, trust_policy;
  std::string trust_principals;  // as ports::TextOf has them
  std::int64_t max_session_seconds = 3600;
  std::optional<std::int64_t> last_used_at;
  std::string last_used_region;
  std::optional<std::int64_t> password_used_at;

  std::string Arn() const { return IamArn(account, NamesOf(kind).word, path, name); }
};

/// Names are found ignoring case.
Result<std::optional<Entity>> FindEntity(store::Transaction& t, std::string_view account, Kind kind,
                                         std::string_view name);
Result<std::optional<Entity>> FindEntityById(store::Transaction& t, std::string_view account, std::string_view id);
/// By name; those alone whose path begins with `path_prefix`.
Result<std::vector<Entity>> ListEntities(store::Transaction& t, std::string_view account, Kind kind,
                                         std::string_view path_prefix = "/");
/// Of a user its groups, of a group its users.
Result<std::vector<Entity>> ListMembers(store::Transaction& t, const Entity& group);
Result<std::vector<Entity>> ListGroupsOf(store::Transaction& t, const Entity& user);
Result<std::int64_t> CountEntities(store::Transaction& t, std::string_view account, Kind kind);

/// The entity that the request names, once the caller may do this operation to it. A user's name may be absent where
/// the operation takes that as the caller. Errors: kAccessDenied; kNotFound in IAM's words.
enum class NameMember : std::uint8_t { kRequired, kOrCaller };
Result<Entity> NeedEntity(Work& work, Kind kind, NameMember member = NameMember::kRequired);
/// The same for a name that is known.
Result<Entity> NeedEntityNamed(Work& work, Kind kind, std::string_view name);
/// The user who calls. Errors: kInvalidArgument when the caller is no user.
Result<std::string> CallersName(const Work& work);
Error NoSuchEntity(Kind kind, std::string_view name);

/// Makes a new one from the request's name, path and tags, after authorising; the caller fills what else its kind has
/// and hands it to InsertEntity. Errors: kAccessDenied, kAlreadyExists, kLimitExceeded, kTag.
struct NewEntity {
  Entity entity;
  TagList tags;
};
Result<NewEntity> PrepareEntity(Work& work, Kind kind);
Status InsertEntity(Work& work, const NewEntity& made);
/// UpdateUser and UpdateGroup: another name, another path, or both. Keys of a user go along.
Result<aws::Reply> RenameEntity(Work& work, Kind kind);
/// Removes the row, inline policies excepted, of which there must be none.
Status EraseEntity(Work& work, const Entity& entity);
/// Errors: kInvalidState (DeleteConflict) while policies are attached or inline.
Status CheckNoPolicies(Work& work, const Entity& entity);

/// How much of an entity is shown: lists leave out boundaries, tags and last use, as AWS's do.
enum class Detail : std::uint8_t { kBrief, kFull };
Result<aws::Reply> ShowEntity(store::Transaction& t, const Entity& entity, Detail detail);
/// The members that all kinds have, into `reply`.
void ShowNames(const Entity& entity, aws::Reply& reply);
/// PermissionsBoundary, when there is one.
void ShowBoundary(const Entity& entity, aws::Reply& reply);
/// RoleLastUsed.
void ShowLastUsed(const Entity& role, aws::Reply& reply);
/// ListUsers, ListGroups and ListRoles.
Result<aws::Reply> ListKind(Work& work, Kind kind);
/// Adds "Users" (or "Groups", "Roles") in brief, one page of them.
Status AddEntities(Work& work, Kind kind, std::vector<Entity> entities, aws::Reply& reply);

}  // namespace strongroom::iam
