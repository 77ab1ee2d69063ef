#include "kms/xks/proxy_row.h"

#include <algorithm>

namespace strongroom::kms {
namespace {

std::string Lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

Error NotValid(std::string_view member) {
  return Error(Errc::kInvalidArgument,
               std::string(member) + " is not valid for a custom key store of type EXTERNAL_KEY_STORE.");
}

}  // namespace

Result<ProxyMembers> ParseProxyMembers(const aws::Call& call) {
  ProxyMembers m;
  SR_TRY(m.connectivity, call.body.OptionalString("XksProxyConnectivity"));
  SR_TRY(m.endpoint, call.body.OptionalString("XksProxyUriEndpoint"));
  SR_TRY(m.path, call.body.OptionalString("XksProxyUriPath"));
  SR_TRY(m.vpc_service, call.body.OptionalString("XksProxyVpcEndpointServiceName"));
  SR_TRY(m.vpc_owner, call.body.OptionalString("XksProxyVpcEndpointServiceOwner"));
  SR_TRY(const auto credential, call.body.OptionalObject("XksProxyAuthenticationCredential"));
  if (credential) {
    SR_TRY(m.access_key_id, credential->RequiredString("AccessKeyId"));
    SR_TRY(m.secret, credential->RequiredSecretText("RawSecretAccessKey"));
  }
  if (m.endpoint) SR_CHECK(xks::HostOf(*m.endpoint));
  return m;
}

Status RequireExternalMembers(const aws::Call& call) {
  for (const std::string_view member : {"CloudHsmClusterId", "TrustAnchorCertificate", "KeyStorePassword"})
    if (call.body.Has(member)) return NotValid(member);
  return {};
}

Status CheckProxyShape(const ProxyRow& proxy) {
  const auto bad = [](std::string text) { return Error(Errc::kInvalidArgument, std::move(text)); };
  if (proxy.connectivity == kVpcEndpointService) {
    if (proxy.vpc_service.empty())
      return bad("XksProxyVpcEndpointServiceName is required when XksProxyConnectivity is VPC_ENDPOINT_SERVICE.");
    return {};
  }
  if (!proxy.vpc_service.empty())
    return bad("XksProxyVpcEndpointServiceName is not valid when XksProxyConnectivity is PUBLIC_ENDPOINT.");
  if (!proxy.vpc_owner.empty())
    return bad("XksProxyVpcEndpointServiceOwner is not valid when XksProxyConnectivity is PUBLIC_ENDPOINT.");
  return {};
}

Status RequireFreeProxy(store::Transaction& t, const CustomStoreRow& row) {
  SR_TRY(const auto stores, ExternalStores(t, row.account, row.region));
  const std::string endpoint = Lower(row.proxy.endpoint);
  const bool vpc = row.proxy.connectivity == kVpcEndpointService;
  for (const CustomStoreRow& other : stores) {
    if (other.store_id == row.store_id) continue;
    const bool same_endpoint = Lower(other.proxy.endpoint) == endpoint;
    if (same_endpoint && other.proxy.path == row.proxy.path)
      return Error(Errc::kXksProxyUriInUse, "The endpoint and path " + row.proxy.endpoint + row.proxy.path +
                                                " are already used by custom key store " + other.store_id + ".");
    if (same_endpoint && (vpc || other.proxy.connectivity == kVpcEndpointService))
      return Error(Errc::kXksProxyEndpointInUse, "The endpoint " + row.proxy.endpoint +
                                                     " is already used by custom key store " + other.store_id + ".");
    if (vpc && other.proxy.vpc_service == row.proxy.vpc_service)
      return Error(Errc::kXksVpcServiceInUse, "The VPC endpoint service " + row.proxy.vpc_service +
                                                  " is already used by custom key store " + other.store_id + ".");
  }
  return {};
}

Result<std::shared_ptr<xks::ProxyClient>> MakeProxyClient(std::shared_ptr<const xks::Network> network,
                                                          const CustomStoreRow& row, SecretBuffer secret) {
  xks::ProxySettings settings{.endpoint = row.proxy.endpoint,
                              .path = row.proxy.path,
                              .region = row.region,
                              .access_key_id = row.proxy.access_key_id,
                              .secret = std::move(secret)};
  if (row.proxy.connectivity == kVpcEndpointService) {
    const xks::HostPort* place = network->VpcService(row.proxy.vpc_service);
    if (place == nullptr)
      return Error(Errc::kXksVpcServiceNotFound,
                   "The VPC endpoint service " + row.proxy.vpc_service + " was not found.");
    settings.place = *place;
  }
  return xks::ProxyClient::Make(std::move(network), std::move(settings));
}

}  // namespace strongroom::kms
