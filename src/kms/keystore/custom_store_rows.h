#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "store/database.h"

namespace strongroom::kms {

/// Source: KMS API Reference, CustomKeyStoresListEntry.
enum class ConnectionState : std::uint8_t { kDisconnected, kConnecting, kConnected, kDisconnecting, kFailed };
std::string_view Name(ConnectionState state) noexcept;

inline constexpr std::string_view kExternalStoreType = "EXTERNAL_KEY_STORE";

/// The proxy of an external key store, as its requests describe it. All empty for other stores.
struct ProxyRow {
  std::string connectivity;  // PUBLIC_ENDPOINT or VPC_ENDPOINT_SERVICE
  std::string endpoint, path;
  std::string vpc_service, vpc_owner;
  std::string access_key_id;
  friend bool operator==(const ProxyRow&, const ProxyRow&) = default;
};

struct CustomStoreRow {
  std::string account, region, store_id, name;
  std::string type = "AWS_CLOUDHSM";
  std::string cluster_id;
  std::string trust_anchor;         // PEM, as the caller gave it
  std::string cluster_certificate;  // PEM, of the cluster that the store was made for; by it its successors are known
  Bytes sealed_password;            // ports::Sealer, purpose "kmsuser" or "xks-credential", name = store id
  std::optional<Bytes> sealed_previous;  // while a rotation is under way: what may still be in force
  ConnectionState state = ConnectionState::kDisconnected;
  std::optional<std::string> error_code;  // in kFailed
  std::optional<std::string> attempt_id;  // of the connect or disconnect under way
  std::int64_t lease_until = 0;           // when another front end may take the attempt over
  std::int64_t created_millis = 0;
  ProxyRow proxy;

  bool external() const noexcept { return type == kExternalStoreType; }
};

// Changes go to the change feed, kind "key-store".
Result<std::optional<CustomStoreRow>> LoadCustomStore(store::Transaction& t, const std::string& account,
                                                      const std::string& region, const std::string& store_id);
/// Errors: kCustomKeyStoreNameInUse.
Status InsertCustomStore(store::Transaction& t, const CustomStoreRow& row);
Status UpdateCustomStore(store::Transaction& t, const CustomStoreRow& row);
Status DeleteCustomStore(store::Transaction& t, const CustomStoreRow& row);
/// By name, after `after`.
Result<std::vector<CustomStoreRow>> ListCustomStores(store::Transaction& t, const std::string& account,
                                                     const std::string& region, const std::string& after,
                                                     std::int64_t limit);
/// The external key stores of the account and Region.
Result<std::vector<CustomStoreRow>> ExternalStores(store::Transaction& t, const std::string& account,
                                                   const std::string& region);
/// Stores in a given state, all accounts.
Result<std::vector<CustomStoreRow>> CustomStoresIn(store::Transaction& t, ConnectionState state);

}  // namespace strongroom::kms
