#include "crypto/login_password.h"

#include <gtest/gtest.h>

namespace strongroom::crypto {
namespace {

SecretBuffer Password(std::string_view text) {
  auto made = SecretBuffer::CopyOf(AsBytes(text));
  EXPECT_TRUE(made.ok());
  return *std::move(made);
}

TEST(LoginPassword, OnlyTheRightOneFits) {
  auto hash = HashLoginPassword(Password("correct horse 1!"));
  ASSERT_TRUE(hash.ok()) << hash.error();
  EXPECT_TRUE(hash->starts_with("$argon2id$v=19$m=65536,t=3,p=1$")) << *hash;
  EXPECT_TRUE(VerifyLoginPassword(Password("correct horse 1!"), *hash));
  EXPECT_FALSE(VerifyLoginPassword(Password("correct horse 1"), *hash));
  EXPECT_FALSE(VerifyLoginPassword(Password("correct horse 1!"), "no hash"));
  EXPECT_FALSE(VerifyLoginPassword(Password("correct horse 1!"), ""));
  EXPECT_NE(*HashLoginPassword(Password("correct horse 1!")), *hash) << "each has a salt of its own";
}

struct Shape {
  const char *name, *text;
  std::size_t characters;
  bool lower, upper, digit, symbol;
};
const Shape kShapes[] = {{"Lower", "abc", 3, true, false, false, false},
                         {"All", "aB3!", 4, true, true, true, true},
                         {"SpaceIsNoSymbol", "a b", 3, true, false, false, false},
                         {"CodePointsCount", "\xC3\xA4\xC3\xB6", 2, false, false, false, false}};
class LoginPasswordShape : public ::testing::TestWithParam<Shape> {};
TEST_P(LoginPasswordShape, IsSeen) {
  const PasswordShape shape = ShapeOf(Password(GetParam().text));
  EXPECT_EQ(shape.characters, GetParam().characters);
  EXPECT_EQ(shape.lower, GetParam().lower);
  EXPECT_EQ(shape.upper, GetParam().upper);
  EXPECT_EQ(shape.digit, GetParam().digit);
  EXPECT_EQ(shape.symbol, GetParam().symbol);
}
INSTANTIATE_TEST_SUITE_P(Crypto, LoginPasswordShape, ::testing::ValuesIn(kShapes),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace strongroom::crypto
