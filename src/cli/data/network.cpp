#include "cli/data/network.h"

#include <fmt/format.h>
#include <sodium.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

namespace strongroom::cli {

bool CanBind(const std::string& address, unsigned short port) {
  boost::asio::io_context loop;
  boost::system::error_code failed;
  const auto ip = boost::asio::ip::make_address(address, failed);
  if (failed) return false;
  boost::asio::ip::tcp::acceptor acceptor(loop);
  acceptor.open(ip.is_v4() ? boost::asio::ip::tcp::v4() : boost::asio::ip::tcp::v6(), failed);
  if (failed) return false;
  acceptor.set_option(boost::asio::ip::tcp::acceptor::reuse_address(true), failed);
  acceptor.bind({ip, port}, failed);
  if (failed) return false;
  acceptor.listen(1, failed);
  return !failed;
}

bool IsFreeNetwork(const std::string& prefix) {
  return CanBind(prefix + ".1", 8443) && CanBind(prefix + ".1", 2224) && CanBind(prefix + ".10", 2223) &&
         CanBind(prefix + ".10", 2225);
}

Status RequireUsableNetwork(const std::string& prefix) {
  boost::system::error_code failed;
  boost::asio::ip::make_address_v4(prefix + ".1", failed);
  if (failed)
    return Error(Errc::kInvalidArgument,
                 fmt::format("'{}' is no network; write three numbers, like 10.20.30.", prefix));
  if (IsFreeNetwork(prefix)) return {};
  return Error(Errc::kConflict, fmt::format("{0}.1 and {0}.10 are no addresses of this machine (`ip route add local "
                                            "{0}.0/24 dev lo` makes the whole network its own), or in use already.",
                                            prefix));
}

Result<std::string> PickLoopbackNetwork() {
  for (int tries = 0; tries < 32; ++tries) {
    // 127.0 and 127.1 are left to other people's habits (systemd-resolved and Debian use 127.0.x.x).
    const std::string prefix = fmt::format("127.{}.{}", 2 + randombytes_uniform(252), 1 + randombytes_uniform(254));
    if (IsFreeNetwork(prefix)) return prefix;
  }
  return Error(Errc::kResourceExhausted,
               "No free loopback network was found in 32 tries; are loopback addresses in 127.0.0.0/8 allowed here?");
}

}  // namespace strongroom::cli
