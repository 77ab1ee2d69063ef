#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "kms/blob/blob.h"
#include "ports/authorizer.h"

namespace strongroom::kms {

enum class Origin : std::uint8_t { kAwsKms, kCloudHsm };
constexpr std::string_view Name(Origin origin) noexcept {
  return origin == Origin::kAwsKms ? "AWS_KMS" : "AWS_CLOUDHSM";
}

/// A KMS key as its row has it. Times are milliseconds since 1970 by the database's clock.
struct KeyRow {
  std::string account, region, key_id;
  std::string spec = "SYMMETRIC_DEFAULT";
  std::string usage = "ENCRYPT_DECRYPT";
  Origin origin = Origin::kAwsKms;
  bool enabled = true;
  std::int64_t created_millis = 0;
  std::optional<std::int64_t> deletion_millis;
  std::string description;
  std::string policy;
  bool multi_region = false;
  std::optional<std::string> custom_key_store_id, cluster_id;
  std::string material_id;                 // 64 hex digits; empty for keys of a custom key store
  Bytes token;                             // domain store
  std::optional<std::int64_t> hsm_handle;  // CloudHSM store
  std::int64_t version = 1;
  std::int64_t grant_count = 0;  // as LoadKey saw it

  std::string Arn() const { return "arn:aws:kms:" + region + ":" + account + ":key/" + key_id; }
};

/// A key ready for use: immutable, shared by the requests that use it, replaced when its row changes.
struct Key {
  KeyRow row;
  std::string arn;
  Bytes blob_header;  // of ciphertexts that it makes
  Bytes binding;      // what its token is bound to (docs/formats.md 5)
  std::shared_ptr<const ports::ResourcePolicy> policy;

  bool symmetric() const noexcept { return row.spec == "SYMMETRIC_DEFAULT"; }
  StoreKind store() const noexcept { return row.origin == Origin::kAwsKms ? StoreKind::kDomain : StoreKind::kCloudHsm; }
};
using KeyPtr = std::shared_ptr<const Key>;

/// Compiles the policy and derives the rest. Errors: kMalformedPolicy, kInternal.
Result<KeyPtr> MakeKey(KeyRow row, const ports::Authorizer& authorizer);
/// The canonical binding of a token (docs/formats.md 5).
Bytes TokenBinding(const KeyRow& row);

}  // namespace strongroom::kms
