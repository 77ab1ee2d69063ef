#include "iam/principals/set.h"

#include <algorithm>
#include <mutex>

#include "base/log.h"
#include "iam/data/aws_managed.h"

namespace strongroom::iam {

/// What was compiled of each text, as long as a set uses it.
/// Threads   any.
class PrincipalSet::Texts {
 public:
  /// Null for a text that does not compile, which is said once.
  std::shared_ptr<const ports::Policy> Compile(const ports::Authorizer& authorizer, ports::PolicyKind kind,
                                               const std::string& text, std::string_view whose) {
    {
      const std::lock_guard lock(mutex_);
      if (const auto found = known_.find({kind, text}); found != known_.end()) {
        found->second.used = round_;
        if (found->second.broken) return nullptr;
        if (auto policy = found->second.policy.lock()) return policy;
      }
    }
    auto compiled = authorizer.Compile(kind, text);
    if (!compiled.ok())
      LogError("iam: a policy of " + std::string(whose) + " cannot be read, so it is refused everything",
               compiled.error());
    auto policy = compiled.ok() ? *std::move(compiled) : nullptr;
    const std::lock_guard lock(mutex_);
    known_.insert_or_assign({kind, text}, Known{policy, policy == nullptr, round_});
    return policy;
  }

  /// All texts are about to be asked for.
  void Begin() {
    const std::lock_guard lock(mutex_);
    ++round_;
  }
  /// Who was not asked for since is used by nobody, or in a moment.
  void End() {
    const std::lock_guard lock(mutex_);
    std::erase_if(known_, [this](const auto& one) { return one.second.used < round_; });
  }

 private:
  struct Known {
    std::weak_ptr<const ports::Policy> policy;
    bool broken = false;
    std::uint64_t used = 0;
  };
  std::mutex mutex_;
  std::uint64_t round_ = 0;
  std::map<std::pair<ports::PolicyKind, std::string>, Known> known_;
};

PrincipalSet::PrincipalSet() : texts_(std::make_shared<Texts>()) {}

/// Reads rows of everything, or of one account's entity or policy.
struct PrincipalSet::Reader {
  store::Transaction& t;
  const ports::Authorizer& authorizer;
  PrincipalSet& set;
  const std::pair<std::string, std::string>* only = nullptr;  // account and id

  Result<store::Rows> Query(std::string sql, std::string_view account, std::string_view id,
                            std::string_view order = "") {
    std::vector<store::Value> values;
    if (only != nullptr) {
      sql += std::string(sql.find(" WHERE ") == std::string::npos ? " WHERE " : " AND ") + std::string(account) +
             " = $1 AND " + std::string(id) + " = $2";
      values = {store::Text(only->first), store::Text(only->second)};
    }
    return t.Query(sql + std::string(order), values);
  }

  std::shared_ptr<const ports::Policy> Compile(ports::PolicyKind kind, const std::string& text,
                                               std::string_view whose) const {
    return set.texts_->Compile(authorizer, kind, text, whose);
  }
  std::shared_ptr<const ports::Policy> CompileManaged(ports::PolicyKind kind, const std::string& arn,
                                                      std::string_view whose) const {
    const auto found = set.managed_.find(arn);
    return found == set.managed_.end() ? nullptr : Compile(kind, found->second->text, whose);
  }

  void PutManaged(const std::string& arn, std::string id, std::string text) {
    auto policy = std::make_shared<ManagedPolicy>();
    policy->for_sessions = Compile(ports::PolicyKind::kSession, text, arn);
    policy->text = std::move(text);
    if (!id.empty()) set.arns_.insert_or_assign(id, arn);
    policy->id = std::move(id);
    set.managed_.insert_or_assign(arn, std::move(policy));
  }

  Status ReadManaged() {
    SR_TRY(const store::Rows rows,
           Query("SELECT p.arn, p.policy_id, v.document FROM iam_policies p JOIN iam_policy_versions v ON "
                 "v.account_id = p.account_id AND v.policy_id = p.policy_id AND v.version = p.default_version",
                 "p.account_id", "p.policy_id"));
    for (const store::Row& row : rows) PutManaged(row.Text(0), row.Text(1), row.Text(2));
    return {};
  }

  Result<std::map<std::string, Own>> ReadOwn() {
    std::map<std::string, Own> all;
    SR_TRY(const store::Rows inlines, Query("SELECT entity_id, name, document FROM iam_inline_policies", "account_id",
                                            "entity_id", " ORDER BY name"));
    for (const store::Row& row : inlines)
      all[row.Text(0)].inline_policies.push_back(
          {row.Text(1), Compile(ports::PolicyKind::kIdentity, row.Text(2), row.Text(0))});
    SR_TRY(const store::Rows arns, Query("SELECT entity_id, policy_arn FROM iam_attachments", "account_id", "entity_id",
                                         " ORDER BY policy_arn"));
    for (const store::Row& row : arns) all[row.Text(0)].managed.push_back(row.Text(1));
    return all;
  }

  /// Users, groups and roles. The ids of those that were there.
  Result<std::set<std::string>> ReadEntities() {
    std::set<std::string> there;
    SR_TRY(const store::Rows rows,
           Query("SELECT account_id, kind, name, path, entity_id, boundary_arn FROM iam_entities", "account_id",
                 "entity_id"));
    if (rows.empty()) return there;
    SR_TRY(auto own, ReadOwn());
    std::map<std::string, std::vector<std::string>> groups;
    SR_TRY(const store::Rows members,
           Query("SELECT user_id, group_id FROM iam_memberships", "account_id", "user_id", " ORDER BY group_id"));
    for (const store::Row& row : members) groups[row.Text(0)].push_back(row.Text(1));
    std::map<std::string, std::vector<ports::Tag>> tags;
    SR_TRY(const store::Rows pairs, Query("SELECT owner_id, tag_key, tag_value FROM iam_tags", "account_id", "owner_id",
                                          " ORDER BY key_folded"));
    for (const store::Row& row : pairs) tags[row.Text(0)].push_back({row.Text(1), row.Text(2)});
    for (const store::Row& row : rows) {
      const std::string id = row.Text(4);
      SR_TRY(const Kind kind, KindOf(row.Text(1)));
      there.insert(id);
      if (kind == Kind::kGroup) {
        set.groups_.insert_or_assign(id, std::make_shared<const Own>(std::move(own[id])));
        continue;
      }
      auto facts = std::make_shared<Facts>();
      *facts = {kind,        row.Text(0),        row.Text(2),           row.Text(3),
                row.Text(5), std::move(own[id]), std::move(groups[id]), nullptr};
      if (const auto found = tags.find(id); found != tags.end())
        facts->tags = std::make_shared<const std::vector<ports::Tag>>(std::move(found->second));
      set.facts_.insert_or_assign(id, std::move(facts));
    }
    return there;
  }

  /// False when one of the policies cannot be read.
  bool AddIdentity(const Own& own, std::string_view whose, std::vector<ports::NamedPolicy>& to) const {
    bool whole = true;
    for (const ports::NamedPolicy& policy : own.inline_policies) {
      whole = whole && policy.policy != nullptr;
      to.push_back(policy);
    }
    for (const std::string& arn : own.managed) {
      to.push_back({arn, CompileManaged(ports::PolicyKind::kIdentity, arn, whose)});
      whole = whole && to.back().policy != nullptr;
    }
    return whole;
  }

  /// The principal out of what was read of it, of its groups and of managed policies.
  void Make(const std::string& id, const Facts& facts) {
    auto made = std::make_shared<Principal>();
    made->kind = facts.kind;
    made->account = facts.account;
    made->name = facts.name;
    made->id = id;
    made->arn = IamArn(facts.account, NamesOf(facts.kind).word, facts.path, facts.name);
    made->tags = facts.tags;
    auto policies = std::make_shared<ports::PrincipalPolicies>();
    bool whole = AddIdentity(facts.own, made->arn, policies->identity);
    for (const std::string& group : facts.groups) {
      const auto found = set.groups_.find(group);
      if (found != set.groups_.end()) whole = AddIdentity(*found->second, made->arn, policies->identity) && whole;
    }
    if (!facts.boundary.empty()) {
      policies->boundary =
          ports::NamedPolicy{facts.boundary, CompileManaged(ports::PolicyKind::kBoundary, facts.boundary, made->arn)};
      whole = whole && policies->boundary->policy != nullptr;
    }
    policies->unreadable = !whole;
    made->policies = std::move(policies);
    set.principals_.insert_or_assign(id, std::move(made));
  }
};

std::shared_ptr<const Principal> PrincipalSet::Find(std::string_view id) const {
  const auto found = principals_.find(id);
  return found == principals_.end() ? nullptr : found->second;
}

std::shared_ptr<const ports::Policy> PrincipalSet::Managed(std::string_view arn) const {
  const auto found = managed_.find(arn);
  return found == managed_.end() ? nullptr : found->second->for_sessions;
}

Result<std::shared_ptr<const PrincipalSet>> PrincipalSet::Read(store::Transaction& t,
                                                               const ports::Authorizer& authorizer,
                                                               const PrincipalSet* before) {
  auto set = std::make_shared<PrincipalSet>();
  if (before != nullptr) set->texts_ = before->texts_;
  set->texts_->Begin();
  Reader reader{t, authorizer, *set};
  for (const AwsManaged& policy : AllAwsManaged()) reader.PutManaged(policy.Arn(), "", std::string(policy.document));
  SR_CHECK(reader.ReadManaged());
  SR_CHECK(reader.ReadEntities());
  for (const auto& [id, facts] : set->facts_) reader.Make(id, *facts);
  set->texts_->End();
  return std::shared_ptr<const PrincipalSet>(std::move(set));
}

Result<std::shared_ptr<const PrincipalSet>> PrincipalSet::ReadChanged(store::Transaction& t,
                                                                      const ports::Authorizer& authorizer,
                                                                      std::shared_ptr<const PrincipalSet> before,
                                                                      const ChangedIds& changed) {
  auto set = std::make_shared<PrincipalSet>(*before);
  std::set<std::string, std::less<>> entities, groups, policies;  // those that were changed; the last ones' ARNs
  for (const auto& one : changed) {
    const std::string& id = one.second;
    Reader reader{t, authorizer, *set, &one};
    const auto arn = set->arns_.find(id);
    if (arn != set->arns_.end() || id.starts_with("ANPA")) {
      if (arn != set->arns_.end()) {
        policies.insert(arn->second);
        // Another one may have its ARN by now.
        const auto there = set->managed_.find(arn->second);
        if (there != set->managed_.end() && there->second->id == id) set->managed_.erase(there);
        set->arns_.erase(arn);
      }
      SR_CHECK(reader.ReadManaged());
      if (const auto now = set->arns_.find(id); now != set->arns_.end()) policies.insert(now->second);
      continue;
    }
    const bool was_entity = set->facts_.erase(id) > 0, was_group = set->groups_.erase(id) > 0;
    SR_TRY(const std::set<std::string> there, reader.ReadEntities());
    if (was_entity || set->facts_.contains(id)) entities.insert(id);
    if (was_group || set->groups_.contains(id)) groups.insert(id);
  }
  if (entities.empty() && groups.empty() && policies.empty()) return before;
  // Of a group that was made a moment ago, only its first member may have been heard of.
  for (const std::string& id : entities) {
    const auto facts = set->facts_.find(id);
    if (facts == set->facts_.end()) continue;
    for (const std::string& group : facts->second->groups) {
      if (set->groups_.contains(group)) continue;
      const std::pair<std::string, std::string> missing(facts->second->account, group);
      SR_CHECK((Reader{t, authorizer, *set, &missing}.ReadEntities()));
    }
  }
  const auto any_of = [](const std::vector<std::string>& names, const auto& among) {
    return std::ranges::any_of(names, [&](const std::string& name) { return among.contains(name); });
  };
  for (const auto& [id, own] : set->groups_)
    if (any_of(own->managed, policies)) groups.insert(id);
  Reader reader{t, authorizer, *set};
  for (const std::string& id : entities)
    if (!set->facts_.contains(id)) set->principals_.erase(id);
  for (const auto& [id, facts] : set->facts_) {
    if (entities.contains(id) || any_of(facts->groups, groups) || any_of(facts->own.managed, policies) ||
        policies.contains(facts->boundary))
      reader.Make(id, *facts);
  }
  return std::shared_ptr<const PrincipalSet>(std::move(set));
}

}  // namespace strongroom::iam
