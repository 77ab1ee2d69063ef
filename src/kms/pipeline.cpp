#include "kms/pipeline.h"

#include "aws/dispatch/question.h"
#include "crypto/kms_algorithms.h"
#include "kms/access/conditions.h"
#include "kms/grants/access.h"
#include "kms/grants/token.h"
#include "kms/keys/metadata.h"
#include "kms/xks/failures.h"
#include "kms/xks/xks_key_store.h"

namespace strongroom::kms {
namespace {

/// By the key's policy and the caller's identity policies; without a key by the latter alone.
ports::Decision Decide(Kms& kms, const aws::Call& call, std::string_view action, const Key* key,
                       const Conditions& conditions) {
  ports::Question question = aws::QuestionOf(call);
  question.action = action;
  question.source = &conditions;
  if (key != nullptr) {
    question.resource = key->arn;
    question.resource_account = key->row.account;
    question.policy = key->policy.get();
  }
  return kms.authorizer().Decide(question);
}

/// On a resource that no policy is attached to.
Status DecideByIdentity(Kms& kms, const aws::Call& call, std::string_view resource, const Conditions& conditions) {
  ports::Question question = aws::QuestionOf(call);
  question.resource = resource;
  question.source = &conditions;
  return kms.authorizer().Authorize(question);
}

Error Denied(const aws::Call& call, const Key* key, const ports::Decision& decision) {
  if (key != nullptr && key->row.account != call.account()) return ForeignDenied(call);
  return Error(Errc::kAccessDenied, decision.message);
}

Error NotValidFor(const aws::Call& call, const Key& key, std::string_view what, std::string_view is) {
  return Error(Errc::kWrongKeyUsage, key.arn + " " + std::string(what) + " is " + std::string(is) +
                                         " which is not valid for " + std::string(call.operation) + ".");
}

/// Whether grants have a say: they may allow what the policy does not, and a wrong grant token is refused anyway.
bool GrantsMatter(const aws::Call& call, std::string_view action, const ports::Decision& decision) {
  return !decision.allowed || (call.body.Has("GrantTokens") && IsGrantable(action));
}

/// What comes before any policy is asked. The trail names the key also when the call is refused.
Status AdmitToKey(Kms& kms, aws::Call& call, const Key& key, std::string_view action) {
  call.AuditResource(key.arn);
  if (key.row.custom_key_store_id) call.AuditData("customKeyStoreId", *key.row.custom_key_store_id);
  if (key.row.xks_key_id) call.AuditData("xksKeyId", *key.row.xks_key_id);
  return kms.rates().AdmitOnKey(call, action, key.row);
}

/// How a caller is allowed what it asks for. A bad token is not to be told of before the key's state.
struct Permission {
  bool by_grant = false;  // not the policy but a grant allows it
  bool bad_token = false;
};
Task<Result<Permission>> AskGrants(Kms& kms, const aws::Call& call, KeyPtr key, std::string_view action,
                                   const EncryptionContext* context, ports::Decision decision) {
  GrantQuestion question{key, action, context, decision.allowed, decision.explicit_deny};
  SR_CO_TRY(const GrantAnswer answer, co_await AllowedWithGrants(kms, call, std::move(question)));
  if (!answer.allowed) co_return Denied(call, key.get(), decision);
  co_return Permission{.by_grant = !decision.allowed, .bad_token = answer.bad_token};
}

}  // namespace

Error ForeignDenied(const aws::Call& call) {
  return Error(Errc::kAccessDenied,
               "User: " + call.caller.arn + " is not authorized to perform: " + std::string(call.iam_action) +
                   " on this resource because the resource does not exist in this Region, no resource-based policies "
                   "allow access, or a resource-based policy explicitly denies access");
}

Status AuthorizeCall(Kms& kms, const aws::Call& call, const KeyRow* made) {
  if (made == nullptr) {
    const Conditions conditions(call, call.iam_action, nullptr);
    return DecideByIdentity(kms, call, "*", conditions);
  }
  const Conditions conditions(call, call.iam_action, *made, nullptr);
  return DecideByIdentity(kms, call, "*", conditions);
}

Status AuthorizeMaking(Kms& kms, const aws::Call& call, std::string_view action, const KeyRow& made) {
  const Conditions conditions(call, action, made, nullptr);
  const std::string arn = made.Arn();
  ports::Question question = aws::QuestionOf(call);
  question.action = action;
  if (action != "kms:CreateKey") question.resource = arn;
  question.source = &conditions;
  question.request.region = made.region;
  return kms.authorizer().Authorize(question);
}

Status AuthorizeDescribingClusters(Kms& kms, const aws::Call& call) {
  ports::Question question = aws::QuestionOf(call);
  question.action = "cloudhsm:DescribeClusters";
  question.resource = "*";
  return kms.authorizer().Authorize(question);
}

Status AuthorizeAlias(Kms& kms, const aws::Call& call, const AliasRow& alias) {
  const Conditions conditions(call, call.iam_action, nullptr);
  return DecideByIdentity(kms, call, alias.Arn(), conditions);
}

Task<Result<ports::Decision>> DecideOnKey(Kms& kms, const aws::Call& call, KeyPtr key, std::string_view action,
                                          const EncryptionContext* context, bool by_identity_alone) {
  Conditions conditions(call, action, key.get(), context);
  ports::Question question = aws::QuestionOf(call);
  question.action = action;
  question.resource = key->arn;
  question.source = &conditions;
  // The account of a key that is another one's, which must not count as the owner of the resource here.
  ports::ConditionContext of_key;
  if (by_identity_alone) {
    of_key = call.conditions;
    of_key["aws:ResourceAccount"] = {key->row.account};
    question.context = &of_key;
  } else {
    question.resource_account = key->row.account;
    question.policy = key->policy.get();
  }
  ports::Decision decision = kms.authorizer().Decide(question);
  if (conditions.wants_labels()) {
    SR_CO_TRY(const KeyLabelsPtr labels, co_await LabelsOf(kms, key));
    conditions.Use(*labels);
    decision = kms.authorizer().Decide(question);
  }
  co_return decision;
}

Task<Result<bool>> AuthorizeOnKey(Kms& kms, aws::Call& call, KeyPtr key, std::string_view action,
                                  const EncryptionContext* context) {
  SR_CO_CHECK(AdmitToKey(kms, call, *key, action));
  SR_CO_TRY(ports::Decision decision, co_await DecideOnKey(kms, call, key, action, context));
  if (!GrantsMatter(call, action, decision)) co_return false;
  SR_CO_TRY(const Permission permission,
            co_await AskGrants(kms, call, std::move(key), action, context, std::move(decision)));
  if (permission.bad_token) co_return InvalidGrantToken();
  co_return permission.by_grant;
}

Task<Result<Resolved>> ResolveKey(Kms& kms, const aws::Call& call, std::string key_id, IdForms forms) {
  SR_CO_TRY(KeyIdentifier id, ParseKeyIdentifier(key_id, forms, call.account(), call.region));
  const bool foreign = id.account != call.account();
  if (foreign && forms == IdForms::kKeyOnly) co_return ForeignDenied(call);
  const bool by_alias = id.form == KeyIdentifier::Form::kAlias;
  if (by_alias) {
    Error missing = foreign ? ForeignDenied(call) : Error(Errc::kNotFound, "Alias " + id.Arn() + " is not found.");
    auto target = kms.keys().WarmAlias(id.account, id.region, id.name);
    if (!target) {
      SR_CO_TRY(target, co_await kms.keys().FindAlias(id.account, id.region, id.name));
    }
    if (!target) co_return Resolved{nullptr, std::move(missing)};
    id.form = KeyIdentifier::Form::kKey;
    id.name = *target;
  }
  Error missing = foreign ? ForeignDenied(call) : Error(Errc::kNotFound, "Key '" + id.Arn() + "' does not exist");
  KeyPtr key = kms.keys().Warm(id.account, id.region, id.name);
  if (key == nullptr) {
    SR_CO_TRY(key, co_await kms.keys().Find(id.account, id.region, id.name));
  }
  if (key == nullptr && !foreign && !by_alias) {
    // That there is no such key is for those to know who could use it.
    const Conditions conditions(call, call.iam_action, nullptr);
    Status may = DecideByIdentity(kms, call, id.Arn(), conditions);
    if (!may.ok()) missing = std::move(may).error();
  }
  co_return Resolved{std::move(key), std::move(missing)};
}

Task<Result<UsableKey>> UseKnownKey(Kms& kms, aws::Call& call, KeyPtr key, KeyRules rules,
                                    const EncryptionContext* context) {
  UsableKey usable;
  const std::string_view action = rules.action.empty() ? call.iam_action : rules.action;
  SR_CO_CHECK(AdmitToKey(kms, call, *key, action));
  Conditions conditions(call, action, key.get(), context);
  ports::Decision decision = Decide(kms, call, action, key.get(), conditions);
  if (conditions.wants_labels()) {
    SR_CO_TRY(const KeyLabelsPtr labels, co_await LabelsOf(kms, key));
    conditions.Use(*labels);
    decision = Decide(kms, call, action, key.get(), conditions);
  }
  Permission permission;
  if (GrantsMatter(call, action, decision)) {
    SR_CO_TRY(permission, co_await AskGrants(kms, call, key, action, context, std::move(decision)));
  }
  usable.by_grant = permission.by_grant;
  const KeyRow& row = key->row;
  CustomStores::ViewPtr view;
  bool connected = true;
  if (row.custom_key_store_id) {
    view = kms.custom_stores().Warm(row.account, row.region, *row.custom_key_store_id);
    if (view == nullptr) {
      auto found = co_await kms.custom_stores().Find(row.account, row.region, *row.custom_key_store_id);
      if (found.ok())
        view = *found;
      else if (found.error().code() != Errc::kCustomKeyStoreNotFound)
        co_return std::move(found).error();
    }
    connected = view && view->connected();
    if (view) usable.custom = view->keys;
    if (view && view->proxy)
      usable.custom = std::make_shared<XksKeyStore>(kms.domain(), view->proxy, ProxyMetadata(call, key->arn));
  }
  usable.state = StateOf(row, connected, ToMillis(call.time));
  // What wants a key that is pending deletion does not want its store.
  const bool unavailable = usable.state == KeyState::kUnavailable && rules.states != kOnlyPendingDeletion &&
                           (rules.states & static_cast<StateSet>(usable.state)) == 0;
  if (unavailable && row.origin == Origin::kExternalKeyStore) co_return ProxyNotConnected();
  SR_CO_CHECK(RequireState(key->arn, usable.state, rules.states));
  if (!rules.usage.empty()) {
    if (row.usage != rules.usage) co_return NotValidFor(call, *key, "key usage", row.usage);
    if (!rules.spec.empty() && row.spec != rules.spec) co_return NotValidFor(call, *key, "key spec", row.spec);
    if (view && usable.custom == nullptr) co_return view->Unusable();
  }
  if (permission.bad_token) co_return InvalidGrantToken();
  usable.key = std::move(key);
  co_return usable;
}

Task<Result<UsableKey>> UseKey(Kms& kms, aws::Call& call, std::string key_id, KeyRules rules,
                               const EncryptionContext* context) {
  SR_CO_TRY(Resolved resolved, co_await ResolveKey(kms, call, std::move(key_id), rules.forms));
  if (resolved.key == nullptr) co_return std::move(resolved.missing);
  co_return co_await UseKnownKey(kms, call, std::move(resolved.key), rules, context);
}

Task<Result<KeyRow>> ChangeKey(Kms& kms, KeyPtr key, StateSet states, ChangeRow change) {
  auto work = [key, states, change = std::move(change)](store::Transaction& t) -> Result<KeyRow> {
    SR_TRY(auto row, LoadKey(t, key->row.account, key->row.region, key->row.key_id));
    if (!row) return Error(Errc::kNotFound, "Key '" + key->arn + "' does not exist");
    SR_TRY(const std::int64_t now, t.NowMillis());
    // Whether a custom key store is connected plays no part in changes of the row.
    SR_CHECK(RequireState(key->arn, StateOf(*row, true, now), states));
    SR_CHECK(change(t, *row));
    SR_CHECK(UpdateKey(t, *row));
    return std::move(*row);
  };
  auto changed = co_await kms.database().Run(std::move(work));
  kms.keys().ForgetKey(key->row);
  co_return changed;
}

Status RequireAlgorithm(const Key& key, const std::string& algorithm) {
  if (key.symmetric() && algorithm == "SYMMETRIC_DEFAULT") return {};
  const crypto::KmsSpec* spec = crypto::FindKmsSpec(key.row.spec);
  const crypto::KmsAlgorithm* known = crypto::FindKmsAlgorithm(algorithm);
  if (spec != nullptr && known != nullptr && spec->Has(*known)) return {};
  return Error(Errc::kWrongKeyUsage, "Algorithm " + algorithm + " is incompatible with key spec " + key.row.spec + ".");
}

Result<CryptoOptions> ParseCryptoOptions(const aws::Call& call) {
  CryptoOptions options;
  SR_TRY(options.context, call.body.StringMap("EncryptionContext"));
  SR_TRY(options.canonical_context, CanonicalContext(options.context));
  SR_TRY(options.dry_run, call.body.BoolOr("DryRun", false));
  return options;
}

Error DryRunPassed() { return Error(Errc::kDryRun, "The request would have succeeded, but the DryRun option is set."); }

Status StopIfDryRun(const CryptoOptions& options) {
  if (options.dry_run) return DryRunPassed();
  return {};
}

}  // namespace strongroom::kms
