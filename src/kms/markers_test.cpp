#include "kms/markers.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "crypto/random.h"

namespace strongroom::kms {
namespace {

Markers New() { return Markers(std::move(crypto::RandomSecret(32).value())); }

TEST(Markers, CarryTheLastKeyShown) {
  const Markers markers = New();
  const auto read = markers.Read("ListKeys|1|eu|", markers.Make("ListKeys|1|eu|", "key-7"));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(*read, "key-7");
}

TEST(Markers, AreNeverLongerThanARequestMayBring) {
  const Markers markers = New();
  for (const std::string_view character :
       {"a", "\u00e4", "\u20ac", "\U0001f511", "\U0010ffff", "\u07ff", "\u0800", "\uffff"}) {
    std::string after;
    for (int size = 1; size <= 256; ++size) {
      after += character;
      const std::string marker = markers.Make("list", after);
      ASSERT_LE(marker.size(), 1024u) << character << " " << size;
      const auto read = markers.Read("list", marker);
      ASSERT_TRUE(read.ok()) << character << " " << size;
      EXPECT_EQ(*read, after);
    }
  }
}

TEST(Markers, OfAnotherListOrDeploymentAreRefused) {
  const Markers markers = New();
  const std::string marker = markers.Make("ListKeys|1|eu|", "key-7");
  EXPECT_FALSE(markers.Read("ListAliases|1|eu|", marker).ok());
  EXPECT_FALSE(markers.Read("ListKeys|2|eu|", marker).ok());
  EXPECT_FALSE(New().Read("ListKeys|1|eu|", marker).ok());
}

TEST(Markers, WithAnyBitFlippedAreRefusedInTheSameWords) {
  const Markers markers = New();
  const Bytes bytes = FromBase64(markers.Make("list", "key-7")).value();
  for (std::size_t i = 0; i < bytes.size() * 8; ++i) {
    Bytes bad = bytes;
    bad[i / 8] = static_cast<std::uint8_t>(bad[i / 8] ^ (1u << (i % 8)));
    const std::string text = Base64(bad);
    const auto read = markers.Read("list", text);
    ASSERT_FALSE(read.ok()) << i;
    EXPECT_EQ(read.error().code(), Errc::kInvalidMarker);
    EXPECT_EQ(read.error().public_message(), "Invalid marker " + text);
  }
}

struct Row {
  std::string name, marker;
};
const Row kRows[] = {{"Empty", ""}, {"NotBase64", "*"}, {"TooShort", "AAAA"}, {"OnlyAMac", "AAAAAAAAAAAAAAAAAAAAAA=="}};
class BadMarker : public ::testing::TestWithParam<Row> {};
TEST_P(BadMarker, IsRefused) {
  const auto read = New().Read("list", GetParam().marker);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().public_message(), "Invalid marker " + GetParam().marker);
}
INSTANTIATE_TEST_SUITE_P(Markers, BadMarker, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace strongroom::kms
