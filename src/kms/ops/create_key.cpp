// Source: AWS KMS API Reference, "CreateKey"; spec/kms.md 2.2, 7.6.
#include "base/ids.h"
#include "base/log.h"
#include "crypto/kms_algorithms.h"
#include "kms/events.h"
#include "kms/keys/metadata.h"
#include "kms/keys/policy.h"
#include "kms/keys/tags.h"
#include "kms/ops/all.h"
#include "kms/pipeline.h"
#include "kms/xks/new_key.h"

namespace strongroom::kms {
namespace {

struct Request {
  KeyRow row;
  std::vector<Tag> tags;
  bool bypass_lockout_check = false;
};

Status ParseSpec(const aws::Call& call, KeyRow& row) {
  SR_TRY(const auto old_spec, call.body.OptionalString("CustomerMasterKeySpec"));
  SR_TRY(const auto spec, call.body.OptionalString("KeySpec"));
  SR_TRY(const auto usage, call.body.OptionalString("KeyUsage"));
  if (old_spec && spec)
    return Error(Errc::kInvalidArgument,
                 "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. "
                 "CustomerMasterKeySpec is deprecated.");
  row.spec = spec.value_or(old_spec.value_or("SYMMETRIC_DEFAULT"));
  if (row.spec != "SYMMETRIC_DEFAULT" && !usage)
    return Error(Errc::kInvalidArgument,
                 "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.");
  row.usage = usage.value_or("ENCRYPT_DECRYPT");
  const crypto::KmsSpec* known = crypto::FindKmsSpec(row.spec);
  const auto known_usage = crypto::FindKmsUsage(row.usage);
  if (known == nullptr || !known_usage || !known->Allows(*known_usage))
    return Error(Errc::kInvalidArgument, "KeyUsage " + row.usage + " is not valid for KeySpec " + row.spec + ".");
  return {};
}

/// Keys of the domain store.
Status ParseDomainOrigin(const aws::Call& call, KeyRow& row) {
  if (row.custom_key_store_id || call.body.Has("XksKeyId"))
    return Error(Errc::kInvalidArgument,
                 "CustomKeyStoreId and XksKeyId are not valid when Origin is " + std::string(Name(row.origin)) + ".");
  if (row.multi_region) row.primary_region = row.region;
  return {};
}

/// Keys whose material is imported. Errors: kUnsupported for what nobody could import or use.
Status ParseImportedOrigin(const aws::Call& call, KeyRow& row) {
  SR_CHECK(ParseDomainOrigin(call, row));
  const crypto::KmsSpec* spec = crypto::FindKmsSpec(row.spec);
  const bool ml_dsa = spec != nullptr && spec->pair && crypto::IsMlDsa(*spec->pair);
  // OpenSSL has no key agreement with SM2.
  if (ml_dsa || (row.spec == "SM2" && row.usage == "KEY_AGREEMENT"))
    return Error(Errc::kUnsupported,
                 "KeySpec " + row.spec + " with KeyUsage " + row.usage + " is not supported when Origin is EXTERNAL.");
  return {};
}

Status ParseCloudHsmOrigin(const aws::Call& call, KeyRow& row) {
  if (!row.custom_key_store_id)
    return Error(Errc::kInvalidArgument, "CustomKeyStoreId is required when Origin is AWS_CLOUDHSM.");
  if (row.multi_region) return Error(Errc::kUnsupported, "Multi-Region keys are not supported in custom key stores.");
  if (!row.symmetric())
    return Error(Errc::kUnsupported, "KeySpec " + row.spec + " is not supported in custom key stores.");
  if (call.body.Has("XksKeyId"))
    return Error(Errc::kInvalidArgument, "XksKeyId is valid only when Origin is EXTERNAL_KEY_STORE.");
  return {};
}

Status ParseOrigin(const aws::Call& call, KeyRow& row) {
  SR_TRY(const std::string origin, call.body.StringOr("Origin", "AWS_KMS"));
  SR_TRY(row.custom_key_store_id, call.body.OptionalString("CustomKeyStoreId"));
  SR_TRY(row.multi_region, call.body.BoolOr("MultiRegion", false));
  row.origin = OriginOf(origin);
  switch (row.origin) {
    case Origin::kAwsKms: return ParseDomainOrigin(call, row);
    case Origin::kCloudHsm: return ParseCloudHsmOrigin(call, row);
    case Origin::kExternal: return ParseImportedOrigin(call, row);
    case Origin::kExternalKeyStore: return ParseExternalKeyOrigin(call, row);
  }
  return Error(Errc::kInternal, "Origin " + origin + " has no rules.");
}

std::string NewMultiRegionKeyId() {
  std::string id = NewUuid();
  std::erase(id, '-');
  return "mrk-" + id;
}

Result<Request> Parse(const aws::Call& call) {
  Request r;
  r.row.account = call.account();
  r.row.region = call.region;
  SR_CHECK(ParseSpec(call, r.row));
  SR_CHECK(ParseOrigin(call, r.row));
  r.row.key_id = r.row.multi_region ? NewMultiRegionKeyId() : NewUuid();
  SR_TRY(r.row.description, call.body.StringOr("Description", ""));
  SR_TRY(const bool bypass, call.body.BoolOr("BypassPolicyLockoutSafetyCheck", false));
  SR_TRY(r.tags, call.body.PairList("Tags", "TagKey", "TagValue"));
  SR_CHECK(CheckTagCount(r.tags.size()));
  SR_TRY(auto policy, call.body.OptionalString("Policy"));
  r.bypass_lockout_check = bypass || !policy;
  r.row.policy = policy ? std::move(*policy) : DefaultPolicy(call.account());
  return r;
}

Status Insert(store::Transaction& t, KeyRow& row, const std::vector<Tag>& tags, KeyQuota& quota) {
  SR_TRY(const bool has_room, quota.HasRoom(t, row.account, row.region));
  if (!has_room)
    return Error(Errc::kLimitExceeded,
                 "The account has reached its quota of " + std::to_string(quota.keys()) + " KMS keys.");
  SR_TRY(row.created_millis, t.NowMillis());
  for (Material& material : row.materials) material.created_millis = row.created_millis;
  if (row.multi_region) row.relatives = {row.region};
  SR_CHECK(InsertKey(t, row));
  return PutTags(t, row, tags);
}

/// Without material: the key waits for its import.
Task<Result<KeyRow>> CreateEmpty(Kms& kms, Request r) {
  auto insert = [row = std::move(r.row), tags = std::move(r.tags),
                 quota = kms.key_quota()](store::Transaction& t) -> Result<KeyRow> {
    KeyRow made = row;
    SR_CHECK(Insert(t, made, tags, *quota));
    return made;
  };
  co_return co_await kms.database().Run(std::move(insert));
}

Task<Result<KeyRow>> CreateInDomain(Kms& kms, Request r) {
  SR_CO_TRY(r.row.material_id, NewMaterialId(r.row));
  auto made = co_await kms.domain().Create(r.row, r.row.material_id);
  if (!made.ok() && made.error().code() == Errc::kUnsupported)
    co_return Error(Errc::kUnsupported,
                    "KeySpec " + r.row.spec + " with KeyUsage " + r.row.usage +
                        " is not supported by the cryptographic library of this deployment's HSMs.");
  if (!made.ok()) co_return std::move(made).error();
  r.row.materials.emplace_back();
  r.row.materials.back().id = r.row.material_id;
  r.row.materials.back().token = std::move(made->token);
  // A key of an external key store has no KeyMaterialId to show.
  if (r.row.xks_key_id) r.row.material_id.clear();
  auto insert = [row = r.row, tags = r.tags, quota = kms.key_quota()](store::Transaction& t) mutable -> Result<KeyRow> {
    if (row.xks_key_id) SR_CHECK(RequireFreeExternalKey(t, row));
    SR_CHECK(Insert(t, row, tags, *quota));
    return row;
  };
  co_return co_await kms.database().Run(std::move(insert));
}

/// The store that the key goes into: known, connected, its cluster fit for new keys (spec/kms.md 7.6).
Task<Result<CustomStores::ViewPtr>> RequireStore(Kms& kms, const KeyRow& row) {
  SR_CO_TRY(auto view, co_await kms.custom_stores().Find(row.account, row.region, *row.custom_key_store_id));
  if (view->row.external())
    co_return Error(Errc::kUnsupported, "Custom key store " + view->row.store_id + " is not of type AWS_CLOUDHSM.");
  if (view->keys == nullptr) co_return view->Unusable();
  SR_CO_TRY(const auto cluster, co_await kms.clusters().Find(row.account, row.region, view->row.cluster_id));
  if (!cluster || !cluster->spans_two_zones())
    co_return Error(Errc::kClusterInvalidConfiguration,
                    "The cluster must have at least two active HSMs in different Availability Zones to create a key.");
  co_return std::move(view);
}

/// The HSM may have made the key all the same: its label finds it. What cannot be removed now, RemoveHalfMadeKeys does.
Task<void> GiveUp(Kms& kms, std::shared_ptr<HsmKeyStore> keys, KeyRow row) {
  const Status destroyed = co_await keys->Destroy(row);
  if (!destroyed.ok()) {
    LogError("destroying the HSM key of " + row.Arn() + ", which could not be made", destroyed.error());
    co_return;
  }
  auto remove = [row](store::Transaction& t) { return DeleteKey(t, row); };
  const Status removed = co_await kms.database().Run(std::move(remove));
  if (!removed.ok()) LogError("removing " + row.Arn() + ", which could not be made", removed.error());
}

Task<Result<KeyRow>> CreateInCluster(Kms& kms, Request r, CustomStores::ViewPtr view) {
  r.row.cluster_id = view->row.cluster_id;
  // The row first, unseen by anyone, then the HSM key, then its handle: whatever is interrupted can be found and
  // removed.
  auto insert = [row = r.row, tags = r.tags, quota = kms.key_quota()](store::Transaction& t) mutable -> Result<KeyRow> {
    SR_CHECK(Insert(t, row, tags, *quota));
    return row;
  };
  SR_CO_TRY(KeyRow row, co_await kms.database().Run(std::move(insert)));
  auto made = co_await view->keys->Create(row, "");
  if (!made.ok()) {
    co_await GiveUp(kms, view->keys, row);
    co_return std::move(made).error();
  }
  row.hsm_handle = made->hsm_handle;
  auto finish = [row](store::Transaction& t) { return SetHandle(t, row); };
  Status finished = co_await kms.database().Run(std::move(finish));
  // Somebody has taken the row away meanwhile. After any other failure nobody knows what is in force.
  if (!finished.ok() && finished.error().code() == Errc::kConflict) co_await GiveUp(kms, view->keys, row);
  if (!finished.ok()) co_return std::move(finished).error();
  co_return row;
}

Task<Result<aws::Reply>> CreateKey(Kms& kms, aws::Call& call) {
  SR_CO_TRY(Request r, Parse(call));
  SR_CO_CHECK(AuthorizeCall(kms, call, &r.row));
  if (!r.tags.empty()) SR_CO_CHECK(AuthorizeMaking(kms, call, "kms:TagResource", r.row));
  if (r.row.spec == "SM2" && !kms.sm2())
    co_return Error(Errc::kUnsupported, "KeySpec SM2 is not supported in this Region.");
  CustomStores::ViewPtr view;
  if (r.row.origin == Origin::kCloudHsm) {
    SR_CO_TRY(view, co_await RequireStore(kms, r.row));
  } else if (r.row.origin == Origin::kExternalKeyStore) {
    SR_CO_CHECK(co_await RequireExternalKey(kms, call, r.row));
  }
  SR_CO_CHECK(CheckTags(r.tags));
  const KeyLabels labels{.tags = r.tags, .aliases = {}};
  PolicyCheck check{r.row.policy, r.row, labels, r.bypass_lockout_check};
  SR_CO_TRY(r.row.policy_principals, co_await CheckPolicy(kms, call, std::move(check)));
  Result<KeyRow> made = Error(Errc::kInternal, "");
  if (view) {
    made = co_await CreateInCluster(kms, std::move(r), view);
  } else if (r.row.origin == Origin::kExternal) {
    made = co_await CreateEmpty(kms, std::move(r));
  } else {
    made = co_await CreateInDomain(kms, std::move(r));
  }
  if (!made.ok()) co_return std::move(made).error();
  call.AuditResource(made->Arn());
  if (made->hsm_handle) call.AuditData("backingKey", BackingKeyText(*made));
  aws::Reply reply;
  reply.Object("KeyMetadata", Metadata(*made, StateOf(*made, true, made->created_millis), made->created_millis));
  co_return reply;
}

}  // namespace

constinit const aws::Operation op::create_key = {
    .target = "TrentService.CreateKey", .iam_action = "kms:CreateKey", .handler = aws::Bind<Kms, &CreateKey>};

}  // namespace strongroom::kms
