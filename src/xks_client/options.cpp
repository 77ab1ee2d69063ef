#include "xks_client/options.h"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <charconv>

namespace strongroom::xks {
namespace {

namespace ip = boost::asio::ip;

std::vector<std::string> Words(std::string_view text) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = text.find_first_not_of(" \t\n", at);
    if (begin == std::string_view::npos) break;
    const std::size_t end = std::min(text.find_first_of(" \t\n", begin), text.size());
    words.emplace_back(text.substr(begin, end - begin));
    at = end;
  }
  return words;
}

Error Bad(std::string_view what, std::string_view is_no) {
  return Error(Errc::kInvalidArgument, fmt::format("'{}' is no {}", what, is_no));
}

}  // namespace

Result<HostPort> ParseHostPort(std::string_view text) {
  HostPort out;
  std::string_view address = text, port;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return Bad(text, "address");
    address = text.substr(1, end - 1);
    port = text.substr(end + 1);
  } else if (std::ranges::count(text, ':') == 1) {
    address = text.substr(0, text.find(':'));
    port = text.substr(text.find(':'));
  }
  boost::system::error_code wrong;
  ip::make_address(std::string(address), wrong);
  if (wrong) return Bad(text, "IP address with a port");
  out.address = address;
  if (port.empty()) return out;
  const char* end = port.data() + port.size();
  const auto [stop, failed] = std::from_chars(port.data() + 1, end, out.port);
  if (port.front() != ':' || failed != std::errc() || stop != end || out.port == 0)
    return Bad(text, "IP address with a port");
  return out;
}

Result<std::map<std::string, HostPort>> ParseHostTable(std::string_view text) {
  std::map<std::string, HostPort> table;
  for (const std::string& word : Words(text)) {
    const auto equals = word.find('=');
    if (equals == 0 || equals == std::string::npos) return Bad(word, "entry like name=10.1.2.3:443");
    SR_TRY(HostPort where, ParseHostPort(std::string_view(word).substr(equals + 1)));
    if (!table.emplace(word.substr(0, equals), std::move(where)).second)
      return Bad(word, "entry: the name is there already");
  }
  return table;
}

Result<std::vector<std::string>> ParseNetworks(std::string_view text) {
  std::vector<std::string> networks = Words(text);
  for (const std::string& one : networks) {
    boost::system::error_code no_v4, no_v6;
    ip::make_network_v4(one, no_v4);
    ip::make_network_v6(one, no_v6);
    if (no_v4 && no_v6) return Bad(one, "network like 10.0.0.0/8");
  }
  return networks;
}

}  // namespace strongroom::xks
