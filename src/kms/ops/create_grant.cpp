// Source: AWS KMS API Reference, "CreateGrant"; spec/kms.md 6.2.
#include <algorithm>

#include "aws/model/utf8.h"
#include "crypto/random.h"
#include "kms/grants/access.h"
#include "kms/grants/principal.h"
#include "kms/grants/rows.h"
#include "kms/ops/all.h"
#include "kms/pipeline.h"

namespace strongroom::kms {
namespace {

constexpr std::size_t kMaxPairs = 8, kMaxValueCharacters = 384;

struct Request {
  std::string key_id;
  Grant grant;
  bool dry_run = false;
};

Result<std::optional<EncryptionContext>> ParseConstraint(const aws::Fields& in, std::string_view name) {
  if (!in.Has(name)) return std::optional<EncryptionContext>();
  SR_TRY(EncryptionContext context, in.StringMap(name));
  if (context.size() > kMaxPairs)
    return Error(Errc::kInvalidArgument, fmt::format("{} can have at most {} pairs.", name, kMaxPairs));
  for (const auto& [key, value] : context)
    if (aws::model::CountCodePoints(value) > kMaxValueCharacters)
      return Error(Errc::kInvalidArgument,
                   fmt::format("The values of {} can have at most {} characters.", name, kMaxValueCharacters));
  // What no request's context can be is no constraint.
  SR_CHECK(CanonicalContext(context));
  return std::optional<EncryptionContext>(std::move(context));
}

Result<Request> Parse(const aws::Call& call) {
  Request r;
  SR_TRY(r.key_id, call.body.RequiredString("KeyId"));
  SR_TRY(r.grant.grantee, call.body.RequiredString("GranteePrincipal"));
  SR_TRY(r.grant.retiring_principal, call.body.OptionalString("RetiringPrincipal"));
  SR_TRY(const auto operations, call.body.StringList("Operations"));
  SR_TRY(r.grant.name, call.body.StringOr("Name", ""));
  SR_TRY(r.dry_run, call.body.BoolOr("DryRun", false));
  SR_TRY(const auto constraints, call.body.OptionalObject("Constraints"));
  if (constraints) {
    SR_TRY(r.grant.constraints.equals, ParseConstraint(*constraints, "EncryptionContextEquals"));
    SR_TRY(r.grant.constraints.subset, ParseConstraint(*constraints, "EncryptionContextSubset"));
    // Every context has it, so it would be a constraint in name alone.
    if (r.grant.constraints.subset && r.grant.constraints.subset->empty()) r.grant.constraints.subset.reset();
  }
  for (const std::string& one : operations)
    if (std::ranges::find(r.grant.operations, one) == r.grant.operations.end()) r.grant.operations.push_back(one);
  if (r.grant.operations.empty()) return Error(Errc::kInvalidArgument, "A grant must allow at least one operation.");
  SR_CHECK(CheckPrincipal(r.grant.grantee));
  if (r.grant.retiring_principal) SR_CHECK(CheckPrincipal(*r.grant.retiring_principal));
  r.grant.issuing_account = call.account();
  return r;
}

Status FitsKey(const Grant& grant, const Key& key) {
  const KeyRow& row = key.row;
  const OperationSet fitting = OperationsFor(row.spec, row.usage);
  for (const std::string& operation : grant.operations)
    if ((OperationBit(operation) & fitting) == 0)
      return Error(Errc::kInvalidArgument, fmt::format("The operation {} is not valid for {}, whose key spec is {} and "
                                                       "key usage {}.",
                                                       operation, key.arn, row.spec, row.usage));
  if (row.spec != "SYMMETRIC_DEFAULT" && !grant.constraints.none())
    return Error(Errc::kInvalidArgument,
                 "Constraints on the encryption context are valid for symmetric encryption keys only.");
  return {};
}

/// Who may make grants by a grant passes on no more than that grant has.
Task<Status> WithinOwnGrants(Kms& kms, const aws::Call& call, KeyPtr key, const Grant& grant) {
  SR_CO_TRY(const std::vector<Grant> own, co_await GrantsOfCaller(kms, call, key));
  const OperationSet wanted = OperationsOf(grant.operations);
  for (const Grant& outer : own) {
    const OperationSet has = OperationsOf(outer.operations);
    if ((has & OperationBit("CreateGrant")) == 0 || (wanted & ~has) != 0 ||
        !grant.constraints.AtLeastAsStrictAs(outer.constraints))
      continue;
    const NamedPrincipal named{outer.grantee, outer.grantee_id};
    SR_CO_TRY(const bool is_grantee, co_await SpeaksFor(kms, call, named, key, call.iam_action));
    if (is_grantee) co_return Status();
  }
  co_return Error(
      Errc::kAccessDenied,
      "User: " + call.caller.arn + " is not authorized to perform: kms:CreateGrant on resource: " + key->arn +
          " because no grant that allows kms:CreateGrant has all operations and constraints of the new one");
}

/// Notes who the two principals are now. Errors: kInvalidArn for one that does not exist; the store's.
Task<Status> ResolvePrincipals(Kms& kms, Grant& grant) {
  std::vector<std::string> named{grant.grantee};
  if (grant.retiring_principal) named.push_back(*grant.retiring_principal);
  auto ids = co_await kms.principals().Resolve(std::move(named));
  if (!ids.ok() && ids.error().code() == Errc::kNotFound)
    co_return Error(Errc::kInvalidArn, "Invalid principal " + ids.error().public_message());
  if (!ids.ok()) co_return std::move(ids).error();
  if (const auto id = ids->find(grant.grantee); id != ids->end()) grant.grantee_id = id->second;
  if (!grant.retiring_principal) co_return Status();
  if (const auto id = ids->find(*grant.retiring_principal); id != ids->end()) grant.retiring_id = id->second;
  co_return Status();
}

Task<Result<Grant>> Insert(Kms& kms, KeyPtr key, Grant grant) {
  const std::int64_t limit = kms.limits().grants_per_key;
  auto insert = [grant, key, limit](store::Transaction& t) mutable -> Result<Grant> {
    SR_TRY(const auto row, LoadKey(t, grant.account, grant.region, grant.key_id));
    if (!row) return Error(Errc::kNotFound, "Key '" + key->arn + "' does not exist");
    SR_TRY(const std::int64_t now, t.NowMillis());
    SR_CHECK(RequireState(key->arn, StateOf(*row, true, now), kUsableOrUnavailable));
    SR_TRY(const auto same, FindSameRequest(t, grant));
    if (same) {
      grant.grant_id = *same;
      return grant;
    }
    SR_TRY(grant.created_millis, t.NowMillis());
    SR_CHECK(InsertGrant(t, grant, limit));
    return grant;
  };
  auto made = co_await kms.database().Run(std::move(insert));
  if (key->row.grant_count == 0) kms.keys().ForgetKey(key->row);
  kms.grants().Forget(grant);
  co_return made;
}

Task<Result<aws::Reply>> CreateGrant(Kms& kms, aws::Call& call) {
  SR_CO_TRY(Request r, Parse(call));
  const KeyRules rules{.forms = IdForms::kKeyOfAnyAccount, .states = kUsableOrUnavailable};
  SR_CO_TRY(UsableKey usable, co_await UseKey(kms, call, std::move(r.key_id), rules));
  SR_CO_CHECK(FitsKey(r.grant, *usable.key));
  if (usable.by_grant) {
    SR_CO_CHECK(co_await WithinOwnGrants(kms, call, usable.key, r.grant));
  }
  // After the permission: whether somebody exists is nobody else's business.
  SR_CO_CHECK(co_await ResolvePrincipals(kms, r.grant));
  if (r.dry_run) co_return DryRunPassed();
  const KeyRow& row = usable.key->row;
  r.grant.account = row.account;
  r.grant.region = row.region;
  r.grant.key_id = row.key_id;
  Bytes id(32);
  SR_CO_CHECK(crypto::Random(id));
  r.grant.grant_id = Hex(id);
  SR_CO_TRY(const Grant made, co_await Insert(kms, usable.key, std::move(r.grant)));
  SR_CO_TRY(std::string token, kms.grant_tokens().Make(made));
  call.AuditAnswer("keyId", usable.key->arn);
  aws::Reply reply;
  reply.Text("GrantToken", std::move(token)).Text("GrantId", made.grant_id);
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::create_grant = {
    .target = "TrentService.CreateGrant", .iam_action = "kms:CreateGrant", .handler = aws::Bind<Kms, &CreateGrant>};

}  // namespace strongroom::kms
