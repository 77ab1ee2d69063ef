// Source: AWS KMS API Reference, "CreateKey"; spec/kms.md 7.9.
#include "kms/xks/new_key.h"

#include <algorithm>

#include "kms/xks/failures.h"
#include "kms/xks/xks_key_store.h"

namespace strongroom::kms {
namespace {

Error Unfit(std::string text) { return Error(Errc::kXksKeyInvalidConfiguration, std::move(text)); }

Status CheckMetadata(const xks::KeyMetadataAnswer& key) {
  if (key.key_spec != "AES_256")
    return Unfit("The key spec of the external key must be AES_256. The key spec of specified external key is " +
                 key.key_spec.substr(0, 64) + ".");
  if (key.key_status != "ENABLED")
    return Unfit("The status of the external key must be ENABLED. The status of specified external key is " +
                 key.key_status.substr(0, 64) + ".");
  const auto has = [&key](std::string_view usage) {
    return std::ranges::find(key.key_usage, usage) != key.key_usage.end();
  };
  if (!has("ENCRYPT") || !has("DECRYPT")) {
    const std::string usages = fmt::format("{}", fmt::join(key.key_usage, ", "));
    return Unfit(
        "The key usage of the external key must include ENCRYPT and DECRYPT. The key use of specified external key "
        "is " +
        usages.substr(0, 256) + ".");
  }
  return {};
}

}  // namespace

Status ParseExternalKeyOrigin(const aws::Call& call, KeyRow& row) {
  for (const std::string_view member : {"CustomKeyStoreId", "XksKeyId"})
    if (!call.body.Has(member))
      return Error(Errc::kInvalidArgument, std::string(member) + " is required when Origin is EXTERNAL_KEY_STORE.");
  SR_TRY(row.xks_key_id, call.body.OptionalString("XksKeyId"));
  // They would not name a key in a URI's path but another path.
  if (*row.xks_key_id == "." || *row.xks_key_id == "..")
    return Error(Errc::kInvalidArgument, "XksKeyId cannot be " + *row.xks_key_id + ".");
  if (row.multi_region) return Error(Errc::kUnsupported, "Multi-Region keys are not supported in custom key stores.");
  if (!row.symmetric())
    return Error(Errc::kUnsupported, "KeySpec " + row.spec + " is not supported in custom key stores.");
  return {};
}

Status RequireFreeExternalKey(store::Transaction& t, const KeyRow& row) {
  SR_TRY(
      const auto other,
      t.QueryOne("SELECT key_id FROM kms_keys WHERE account_id = $1 AND region = $2 AND custom_key_store_id = $3 AND "
                 "xks_key_id = $4",
                 {row.account, row.region, row.custom_key_store_id.value_or(""), row.xks_key_id.value_or("")}));
  if (!other) return {};
  return Error(Errc::kXksKeyAlreadyInUse, "The external key " + row.xks_key_id.value_or("") +
                                              " is already associated with a KMS key in this external key store.");
}

Task<Status> RequireExternalKey(Kms& kms, const aws::Call& call, const KeyRow& row) {
  SR_CO_TRY(const auto view, co_await kms.custom_stores().Find(row.account, row.region, *row.custom_key_store_id));
  if (!view->row.external())
    co_return Error(Errc::kUnsupported,
                    "Custom key store " + view->row.store_id + " is not of type EXTERNAL_KEY_STORE.");
  if (view->proxy == nullptr) co_return view->Unusable();
  auto look = [row](store::Transaction& t) { return RequireFreeExternalKey(t, row); };
  SR_CO_CHECK(co_await kms.database().RunRead(std::move(look)));
  const auto key = co_await view->proxy->GetKeyMetadata(*row.xks_key_id, ProxyMetadata(call, ""));
  if (!key.ok()) co_return ProxyErrorInCreateKey(key.failed());
  co_return CheckMetadata(key.value());
}

}  // namespace strongroom::kms
