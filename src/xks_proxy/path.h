#pragma once

#include <optional>
#include <string_view>

#include "xks_protocol/requests.h"

namespace strongroom::xks_proxy {

/// A request's path taken apart. Views into it.
struct ProxyPath {
  std::string_view prefix;  // "" or "/team-a"
  xks::Api api = xks::Api::kHealth;
  std::string_view key_id;  // empty for GetHealthStatus
};

/// Whether a path is meant for a proxy at all, of whatever version of the API.
bool IsForProxies(std::string_view path) noexcept;

/// Nothing when it is no path of the API's version 1.
std::optional<ProxyPath> ParsePath(std::string_view path) noexcept;

/// Whether proxies may have this prefix: empty, or "/" and letters, digits, "/", "_" and "-", without a "/" at its end,
/// two in a row, or what begins the API's own part; at most 117 characters, since KMS takes paths of 128.
/// Source: KMS API Reference, CreateCustomKeyStore, XksProxyUriPath.
bool IsPathPrefix(std::string_view text) noexcept;

}  // namespace strongroom::xks_proxy
