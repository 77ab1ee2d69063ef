#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "aws/dispatch/operation.h"
#include "kms/blob/context.h"
#include "kms/keys/identifier.h"
#include "kms/keys/states.h"
#include "kms/service.h"

namespace strongroom::kms {

// The one place that fixes the order of checks (spec/kms.md 1.7) for operations on a key: identifier, authorisation,
// state, usage. Shape and limits have been checked before, DryRun and the operation come after.

/// What an operation asks of its key.
struct KeyRules {
  IdForms forms = IdForms::kAll;
  StateSet states = kAnyState;
  std::string_view usage = {};   // KeyUsage that the key must have; any unless said
  std::string_view spec = {};    // KeySpec, likewise
  std::string_view action = {};  // what the caller must be allowed; the operation's own unless said
};

struct UsableKey {
  KeyPtr key;
  KeyState state = KeyState::kEnabled;
  bool by_grant = false;  // not the key's policy but a grant allows it
  /// Set for keys of a custom key store that is connected and can be used. Rules with a usage require it.
  std::shared_ptr<KeyStore> custom;
  // cppcheck-suppress returnTempReference
  KeyStore& store(Kms& kms) const noexcept { return custom ? *custom : kms.domain(); }
};

/// The whole sequence for the key that the request names.
/// Errors: kNotFound, kInvalidArn, kAccessDenied, kDisabled, kInvalidState, kWrongKeyUsage; the store's.
Task<Result<UsableKey>> UseKey(Kms& kms, aws::Call& call, std::string key_id, KeyRules rules,
                               const EncryptionContext* context = nullptr);
/// The same for a key that is known already (Decrypt without KeyId).
Task<Result<UsableKey>> UseKnownKey(Kms& kms, aws::Call& call, KeyPtr key, KeyRules rules,
                                    const EncryptionContext* context = nullptr);
/// Identifier to key, without any other check. Null: no such key, and the text to say so. Operations that take no
/// aliases take no keys of other accounts either (spec/kms.md 2.1). Errors: kNotFound, kInvalidArn, kAccessDenied.
struct Resolved {
  KeyPtr key;
  Error missing;
};
Task<Result<Resolved>> ResolveKey(Kms& kms, const aws::Call& call, std::string key_id, IdForms forms);

/// May the caller do this operation's action on no key in particular, by its identity policies alone? `made` is the key
/// that it would make, for conditions; or null. Errors: kAccessDenied.
Status AuthorizeCall(Kms& kms, const aws::Call& call, const KeyRow* made = nullptr);
/// The same for what the making of a key needs beside the operation's own action, in the Region of that key, where it
/// is the resource of every action but kms:CreateKey.
Status AuthorizeMaking(Kms& kms, const aws::Call& call, std::string_view action, const KeyRow& made);
/// cloudhsm:DescribeClusters, which a caller needs beside the operation's own action who names a cluster.
Status AuthorizeDescribingClusters(Kms& kms, const aws::Call& call);
/// This operation's action on an alias, which only identity policies can allow.
Status AuthorizeAlias(Kms& kms, const aws::Call& call, const AliasRow& alias);
/// May the caller do `action` on a key, by its policy or by a grant, with the request's GrantTokens? True when only a
/// grant allows it. The key goes into the audit trail. Errors: kAccessDenied, kInvalidGrantToken, kThrottled; the
/// store's.
Task<Result<bool>> AuthorizeOnKey(Kms& kms, aws::Call& call, KeyPtr key, std::string_view action,
                                  const EncryptionContext* context);

/// What the policies alone say of `action` on a key. By identity policies alone where `by_identity_alone` is set, which
/// are those of the caller's account then: what a grant or an alias needs of them. Errors: the store's.
Task<Result<ports::Decision>> DecideOnKey(Kms& kms, const aws::Call& call, KeyPtr key, std::string_view action,
                                          const EncryptionContext* context = nullptr, bool by_identity_alone = false);

/// kAccessDenied for a key of another account: missing and not allowed look alike (spec/kms.md 6.8).
Error ForeignDenied(const aws::Call& call);

/// The key's spec has this algorithm. Errors: kWrongKeyUsage.
Status RequireAlgorithm(const Key& key, const std::string& algorithm);

/// A change of the key's row: read in a transaction, its state checked again there, changed, written.
using ChangeRow = std::function<Status(store::Transaction&, KeyRow&)>;
Task<Result<KeyRow>> ChangeKey(Kms& kms, KeyPtr key, StateSet states, ChangeRow change);

/// The members that many cryptographic operations share. Errors: those of Fields.
struct CryptoOptions {
  EncryptionContext context;
  Bytes canonical_context;
  bool dry_run = false;
};
Result<CryptoOptions> ParseCryptoOptions(const aws::Call& call);
/// The answer of a DryRun that has passed all checks.
Error DryRunPassed();
/// kDryRun when asked for: the last check before the operation itself.
Status StopIfDryRun(const CryptoOptions& options);

}  // namespace strongroom::kms
