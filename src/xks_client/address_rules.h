#pragma once

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <string>
#include <vector>

#include "base/result.h"

namespace strongroom::xks {

/// Which addresses a proxy may have. Whoever may create key stores names the host, so without rules the service could
/// be made to knock at doors that only it can reach: its own, its machine's, a cloud's metadata service.
///
/// Promise   decided on the very address that is connected to, after DNS. Without networks: every address but
///           unspecified, loopback, link-local, multicast, broadcast and reserved ones; private networks are where
///           proxies are, so they are allowed. With networks: those and no others. An IPv6 address that stands for an
///           IPv4 one (mapped, NAT64, 6to4) is judged as that, too.
/// Source    IANA special-purpose address registries (RFC 6890).
class AddressRules {
 public:
  /// As Options::networks. Errors: kInvalidArgument.
  static Result<AddressRules> Make(const std::vector<std::string>& networks);
  bool Allows(const boost::asio::ip::address& address) const;

 private:
  bool AllowsV4(const boost::asio::ip::address_v4& address) const;
  std::vector<boost::asio::ip::network_v4> v4_;
  std::vector<boost::asio::ip::network_v6> v6_;
  bool listed_ = false;
};

}  // namespace strongroom::xks
