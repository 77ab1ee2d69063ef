#include "xks_client/address_rules.h"

#include <algorithm>
#include <array>
#include <optional>

#include "xks_client/options.h"

namespace strongroom::xks {
namespace ip = boost::asio::ip;
namespace {

constexpr std::array<std::string_view, 7> kNeverV4{"0.0.0.0/8",     "127.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24",
                                                   "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4"};
constexpr std::array<std::string_view, 6> kNeverV6{"::/128",    "::1/128",  "fe80::/10",
                                                   "fec0::/10", "ff00::/8", "100::/64"};

template <typename Network, typename Address>
bool In(const Network& network, const Address& address) {
  // As the smallest network of its own, compared by what is fixed of the larger one.
  return Network(address, network.prefix_length()).canonical() == network.canonical();
}

/// The IPv4 address that an IPv6 one stands for: mapped, compatible, NAT64 (RFC 6052) or 6to4 (RFC 3056).
std::optional<ip::address_v4> Embedded(const ip::address_v6& address) {
  const ip::address_v6::bytes_type b = address.to_bytes();
  const auto zeros = [&b](std::size_t from, std::size_t to) {
    return std::all_of(b.begin() + static_cast<std::ptrdiff_t>(from), b.begin() + static_cast<std::ptrdiff_t>(to),
                       [](unsigned char c) { return c == 0; });
  };
  const auto at = [&b](std::size_t i) { return ip::address_v4({b[i], b[i + 1], b[i + 2], b[i + 3]}); };
  if (zeros(0, 10) && b[10] == 0xff && b[11] == 0xff) return at(12);
  if (zeros(0, 12)) return at(12);
  if (b[0] == 0x00 && b[1] == 0x64 && b[2] == 0xff && b[3] == 0x9b && zeros(4, 12)) return at(12);
  if (b[0] == 0x20 && b[1] == 0x02) return at(2);
  return std::nullopt;
}

}  // namespace

Result<AddressRules> AddressRules::Make(const std::vector<std::string>& networks) {
  AddressRules rules;
  rules.listed_ = !networks.empty();
  for (const std::string& one : networks) {
    boost::system::error_code no_v4, no_v6;
    const auto v4 = ip::make_network_v4(one, no_v4);
    const auto v6 = ip::make_network_v6(one, no_v6);
    if (!no_v4)
      rules.v4_.push_back(v4);
    else if (!no_v6)
      rules.v6_.push_back(v6);
    else
      return Error(Errc::kInvalidArgument, "'" + one + "' is no network like 10.0.0.0/8");
  }
  return rules;
}

bool AddressRules::AllowsV4(const ip::address_v4& address) const {
  const auto has = [&address](const ip::network_v4& network) { return In(network, address); };
  if (listed_) return std::ranges::any_of(v4_, has);
  return std::ranges::none_of(kNeverV4, [&](std::string_view text) { return has(ip::make_network_v4(text)); });
}

bool AddressRules::Allows(const ip::address& address) const {
  if (address.is_v4()) return AllowsV4(address.to_v4());
  const ip::address_v6 v6 = address.to_v6();
  if (const auto inner = Embedded(v6); inner && !AllowsV4(*inner)) return false;
  const auto has = [&v6](const ip::network_v6& network) { return In(network, v6); };
  if (listed_) return std::ranges::any_of(v6_, has);
  return std::ranges::none_of(kNeverV6, [&](std::string_view text) { return has(ip::make_network_v6(text)); });
}

}  // namespace strongroom::xks
