#pragma once

#include <boost/asio/ip/address.hpp>
#include <string>

namespace strongroom::aws {

/// A peer's address as everything behind the server has it (the trail, aws:SourceIp, who is counted as one): that of an
/// IPv4 client of a socket which listens on "::" is IPv4.
inline std::string AddressText(const boost::asio::ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, address.to_v6()).to_string();
  return address.to_string();
}

}  // namespace strongroom::aws
