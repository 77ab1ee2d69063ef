#pragma once

#include <optional>
#include <string>

#include "aws/dispatch/operation.h"
#include "kms/keystore/custom_store_rows.h"
#include "secret/secret_buffer.h"
#include "xks_client/network.h"
#include "xks_client/proxy_client.h"

namespace strongroom::kms {

inline constexpr std::string_view kPublicEndpoint = "PUBLIC_ENDPOINT", kVpcEndpointService = "VPC_ENDPOINT_SERVICE";
/// ports::Sealer purpose of a RawSecretAccessKey; the name is the store's id.
inline constexpr std::string_view kXksCredentialPurpose = "xks-credential";

/// The members of a request that describe a proxy, as far as they are there.
struct ProxyMembers {
  std::optional<std::string> connectivity, endpoint, path, vpc_service, vpc_owner, access_key_id;
  std::optional<SecretBuffer> secret;

  bool any() const noexcept { return connectivity || endpoint || path || vpc_service || vpc_owner || secret; }
  /// Whether only members are there that a connected store takes as well.
  bool for_connected() const noexcept { return !connectivity && !endpoint && !vpc_service && !vpc_owner; }
};
/// Errors: kInvalidArgument for an XksProxyUriEndpoint that is not https://host.
Result<ProxyMembers> ParseProxyMembers(const aws::Call& call);
/// Members that belong to the other type of key store. Errors: kInvalidArgument.
Status RequireExternalMembers(const aws::Call& call);

/// Connectivity and VPC endpoint service fit each other. Errors: kInvalidArgument.
Status CheckProxyShape(const ProxyRow& proxy);
/// No other store of the account and Region uses the proxy in a way that shuts this one out (spec/kms.md 7.7). Errors:
/// kXksProxyUriInUse, kXksProxyEndpointInUse, kXksVpcServiceInUse.
Status RequireFreeProxy(store::Transaction& t, const CustomStoreRow& row);

/// A client for the row's proxy. Errors: kXksVpcServiceNotFound when the configuration does not know the VPC endpoint
/// service; kInvalidArgument.
Result<std::shared_ptr<xks::ProxyClient>> MakeProxyClient(std::shared_ptr<const xks::Network> network,
                                                          const CustomStoreRow& row, SecretBuffer secret);

}  // namespace strongroom::kms
