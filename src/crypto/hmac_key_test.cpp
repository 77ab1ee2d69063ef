#include "crypto/hmac_key.h"

#include <gtest/gtest.h>

namespace strongroom::crypto {
namespace {

SecretBuffer Key(std::string_view text) {
  auto key = SecretBuffer::CopyOf(AsBytes(text));
  EXPECT_TRUE(key.ok());
  return std::move(key).value();
}

// Source: RFC 4231, test case 2.
TEST(HmacKey, GivesThePublishedValueEachTime) {
  HmacKey jefe(Key("Jefe"));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Hex(jefe.Of("what do ya want for nothing?")),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  }
}

struct Row {
  std::string name, key;
};
class HmacKeys : public ::testing::TestWithParam<Row> {};

TEST_P(HmacKeys, AgreesWithHmacInAnyOrderOfTexts) {
  const SecretBuffer key = Key(GetParam().key);
  const SecretBuffer other = Key("another key");
  HmacKey kept(key);
  HmacKey beside(other);
  for (const std::string& text : {std::string(), std::string("a"), std::string(200, 'b'), std::string(64, 'c'),
                                  std::string("a"), std::string()}) {
    EXPECT_EQ(kept.Of(text), HmacSha256(key, {AsBytes(text)}));
    EXPECT_EQ(beside.Of(text), HmacSha256(other, {AsBytes(text)}));
  }
  HmacKey moved = std::move(kept);
  EXPECT_EQ(moved.Of("after the move"), HmacSha256(key, {AsBytes("after the move")}));
}

INSTANTIATE_TEST_SUITE_P(Crypto, HmacKeys,
                         ::testing::Values(Row{"Empty", ""}, Row{"Digest", std::string(32, 'k')},
                                           Row{"Block", std::string(64, 'k')},
                                           Row{"LongerThanABlock", std::string(131, 'k')}),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace strongroom::crypto
