#include "crypto/totp.h"

#include <gtest/gtest.h>

namespace strongroom::crypto {
namespace {

SecretBuffer Seed(std::string_view text) {
  auto seed = SecretBuffer::CopyOf(AsBytes(text));
  EXPECT_TRUE(seed.ok());
  return *std::move(seed);
}

struct Vector {
  const char* name;
  std::int64_t seconds;
  const char* code;
};
/// RFC 6238, appendix B, SHA-1: the last six of its eight digits.
const Vector kVectors[] = {{"At59", 59, "287082"},
                           {"At1111111109", 1111111109, "081804"},
                           {"At1111111111", 1111111111, "050471"},
                           {"At1234567890", 1234567890, "005924"},
                           {"At2000000000", 2000000000, "279037"},
                           {"At20000000000", 20000000000, "353130"}};
class Totp : public ::testing::TestWithParam<Vector> {};
TEST_P(Totp, FindsTheStepOfTheStandardsCodes) {
  const SecretBuffer seed = Seed("12345678901234567890");
  const std::int64_t step = GetParam().seconds / kTotpStepSeconds;
  EXPECT_EQ(FindTotpStep(seed, GetParam().code, step, step), step);
  EXPECT_EQ(FindTotpStep(seed, GetParam().code, step - 2, step + 2), step);
  EXPECT_EQ(FindTotpStep(seed, GetParam().code, step + 1, step + 3), std::nullopt);
}
INSTANTIATE_TEST_SUITE_P(Crypto, Totp, ::testing::ValuesIn(kVectors),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(TotpSeed, CodesOfAnotherLengthAreNone) {
  const SecretBuffer seed = Seed("12345678901234567890");
  for (const std::string_view code : {"", "28708", "2870820", "94287082"})
    EXPECT_EQ(FindTotpStep(seed, code, 1, 1), std::nullopt) << code;
}

TEST(TotpSeed, IsShownInBase32) {
  // RFC 4648, section 10.
  const std::pair<std::string_view, std::string_view> rows[] = {{"f", "MY"},           {"fo", "MZXQ"},
                                                                {"foo", "MZXW6"},      {"foob", "MZXW6YQ"},
                                                                {"fooba", "MZXW6YTB"}, {"foobar", "MZXW6YTBOI"}};
  for (const auto& [bytes, text] : rows) {
    auto shown = TotpSeedText(Seed(bytes));
    ASSERT_TRUE(shown.ok());
    EXPECT_TRUE(shown->EqualsInConstantTime(AsBytes(text))) << bytes;
  }
  auto fresh = NewTotpSeed();
  ASSERT_TRUE(fresh.ok());
  EXPECT_EQ(fresh->size(), 40U);
  EXPECT_EQ(TotpSeedText(*fresh)->size(), 64U);
}

}  // namespace
}  // namespace strongroom::crypto
