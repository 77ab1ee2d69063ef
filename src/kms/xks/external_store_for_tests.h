#pragma once

#include <boost/json.hpp>
#include <string>

#include "kms/testing/fake_service.h"
#include "xks_client/testing/fake_proxy.h"

namespace strongroom::kms::testing {

/// KMS with a proxy that it reaches.
struct ExternalStoreKit {
  using FakeProxy = xks::testing::FakeProxy;

  ExternalStoreKit() { service.RestartReachingProxies(proxy.options()); }

  static boost::json::object Credential(std::string_view secret = FakeProxy::kSecret) {
    return {{"AccessKeyId", FakeProxy::kAccessKeyId}, {"RawSecretAccessKey", secret}};
  }
  /// CreateCustomKeyStore for the proxy.
  static boost::json::object Request(const std::string& name = "external") {
    return {{"CustomKeyStoreName", name},
            {"CustomKeyStoreType", "EXTERNAL_KEY_STORE"},
            {"XksProxyConnectivity", "PUBLIC_ENDPOINT"},
            {"XksProxyUriEndpoint", FakeProxy::kEndpoint},
            {"XksProxyUriPath", FakeProxy::kPath},
            {"XksProxyAuthenticationCredential", Credential()}};
  }
  std::string NewStore() {
    const Answer made = service.Call("CreateCustomKeyStore", Request());
    return made.ok() ? made.Text("CustomKeyStoreId") : made.raw;
  }
  /// A connected store; its id.
  std::string ConnectedStore() {
    const std::string id = NewStore();
    const std::string state = service.Connect(id);
    return state == "CONNECTED" ? id : state;
  }
  static boost::json::object KeyRequest(const std::string& store_id, const std::string& xks_key_id) {
    return {{"Origin", "EXTERNAL_KEY_STORE"}, {"CustomKeyStoreId", store_id}, {"XksKeyId", xks_key_id}};
  }
  /// A KMS key on a new external key; the id.
  std::string NewKey(const std::string& store_id, const std::string& xks_key_id = "key-1") {
    proxy.SetKey(xks_key_id);
    return service.NewKey(KeyRequest(store_id, xks_key_id));
  }

  FakeProxy proxy;
  FakeService service;
};

}  // namespace strongroom::kms::testing
