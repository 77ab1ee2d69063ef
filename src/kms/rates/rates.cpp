#include "kms/rates/rates.h"

#include <algorithm>

namespace strongroom::kms {
namespace {

struct Rate {
  std::string_view name;
  double per_second;
};
constexpr double kSymmetric = 10'000, kOtherClass = 1'000, kCustomKeyStore = 1'800, kAllOthers = 5;

/// Operations that are counted once their key is known.
constexpr auto kOnKey = std::to_array<std::string_view>(
    {"Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateDataKeyPair",
     "GenerateDataKeyPairWithoutPlaintext", "GenerateMac", "VerifyMac", "Sign", "Verify", "DeriveSharedSecret"});

/// Operations with a rate of their own.
constexpr auto kOwn = std::to_array<Rate>({{"DescribeKey", 2000},
                                           {"GetPublicKey", 2000},
                                           {"ListResourceTags", 2000},
                                           {"GetKeyPolicy", 1000},
                                           {"GetKeyRotationStatus", 1000},
                                           {"ListAliases", 500},
                                           {"ListKeys", 500},
                                           {"ListGrants", 100},
                                           {"ListKeyPolicies", 100},
                                           {"ListKeyRotations", 100},
                                           {"ListRetirableGrants", 100},
                                           {"CreateGrant", 50},
                                           {"RetireGrant", 50},
                                           {"RevokeGrant", 50},
                                           {"DeleteAlias", 15},
                                           {"DeleteImportedKeyMaterial", 15},
                                           {"EnableKeyRotation", 15},
                                           {"ImportKeyMaterial", 15},
                                           {"PutKeyPolicy", 15},
                                           {"ScheduleKeyDeletion", 15},
                                           {"TagResource", 10},
                                           {"GetParametersForImport", 1}});

/// Key pairs made, each kind by itself.
constexpr auto kPairs =
    std::to_array<Rate>({{"RSA_2048", 20}, {"RSA_3072", 4}, {"RSA_4096", 1}, {"SM2", 25}, {"ECC", 100}});

double RateOfOperation(std::string_view operation) {
  const auto own = std::ranges::find(kOwn, operation, &Rate::name);
  return own == kOwn.end() ? kAllOthers : own->per_second;
}
double RateOfPair(std::string_view spec) {
  const auto one = std::ranges::find_if(kPairs, [&](const Rate& rate) { return spec.starts_with(rate.name); });
  return one == kPairs.end() ? kAllOthers : one->per_second;
}

}  // namespace

Status RequestRates::TakeIn(std::string_view account, std::string_view region, std::string_view group, double rate,
                            double tokens) {
  std::string name;
  name.reserve(account.size() + region.size() + group.size() + 2);
  name.append(account).append(1, '|').append(region).append(1, '|').append(group);
  Shard& shard = shards_[std::hash<std::string>{}(name) % shards_.size()];
  const Clock::time_point now = now_();
  const std::lock_guard lock(shard.mutex);
  const auto [at, fresh] = shard.buckets.try_emplace(std::move(name));
  Bucket& bucket = at->second;
  const std::chrono::duration<double> since = fresh ? std::chrono::seconds(1) : now - bucket.filled;
  bucket.tokens = std::min(rate, bucket.tokens + std::max(0.0, since.count()) * rate);
  bucket.filled = now;
  if (bucket.tokens >= tokens) {
    bucket.tokens -= tokens;
    return {};
  }
  return Error(Errc::kThrottled,
               "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.");
}

/// What makes or changes a key in another Region counts there, too: a replica as two CreateKeys.
Status RequestRates::TakeInOtherRegion(const aws::Call& call) {
  if (call.operation == "ReplicateKey") {
    SR_TRY(const std::string region, call.body.RequiredString("ReplicaRegion"));
    return TakeIn(call.account(), region, "CreateKey", kAllOthers, 2);
  }
  if (call.operation != "UpdatePrimaryRegion") return {};
  SR_TRY(const std::string region, call.body.RequiredString("PrimaryRegion"));
  return TakeIn(call.account(), region, call.operation, kAllOthers);
}

Status RequestRates::Admit(const aws::Call& call) {
  if (!on_) return {};
  if (call.operation.starts_with("GenerateDataKeyPair")) {
    SR_TRY(const std::string spec, call.body.RequiredString("KeyPairSpec"));
    return Take(call, "pair " + spec, RateOfPair(spec));
  }
  if (call.operation == "GenerateRandom") {
    SR_TRY(const std::string store, call.body.StringOr("CustomKeyStoreId", ""));
    return TakeSymmetric(call, store);
  }
  if (std::ranges::find(kOnKey, call.operation) != kOnKey.end()) return {};
  SR_CHECK(Take(call, call.operation, RateOfOperation(call.operation)));
  return TakeInOtherRegion(call);
}

Status RequestRates::TakeSymmetric(const aws::Call& call, const std::string& store_id) {
  if (!store_id.empty()) return Take(call, "store " + store_id, kCustomKeyStore);
  return Take(call, "symmetric", kSymmetric);
}

Status RequestRates::AdmitOnKey(const aws::Call& call, std::string_view action, const KeyRow& key) {
  if (!on_ || std::ranges::find(kOnKey, call.operation) == kOnKey.end()) return {};
  const std::string_view spec = key.spec;
  if (spec.starts_with("RSA_")) return Take(call, "RSA", kOtherClass);
  if (spec.starts_with("ECC_") || spec == "SM2") return Take(call, "ECC", kOtherClass);
  if (spec.starts_with("ML_DSA_")) return Take(call, "ML-DSA", kOtherClass);
  // A ReEncrypt from one symmetric key to another is one call: its source has counted.
  if (action == "kms:ReEncryptTo") return {};
  return TakeSymmetric(call, key.custom_key_store_id.value_or(""));
}

}  // namespace strongroom::kms
