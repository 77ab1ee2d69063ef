#include "crypto/password.h"

#include <gtest/gtest.h>

#include "crypto/self_test.h"

namespace strongroom::crypto {
namespace {

SecretBuffer Secret(std::string_view text) { return SecretBuffer::CopyOf(AsBytes(text)).value(); }

TEST(Password, RightOneVerifiesAndOthersDoNot) {
  const auto hash = HashPassword(Secret("correct horse"));
  ASSERT_TRUE(hash.ok()) << hash.error();
  EXPECT_TRUE(hash->starts_with("scrypt$15$8$1$")) << *hash;
  EXPECT_TRUE(VerifyPassword(Secret("correct horse"), *hash).value());
  EXPECT_FALSE(VerifyPassword(Secret("correct horsf"), *hash).value());
  EXPECT_FALSE(VerifyPassword(SecretBuffer(), *hash).value());
}

TEST(Password, SameOneTwiceHasTwoHashes) {
  EXPECT_NE(HashPassword(Secret("same")).value(), HashPassword(Secret("same")).value());
}

TEST(Password, EmptyAndOverlongAreRefused) {
  EXPECT_EQ(HashPassword(SecretBuffer()).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(HashPassword(Secret(std::string(1025, 'x'))).error().code(), Errc::kInvalidArgument);
}

struct Row {
  std::string name, encoded;
};
const std::string kSalt = "AAECAwQFBgcICQoLDA0ODw==", kHash = Base64(Bytes(32));
const Row kForged[] = {
    {"Empty", ""},
    {"OtherScheme", "argon2$15$8$1$" + kSalt + "$" + kHash},
    {"MemoryBeyondBound", "scrypt$21$8$1$" + kSalt + "$" + kHash},
    {"BlockBeyondBound", "scrypt$15$17$1$" + kSalt + "$" + kHash},
    {"ParallelBeyondBound", "scrypt$15$8$5$" + kSalt + "$" + kHash},
    {"ZeroCost", "scrypt$0$8$1$" + kSalt + "$" + kHash},
    {"SignedCost", "scrypt$+5$8$1$" + kSalt + "$" + kHash},
    {"ShortSalt", "scrypt$15$8$1$AAAA$" + kHash},
    {"ShortHash", "scrypt$15$8$1$" + kSalt + "$AAAA"},
    {"ExtraField", "scrypt$15$8$1$" + kSalt + "$" + kHash + "$"},
    {"NotBase64", "scrypt$15$8$1$" + kSalt + "$" + std::string(44, '!')},
};
class PasswordForged : public ::testing::TestWithParam<Row> {};
TEST_P(PasswordForged, IsCorrupted) {
  const auto verified = VerifyPassword(Secret("x"), GetParam().encoded);
  ASSERT_FALSE(verified.ok());
  EXPECT_EQ(verified.error().code(), Errc::kCorrupted);
}
INSTANTIATE_TEST_SUITE_P(Password, PasswordForged, ::testing::ValuesIn(kForged),
                         [](const auto& info) { return info.param.name; });

TEST(SelfTests, Pass) {
  const Status status = RunSelfTests();
  EXPECT_TRUE(status.ok()) << status.error();
}

class BrokenSelfTest : public ::testing::TestWithParam<int> {};
TEST_P(BrokenSelfTest, IsNamed) {
  const auto test = static_cast<SelfTest>(GetParam());
  const Status status = RunSelfTests(test);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Errc::kInternal);
  EXPECT_NE(status.error().public_message().find(Name(test)), std::string::npos) << status.error();
}
INSTANTIATE_TEST_SUITE_P(SelfTests, BrokenSelfTest, ::testing::Range(0, static_cast<int>(SelfTest::kCount_)));

}  // namespace
}  // namespace strongroom::crypto
