#include "kms/pipeline.h"

namespace strongroom::kms {
namespace {

ports::ConditionContext Conditions(const EncryptionContext& context) {
  ports::ConditionContext conditions;
  for (const auto& [key, value] : context) conditions["kms:EncryptionContext:" + key] = {value};
  return conditions;
}

/// A key of another account that is missing looks like one that the caller may not use (spec/kms.md 6.8).
Error ForeignDenied(const aws::Call& call) {
  return Error(Errc::kAccessDenied,
               "User: " + call.caller.arn + " is not authorized to perform: " + std::string(call.iam_action) +
                   " on this resource because the resource does not exist in this Region, no resource-based policies "
                   "allow access, or a resource-based policy explicitly denies access");
}

}  // namespace

Status AuthorizeCall(Kms& kms, const aws::Call& call, const Key* key, const EncryptionContext* context) {
  ports::Question question{.caller = call.caller, .action = call.iam_action};
  ports::ConditionContext conditions;
  if (context != nullptr && !context->empty()) {
    conditions = Conditions(*context);
    question.context = &conditions;
  }
  if (key == nullptr) {
    question.resource_account = call.account();
    return kms.authorizer().Authorize(question);
  }
  question.resource = key->arn;
  question.resource_account = key->row.account;
  question.policy = key->policy.get();
  Status status = kms.authorizer().Authorize(question);
  if (!status.ok() && key->row.account != call.account()) return ForeignDenied(call);
  return status;
}

Task<Result<Resolved>> ResolveKey(Kms& kms, const aws::Call& call, std::string key_id, IdForms forms) {
  SR_CO_TRY(KeyIdentifier id, ParseKeyIdentifier(key_id, forms, call.account(), call.region));
  const bool foreign = id.account != call.account();
  if (foreign && forms == IdForms::kKeyOnly) co_return ForeignDenied(call);
  if (id.form == KeyIdentifier::Form::kAlias) {
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
  co_return Resolved{std::move(key), std::move(missing)};
}

Task<Result<UsableKey>> UseKnownKey(Kms& kms, aws::Call& call, KeyPtr key, KeyRules rules,
                                    const EncryptionContext* context) {
  SR_CO_CHECK(AuthorizeCall(kms, call, key.get(), context));
  call.AuditResource(key->arn);
  UsableKey usable;
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
  }
  usable.state = StateOf(row, connected);
  SR_CO_CHECK(RequireState(key->arn, usable.state, rules.states));
  if (rules.symmetric && row.usage != "ENCRYPT_DECRYPT")
    co_return Error(Errc::kWrongKeyUsage, key->arn + " key usage is " + row.usage + " which is not valid for " +
                                              std::string(call.operation) + ".");
  if (rules.symmetric && view && usable.custom == nullptr) co_return view->Unusable();
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
    // Whether a custom key store is connected plays no part in changes of the row.
    SR_CHECK(RequireState(key->arn, StateOf(*row, true), states));
    SR_CHECK(change(t, *row));
    SR_CHECK(UpdateKey(t, *row));
    return std::move(*row);
  };
  auto changed = co_await kms.database().Run(std::move(work));
  kms.keys().ForgetKey(key->row);
  co_return changed;
}

Status RequireAlgorithm(const Key& key, const std::string& algorithm) {
  if (algorithm == "SYMMETRIC_DEFAULT") return {};
  return Error(Errc::kWrongKeyUsage, "Algorithm " + algorithm + " is incompatible with key spec " + key.row.spec + ".");
}

Result<CryptoOptions> ParseCryptoOptions(const aws::Call& call) {
  CryptoOptions options;
  SR_TRY(options.context, call.body.StringMap("EncryptionContext"));
  SR_TRY(options.canonical_context, CanonicalContext(options.context));
  SR_TRY(options.dry_run, call.body.BoolOr("DryRun", false));
  SR_TRY(const auto grant_tokens, call.body.StringList("GrantTokens"));
  if (!grant_tokens.empty())
    return Error(Errc::kInvalidArgument, "The grant tokens belong to no grant of this deployment.");
  if (call.body.Has("Recipient")) return Error(Errc::kUnsupported, "This deployment answers no attested recipients.");
  return options;
}

Status StopIfDryRun(const CryptoOptions& options) {
  if (options.dry_run) return Error(Errc::kDryRun, "The request would have succeeded, but the DryRun option is set.");
  return {};
}

}  // namespace strongroom::kms
