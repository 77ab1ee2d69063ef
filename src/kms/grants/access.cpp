#include "kms/grants/access.h"

#include "kms/grants/rows.h"
#include "kms/pipeline.h"

namespace strongroom::kms {
namespace {

OperationSet BitOf(std::string_view action) noexcept {
  constexpr std::string_view kPrefix = "kms:";
  return action.starts_with(kPrefix) ? OperationBit(action.substr(kPrefix.size())) : 0;
}

/// Principals whose grants are grants to this caller, as Grant::GranteeKey has them.
std::vector<std::string> Grantees(const ports::Caller& caller) {
  std::vector<std::string> all{caller.arn};
  if (caller.kind == ports::PrincipalKind::kUser && !caller.principal_id.empty()) all.push_back(caller.principal_id);
  // A user's grants are not those of the federated users that it makes: their session policies would not limit them.
  if (caller.kind == ports::PrincipalKind::kAssumedRole) {
    all.push_back(caller.role_arn);
    if (!caller.behind_id.empty()) all.push_back(caller.behind_id);
  }
  if (!caller.is_root()) all.push_back(RootArn(caller.account));
  return all;
}

struct KeyTokens {
  std::vector<std::string> grant_ids;  // in tokens of this key's grants
  bool nonsense = false;               // there are others that are no tokens
};
Result<KeyTokens> TokensOfKey(Kms& kms, const aws::Call& call, const Key& key) {
  KeyTokens found;
  if (!call.body.Has("GrantTokens")) return found;
  SR_TRY(const auto tokens, call.body.StringList("GrantTokens"));
  for (const std::string& token : tokens) {
    auto name = kms.grant_tokens().Read(token);
    found.nonsense |= !name.ok();
    const KeyRow& row = key.row;
    if (name.ok() && name->account == row.account && name->region == row.region && name->key_id == row.key_id)
      found.grant_ids.push_back(std::move(name->grant_id));
  }
  return found;
}

/// A grant that a token names, unless it is in memory already. Errors: kInvalidGrantToken it is gone.
Task<Result<std::optional<Grant>>> ReadThrough(Kms& kms, const aws::Call& call, KeyPtr key, std::string grant_id) {
  for (const std::string& grantee : Grantees(call.caller)) {
    const GrantIndexPtr known = kms.grants().Warm(key->row, grantee);
    if (known && known->Has(grant_id)) co_return std::optional<Grant>();
  }
  auto load = [key, grant_id](store::Transaction& t) {
    return LoadGrant(t, key->row.account, key->row.region, key->row.key_id, grant_id);
  };
  auto grant = co_await kms.database().RunRead(std::move(load));
  if (grant.ok() && !*grant) co_return InvalidGrantToken();
  // Without the database, what is in memory decides.
  if (!grant.ok() && grant.error().code() == Errc::kUnavailable) co_return std::optional<Grant>();
  co_return std::move(grant);
}

/// Whether a grant to this caller allows what the policy does not: one of `fresh`, or one in memory.
Task<Result<bool>> AllowedByGrants(Kms& kms, const aws::Call& call, const GrantQuestion& question,
                                   const std::vector<Grant>& fresh) {
  const KeyPtr& key = question.key;
  const OperationSet operation = BitOf(question.action);
  static const EncryptionContext kNone;
  const EncryptionContext& context = question.context == nullptr ? kNone : *question.context;
  for (const Grant& grant : fresh) {
    if (grant.Allows(operation, context)) {
      const NamedPrincipal named{grant.grantee, grant.grantee_id};
      SR_CO_TRY(const bool is_grantee, co_await SpeaksFor(kms, call, named, key, question.action));
      if (is_grantee) co_return true;
    }
  }
  if (key->row.grant_count == 0) co_return false;
  for (const std::string& grantee : Grantees(call.caller)) {
    GrantIndexPtr grants = kms.grants().Warm(key->row, grantee);
    if (grants == nullptr) {
      SR_CO_TRY(grants, co_await kms.grants().Find(key, grantee));
    }
    if (!grants->Allows(operation, context)) continue;
    const NamedPrincipal named = PrincipalOfKey(grantee);
    SR_CO_TRY(const bool is_grantee, co_await SpeaksFor(kms, call, named, key, question.action));
    if (is_grantee) co_return true;
  }
  co_return false;
}

}  // namespace

bool IsGrantable(std::string_view action) noexcept { return BitOf(action) != 0; }

Task<Result<bool>> SpeaksFor(Kms& kms, const aws::Call& call, NamedPrincipal principal, KeyPtr key,
                             std::string_view action) {
  switch (WhoIs(principal, call.caller)) {
    case Names::kNobody: co_return false;
    case Names::kCaller: co_return true;
    case Names::kItsAccount: break;
  }
  SR_CO_TRY(const ports::Decision decision, co_await DecideOnKey(kms, call, std::move(key), action, nullptr, true));
  co_return decision.allowed;
}

Task<Result<GrantAnswer>> AllowedWithGrants(Kms& kms, const aws::Call& call, GrantQuestion question) {
  const KeyPtr& key = question.key;
  const OperationSet operation = BitOf(question.action);
  GrantAnswer answer{.allowed = question.allowed_by_policy};
  if (operation == 0) co_return answer;
  SR_CO_TRY(const KeyTokens tokens, TokensOfKey(kms, call, *key));
  answer.bad_token = tokens.nonsense;
  std::vector<Grant> fresh;
  for (const std::string& id : tokens.grant_ids) {
    auto grant = co_await ReadThrough(kms, call, key, id);
    if (!grant.ok() && grant.error().code() != Errc::kInvalidGrantToken) co_return std::move(grant).error();
    if (!grant.ok())
      answer.bad_token = true;
    else if (*grant)
      fresh.push_back(std::move(**grant));
  }
  if (!question.allowed_by_policy && !question.explicit_deny) {
    SR_CO_TRY(answer.allowed, co_await AllowedByGrants(kms, call, question, fresh));
  }
  co_return answer;
}

Error NoSuchGrant(std::string_view grant_id) {
  return Error(Errc::kNotFound, "Grant ID " + std::string(grant_id) + " not found");
}
Error InvalidGrantId(std::string_view grant_id) {
  return Error(Errc::kInvalidGrantId, "Invalid grant ID " + std::string(grant_id));
}

Task<Result<std::optional<Grant>>> FindGrant(Kms& kms, KeyPtr key, std::string grant_id) {
  auto load = [key, grant_id](store::Transaction& t) {
    return LoadGrant(t, key->row.account, key->row.region, key->row.key_id, grant_id);
  };
  co_return co_await kms.database().RunRead(std::move(load));
}

Task<Status> RemoveGrant(Kms& kms, Grant grant) {
  auto remove = [grant](store::Transaction& t) { return DeleteGrant(t, grant); };
  auto removed = co_await kms.database().Run(std::move(remove));
  kms.grants().Forget(grant);
  if (!removed.ok()) co_return std::move(removed).error();
  if (!*removed) co_return NoSuchGrant(grant.grant_id);
  co_return Status();
}

Task<Result<std::vector<Grant>>> GrantsOfCaller(Kms& kms, const aws::Call& call, KeyPtr key) {
  auto load = [key, grantees = Grantees(call.caller)](store::Transaction& t) -> Result<std::vector<Grant>> {
    std::vector<Grant> all;
    for (const std::string& grantee : grantees) {
      SR_TRY(auto grants, GrantsOfGrantee(t, key->row.account, key->row.region, key->row.key_id, grantee));
      std::move(grants.begin(), grants.end(), std::back_inserter(all));
    }
    return all;
  };
  co_return co_await kms.database().RunRead(std::move(load));
}

}  // namespace strongroom::kms
