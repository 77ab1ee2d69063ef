#include "xks_client/options.h"

#include <gtest/gtest.h>

#include "xks_client/address_rules.h"
#include "xks_client/network.h"

namespace strongroom::xks {
namespace {

bool Allowed(const std::vector<std::string>& networks, std::string_view address) {
  return AddressRules::Make(networks)->Allows(boost::asio::ip::make_address(std::string(address)));
}

struct AddressRow {
  std::string name, address;
  bool allowed;
};
void PrintTo(const AddressRow& row, std::ostream* out) { *out << row.name; }
class XksAddress : public ::testing::TestWithParam<AddressRow> {};
TEST_P(XksAddress, IsAllowedWithoutConfigurationAsTheRowSays) {
  EXPECT_EQ(Allowed({}, GetParam().address), GetParam().allowed);
}
INSTANTIATE_TEST_SUITE_P(
    Addresses, XksAddress,
    ::testing::Values(
        AddressRow{"Public", "93.184.216.34", true}, AddressRow{"Private", "10.1.2.3", true},
        AddressRow{"PublicV6", "2001:db8::1", true}, AddressRow{"UniqueLocal", "fd00::1", true},
        AddressRow{"Loopback", "127.0.0.1", false}, AddressRow{"LoopbackElsewhere", "127.81.4.1", false},
        AddressRow{"LoopbackV6", "::1", false}, AddressRow{"ThisHost", "0.0.0.0", false},
        AddressRow{"AnyV6", "::", false}, AddressRow{"CloudMetadata", "169.254.169.254", false},
        AddressRow{"LinkLocalV6", "fe80::1", false}, AddressRow{"Multicast", "224.0.0.1", false},
        AddressRow{"MulticastV6", "ff02::1", false}, AddressRow{"Broadcast", "255.255.255.255", false},
        AddressRow{"Reserved", "240.0.0.1", false}, AddressRow{"MappedLoopback", "::ffff:127.0.0.1", false},
        AddressRow{"MappedMetadata", "::ffff:169.254.169.254", false},
        AddressRow{"CompatibleLoopback", "::127.0.0.1", false}, AddressRow{"Nat64Loopback", "64:ff9b::7f00:1", false},
        AddressRow{"SixToFourLoopback", "2002:7f00:1::", false}, AddressRow{"Nat64Public", "64:ff9b::5db8:d822", true}),
    [](const auto& info) { return info.param.name; });

TEST(XksAddressRules, ListedNetworksAndNoOthers) {
  const std::vector<std::string> networks{"10.20.0.0/16", "127.81.4.0/24", "fd00:1::/32"};
  for (const std::string_view address : {"10.20.0.1", "10.20.255.255", "127.81.4.9", "fd00:1::5"})
    EXPECT_TRUE(Allowed(networks, address)) << address;
  for (const std::string_view address : {"10.21.0.1", "127.0.0.1", "93.184.216.34", "fd00:2::5", "::ffff:127.0.0.1"})
    EXPECT_FALSE(Allowed(networks, address)) << address;
  EXPECT_FALSE(AddressRules::Make({"10.0.0.0"}).ok());
}

TEST(XksOptions, HostTable) {
  const auto table = ParseHostTable(" a.example=10.0.0.1:8443\tb=[fd00::1]:9 c=10.0.0.2 d=fd00::2\n");
  ASSERT_TRUE(table.ok()) << table.error();
  EXPECT_EQ(table->size(), 4u);
  EXPECT_EQ(table->at("a.example").port, 8443);
  EXPECT_EQ(table->at("b").address, "fd00::1");
  EXPECT_EQ(table->at("b").port, 9);
  EXPECT_EQ(table->at("c").port, 443);
  EXPECT_EQ(table->at("d").address, "fd00::2");
  EXPECT_TRUE(ParseHostTable("")->empty());
  for (const std::string_view bad :
       {"a", "=10.0.0.1", "a=", "a=host:1", "a=10.0.0.1:0", "a=10.0.0.1:70000", "a=10.0.0.1:", "a=[fd00::1",
        "a=[fd00::1]9", "a=10.0.0.1:1x", "a=10.0.0.1 a=10.0.0.2"})
    EXPECT_FALSE(ParseHostTable(bad).ok()) << bad;
}

TEST(XksOptions, NetworksAreChecked) {
  EXPECT_EQ(ParseNetworks("10.0.0.0/8  fd00::/8")->size(), 2u);
  for (const std::string_view bad : {"10.0.0.0", "10.0.0.0/33", "host/8", "fd00::/129"})
    EXPECT_FALSE(ParseNetworks(bad).ok()) << bad;
}

TEST(XksNetwork, UnusableFilesAreNamed) {
  Options options;
  options.ca_file = "/no/such/ca.pem";
  auto network = Network::Make(options);
  ASSERT_FALSE(network.ok());
  EXPECT_NE(network.error().public_message().find("/no/such/ca.pem"), std::string::npos);
  options = {};
  options.client_certificate = "/no/such/client.crt";
  EXPECT_FALSE(Network::Make(options).ok());
  options.client_key = "/no/such/client.key";
  network = Network::Make(options);
  ASSERT_FALSE(network.ok());
  EXPECT_NE(network.error().public_message().find("/no/such/client.key"), std::string::npos);
}

}  // namespace
}  // namespace strongroom::xks
