#include "recovery/share.h"

#include <gtest/gtest.h>

#include "secret/peek_for_tests.h"

namespace strongroom::recovery {
namespace {

const std::string kKey(64, 'a');

SecretBuffer Secret(std::string_view text) { return std::move(*SecretBuffer::CopyOf(AsBytes(text))); }
std::string TextOf(const SecretBuffer& secret) { return std::string(AsText(secret::Peek::At(secret))); }

std::vector<Share> Made(std::string_view secret, unsigned needed, unsigned of) {
  auto texts = ShareCodec::Split(Secret(secret), kKey, needed, of);
  EXPECT_TRUE(texts.ok()) << texts.error();
  std::vector<Share> shares;
  for (const SecretBuffer& text : *texts) {
    auto share = ShareCodec::Parse(text);
    EXPECT_TRUE(share.ok()) << share.error();
    shares.push_back(*std::move(share));
  }
  return shares;
}

std::vector<Share> Picked(std::vector<Share>& from, std::vector<unsigned> which) {
  std::vector<Share> picked;
  for (const unsigned at : which) {
    Share copy{from[at].set, from[at].key, from[at].number, from[at].needed, from[at].of, {}};
    copy.data = std::move(*from[at].data.Clone());
    picked.push_back(std::move(copy));
  }
  return picked;
}

TEST(Share, AnyThatAreEnoughGiveTheSecret) {
  const std::string secret(1800, 's');
  auto shares = Made(secret, 3, 5);
  ASSERT_EQ(shares.size(), 5U);
  for (const auto& which : {std::vector<unsigned>{0, 1, 2}, {4, 2, 0}, {1, 3, 4}, {0, 1, 2, 3, 4}}) {
    const auto joined = ShareCodec::Join(Picked(shares, which));
    ASSERT_TRUE(joined.ok()) << joined.error();
    EXPECT_EQ(TextOf(*joined), secret);
  }
  for (const Share& share : shares) EXPECT_EQ(TextOf(share.data).find("ssss"), std::string::npos);
}

TEST(Share, TooFewMixedAndDoubledOnesAreNamed) {
  auto shares = Made("secret", 3, 4);
  auto others = Made("secret", 3, 4);
  EXPECT_NE(ShareCodec::Join(Picked(shares, {0, 1})).error().public_message().find("3 shares"), std::string::npos);
  EXPECT_NE(ShareCodec::Join(Picked(shares, {0, 1, 1})).error().public_message().find("Share 2 was given twice"),
            std::string::npos);
  auto mixed = Picked(shares, {0, 1});
  mixed.push_back(std::move(Picked(others, {2}).front()));
  EXPECT_NE(ShareCodec::Join(mixed).error().public_message().find("do not belong together"), std::string::npos);
  EXPECT_EQ(ShareCodec::Join({}).error().code(), Errc::kInvalidArgument);
}

struct Count {
  std::string name;
  unsigned needed, of;
  bool fine;
};
class ShareCount : public ::testing::TestWithParam<Count> {};
TEST_P(ShareCount, IsHeldToItsBounds) {
  EXPECT_EQ(ShareCodec::Split(Secret("x"), kKey, GetParam().needed, GetParam().of).ok(), GetParam().fine);
}
INSTANTIATE_TEST_SUITE_P(Counts, ShareCount,
                         ::testing::Values(Count{"OneOfTwo", 1, 2, false}, Count{"TwoOfTwo", 2, 2, true},
                                           Count{"ThreeOfTwo", 3, 2, false}, Count{"All64", 64, 64, true},
                                           Count{"TooMany", 2, 65, false}, Count{"None", 0, 0, false}),
                         [](const auto& row) { return row.param.name; });

struct Damage {
  std::string name, from, to;
  Errc want;
};
class DamagedShare : public ::testing::TestWithParam<Damage> {};
TEST_P(DamagedShare, IsRefused) {
  const auto texts = ShareCodec::Split(Secret("the secret"), kKey, 2, 3);
  ASSERT_TRUE(texts.ok());
  std::string text = TextOf(texts->front());
  const auto at = text.find(GetParam().from);
  ASSERT_NE(at, std::string::npos);
  text.replace(at, GetParam().from.size(), GetParam().to);
  const auto parsed = ShareCodec::Parse(Secret(text));
  ASSERT_FALSE(parsed.ok());
  EXPECT_EQ(parsed.error().code(), GetParam().want);
  EXPECT_EQ(parsed.error().ForLog().find("the secret"), std::string::npos);
}
INSTANTIATE_TEST_SUITE_P(Damages, DamagedShare,
                         ::testing::Values(Damage{"OtherNumber", "Share: 1", "Share: 2", Errc::kCorrupted},
                                           Damage{"OtherThreshold", "Needed: 2", "Needed: 3", Errc::kCorrupted},
                                           Damage{"LaterVersion", "Version: 1", "Version: 2", Errc::kUnsupported},
                                           Damage{"NoBeginning", "-----BEGIN", "-----", Errc::kInvalidArgument},
                                           Damage{"NoChecksum", "Checksum: ", "Sum: ", Errc::kInvalidArgument},
                                           Damage{"NoEnd", "-----END STRONGROOM", "", Errc::kCorrupted},
                                           Damage{"MissingLine", "Of: 3\n", "", Errc::kCorrupted}),
                         [](const auto& row) { return row.param.name; });

TEST(Share, WhatIsNoShareIsRefused) {
  for (const std::string_view text : {"", "x", "-----BEGIN STRONGROOM RECOVERY SHARE-----\n"})
    EXPECT_EQ(ShareCodec::Parse(Secret(text)).error().code(), Errc::kInvalidArgument) << text;
}

TEST(Share, WindowsLineEndsAndTextAroundItAreTypingErrorsOrFine) {
  const auto texts = ShareCodec::Split(Secret("the secret"), kKey, 2, 2);
  ASSERT_TRUE(texts.ok());
  EXPECT_TRUE(ShareCodec::Parse(Secret("Dear keeper,\n" + TextOf(texts->front()) + "\nRegards\n")).ok());
}

}  // namespace
}  // namespace strongroom::recovery
