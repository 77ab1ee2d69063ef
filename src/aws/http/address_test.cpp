#include "aws/http/address.h"

#include <gtest/gtest.h>

namespace strongroom::aws {
namespace {

struct Row {
  std::string name, address, text;
};
class PeerAddress : public ::testing::TestWithParam<Row> {};
TEST_P(PeerAddress, IsShownAsTheRowSays) {
  EXPECT_EQ(AddressText(boost::asio::ip::make_address(GetParam().address)), GetParam().text);
}
INSTANTIATE_TEST_SUITE_P(Http, PeerAddress,
                         ::testing::Values(Row{"V4", "192.0.2.7", "192.0.2.7"},
                                           Row{"V4OnASocketForBoth", "::ffff:192.0.2.7", "192.0.2.7"},
                                           Row{"MappedInHex", "::ffff:c000:207", "192.0.2.7"},
                                           Row{"V6", "2001:db8::1", "2001:db8::1"}, Row{"V6Loopback", "::1", "::1"},
                                           Row{"NearlyMapped", "::fffe:192.0.2.7", "::fffe:c000:207"}),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace strongroom::aws
