#include "iam/principals/set.h"

#include <utility>

#include "base/log.h"
#include "iam/data/aws_managed.h"

namespace strongroom::iam {
namespace {

/// What is attached to one user, group or role.
struct Attached {
  std::vector<std::pair<std::string, std::string>> inline_policies;  // name, text
  std::vector<std::string> managed;                                  // ARNs
};

}  // namespace

struct PrincipalSet::Reader {
  store::Transaction& t;
  const ports::Authorizer& authorizer;
  const PrincipalSet* before;
  PrincipalSet& set;

  std::map<std::string, std::string, std::less<>> managed_texts;        // by ARN
  std::map<std::string, Attached, std::less<>> attached;                // by entity id
  std::map<std::string, std::vector<std::string>, std::less<>> groups;  // by user id
  std::map<std::string, std::vector<ports::Tag>, std::less<>> tags;     // by entity id

  Status ReadAttachments() {
    SR_TRY(const store::Rows texts,
           t.Query("SELECT p.arn, v.document FROM iam_policies p JOIN iam_policy_versions v ON "
                   "v.account_id = p.account_id AND v.policy_id = p.policy_id AND v.version = p.default_version"));
    for (const store::Row& row : texts) managed_texts.emplace(row.Text(0), row.Text(1));
    for (const AwsManaged& policy : AllAwsManaged()) managed_texts.emplace(policy.Arn(), policy.document);
    SR_TRY(const store::Rows inlines,
           t.Query("SELECT entity_id, name, document FROM iam_inline_policies ORDER BY name"));
    for (const store::Row& row : inlines) attached[row.Text(0)].inline_policies.emplace_back(row.Text(1), row.Text(2));
    SR_TRY(const store::Rows arns, t.Query("SELECT entity_id, policy_arn FROM iam_attachments ORDER BY policy_arn"));
    for (const store::Row& row : arns) attached[row.Text(0)].managed.push_back(row.Text(1));
    SR_TRY(const store::Rows members, t.Query("SELECT user_id, group_id FROM iam_memberships ORDER BY group_id"));
    for (const store::Row& row : members) groups[row.Text(0)].push_back(row.Text(1));
    SR_TRY(const store::Rows pairs, t.Query("SELECT owner_id, tag_key, tag_value FROM iam_tags ORDER BY key_folded"));
    for (const store::Row& row : pairs) tags[row.Text(0)].push_back({row.Text(1), row.Text(2)});
    return {};
  }

  /// Null for a text that does not compile, which is said once.
  std::shared_ptr<const ports::Policy> Compile(ports::PolicyKind kind, const std::string& text,
                                               std::string_view whose) {
    Compiled& known = set.texts_[kind];
    if (const auto found = known.find(text); found != known.end()) return found->second;
    std::shared_ptr<const ports::Policy> policy;
    if (before != nullptr) {
      const auto of_kind = before->texts_.find(kind);
      if (of_kind != before->texts_.end()) {
        if (const auto found = of_kind->second.find(text); found != of_kind->second.end()) policy = found->second;
      }
    }
    if (!policy) {
      auto compiled = authorizer.Compile(kind, text);
      if (compiled.ok()) {
        policy = *std::move(compiled);
      } else {
        LogError("iam: a policy of " + std::string(whose) + " cannot be read, so it is refused everything",
                 compiled.error());
      }
    }
    return known.emplace(text, std::move(policy)).first->second;
  }

  std::shared_ptr<const ports::Policy> CompileManaged(ports::PolicyKind kind, const std::string& arn,
                                                      std::string_view whose) {
    const auto text = managed_texts.find(arn);
    return text == managed_texts.end() ? nullptr : Compile(kind, text->second, whose);
  }

  /// False when one of the policies cannot be read.
  bool AddIdentity(std::string_view entity_id, std::string_view whose, std::vector<ports::NamedPolicy>& to) {
    const auto found = attached.find(entity_id);
    if (found == attached.end()) return true;
    bool whole = true;
    const auto add = [&](const std::string& name, std::shared_ptr<const ports::Policy> policy) {
      whole = whole && policy != nullptr;
      to.push_back({name, std::move(policy)});
    };
    for (const auto& [name, text] : found->second.inline_policies)
      add(name, Compile(ports::PolicyKind::kIdentity, text, whose));
    for (const std::string& arn : found->second.managed)
      add(arn, CompileManaged(ports::PolicyKind::kIdentity, arn, whose));
    return whole;
  }

  Status ReadPrincipals() {
    SR_TRY(const store::Rows rows, t.Query("SELECT account_id, kind, name, path, entity_id, boundary_arn FROM "
                                           "iam_entities WHERE kind IN ('user', 'role')"));
    for (const store::Row& row : rows) {
      auto made = std::make_shared<Principal>();
      SR_TRY(made->kind, KindOf(row.Text(1)));
      made->account = row.Text(0);
      made->name = row.Text(2);
      made->id = row.Text(4);
      made->arn = IamArn(made->account, row.Text(1), row.Text(3), made->name);
      if (const auto own = tags.find(made->id); own != tags.end())
        made->tags = std::make_shared<const std::vector<ports::Tag>>(own->second);
      auto policies = std::make_shared<ports::PrincipalPolicies>();
      bool whole = AddIdentity(made->id, made->arn, policies->identity);
      if (const auto in = groups.find(made->id); in != groups.end()) {
        for (const std::string& group : in->second) whole = AddIdentity(group, made->arn, policies->identity) && whole;
      }
      if (const std::string boundary = row.Text(5); !boundary.empty()) {
        policies->boundary =
            ports::NamedPolicy{boundary, CompileManaged(ports::PolicyKind::kBoundary, boundary, made->arn)};
        whole = whole && policies->boundary->policy != nullptr;
      }
      policies->unreadable = !whole;
      made->policies = std::move(policies);
      set.principals_.emplace(made->id, std::move(made));
    }
    return {};
  }
};

std::shared_ptr<const Principal> PrincipalSet::Find(std::string_view id) const {
  const auto found = principals_.find(id);
  return found == principals_.end() ? nullptr : found->second;
}

std::shared_ptr<const ports::Policy> PrincipalSet::Managed(std::string_view arn) const {
  const auto found = managed_.find(arn);
  return found == managed_.end() ? nullptr : found->second;
}

Result<std::shared_ptr<const PrincipalSet>> PrincipalSet::Read(store::Transaction& t,
                                                               const ports::Authorizer& authorizer,
                                                               const PrincipalSet* before) {
  auto set = std::make_shared<PrincipalSet>();
  Reader reader{t, authorizer, before, *set, {}, {}, {}, {}};
  SR_CHECK(reader.ReadAttachments());
  SR_CHECK(reader.ReadPrincipals());
  for (const auto& [arn, text] : reader.managed_texts)
    set->managed_.emplace(arn, reader.Compile(ports::PolicyKind::kSession, text, arn));
  return std::shared_ptr<const PrincipalSet>(std::move(set));
}

}  // namespace strongroom::iam
