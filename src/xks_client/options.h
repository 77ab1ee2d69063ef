#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace strongroom::xks {

/// An IP address and a port, as configured.
struct HostPort {
  std::string address;
  std::uint16_t port = 443;
};
/// "10.1.2.3", "10.1.2.3:8443" or "[fd00::1]:8443". Errors: kInvalidArgument.
Result<HostPort> ParseHostPort(std::string_view text);

/// "name=address:port" entries, parted by blanks. Errors: kInvalidArgument, naming the entry.
Result<std::map<std::string, HostPort>> ParseHostTable(std::string_view text);
/// "10.0.0.0/8 fd00::/8", parted by blanks. Errors: kInvalidArgument, naming the entry.
Result<std::vector<std::string>> ParseNetworks(std::string_view text);

/// How proxies of external key stores are reached: section [xks] of the configuration.
struct Options {
  /// Where proxies may be. Empty: everywhere but loopback, link-local, multicast and reserved addresses.
  std::vector<std::string> networks;
  /// Where a host name of an XksProxyUriEndpoint is, instead of what DNS says with port 443.
  std::map<std::string, HostPort> hosts;
  /// Where an XksProxyVpcEndpointServiceName is.
  std::map<std::string, HostPort> vpc_endpoint_services;
  std::filesystem::path ca_file;                         // PEM, trusted beside the system's roots; empty: none
  std::filesystem::path client_certificate, client_key;  // PEM, for proxies that ask; empty: none
  /// From sending a request to having the whole answer. Source: XKS Proxy API Specification, "Latency".
  std::chrono::milliseconds answer_timeout{250};
  /// For DNS and TCP together, and once more for TLS.
  std::chrono::milliseconds connect_timeout{1000};
};

}  // namespace strongroom::xks
