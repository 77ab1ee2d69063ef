#include "base/bytes.h"

#include <gtest/gtest.h>
#include <sodium.h>

#include <utility>

#include "base/ids.h"

namespace strongroom {
namespace {

struct Row {
  std::string name, text;
  bool good;
};
class Base64Table : public ::testing::TestWithParam<Row> {};
TEST_P(Base64Table, TakesExactlyWhatRfc4648Says) {
  const auto decoded = FromBase64(GetParam().text);
  EXPECT_EQ(decoded.ok(), GetParam().good);
  if (decoded.ok()) {
    EXPECT_EQ(Base64(*decoded), GetParam().text);
  }
}
INSTANTIATE_TEST_SUITE_P(
    Base64, Base64Table,
    ::testing::Values(Row{"Empty", "", true}, Row{"OneByte", "AA==", true}, Row{"TwoBytes", "AAA=", true},
                      Row{"ThreeBytes", "AAAA", true}, Row{"UnpaddedIsRefused", "AA", false},
                      Row{"UrlSafeIsRefused", "-_-_", false}, Row{"SpaceIsRefused", "AA A", false},
                      Row{"NewlineIsRefused", "AAAA\n", false}, Row{"TrailingBitsAreRefused", "AB==", false},
                      Row{"PaddingOnlyIsRefused", "====", false}, Row{"BeyondAsciiIsRefused", "aG\xC3\xA4", false}),
    [](const auto& info) { return info.param.name; });

TEST(Base64, EveryLengthRoundTripsAndAForeignCharacterIsSeenAtEveryPlace) {
  Bytes bytes;
  for (std::size_t size = 0; size < 70; ++size) {
    std::string text = Base64(bytes);
    std::string by_sodium(sodium_base64_ENCODED_LEN(size, sodium_base64_VARIANT_ORIGINAL), '\0');
    sodium_bin2base64(by_sodium.data(), by_sodium.size(), bytes.data(), size, sodium_base64_VARIANT_ORIGINAL);
    by_sodium.pop_back();
    EXPECT_EQ(text, by_sodium);
    const auto decoded = FromBase64(text);
    ASSERT_TRUE(decoded.ok()) << text;
    EXPECT_EQ(*decoded, bytes);
    Bytes tight(size);
    EXPECT_EQ(*FromBase64Into(text, tight), size);
    EXPECT_EQ(tight, bytes);
    if (size > 0) {
      EXPECT_FALSE(FromBase64Into(text, std::span(tight).first(size - 1)).ok());
    }
    for (char& place : text) {
      for (const char wrong : {'-', '@', '[', '`', '{', '.', ':', '\0', '\x80', '\xff'}) {
        const char right = std::exchange(place, wrong);
        EXPECT_FALSE(FromBase64(text).ok());
        place = right;
      }
    }
    bytes.push_back(static_cast<std::uint8_t>(size * 151 + 7));
  }
}

TEST(Hex, RoundTripsAndRefusesOddAndForeign) {
  EXPECT_EQ(Hex(*FromHex("00ffA5")), "00ffa5");
  EXPECT_EQ(*FromHex(""), Bytes{});
  EXPECT_EQ(*FromHex(std::string_view{}), Bytes{});
  EXPECT_FALSE(FromHex("abc").ok());
  EXPECT_FALSE(FromHex("zz").ok());
}

TEST(Ids, HaveTheShapesOfAws) {
  EXPECT_EQ(NewUuid().size(), 36u);
  EXPECT_EQ(NewUuid()[14], '4');
  EXPECT_EQ(NewBase32Id("cluster-").size(), 19u);
  EXPECT_EQ(NewHexId("cks-").size(), 21u);
  EXPECT_NE(NewUuid(), NewUuid());
}

}  // namespace
}  // namespace strongroom
