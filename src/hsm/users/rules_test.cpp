#include "hsm/users/rules.h"

#include <gtest/gtest.h>

namespace strongroom::hsm {
namespace {

struct NameRow {
  std::string name, user_name;
  bool ok;
};
class UserNames : public ::testing::TestWithParam<NameRow> {};
TEST_P(UserNames, AreTakenAsTheRowSays) { EXPECT_EQ(CheckUserName(GetParam().user_name).ok(), GetParam().ok); }
INSTANTIATE_TEST_SUITE_P(
    Rules, UserNames,
    ::testing::Values(NameRow{"OneLetter", "a", true}, NameRow{"LettersDigitsUnderscore", "Kms_User9", true},
                      NameRow{"Longest", std::string(31, 'x'), true},
                      NameRow{"OneTooLong", std::string(32, 'x'), false}, NameRow{"Empty", "", false},
                      NameRow{"Colon", "a:b", false}, NameRow{"Space", "a b", false}, NameRow{"Dash", "a-b", false},
                      NameRow{"Utf8", "\xc3\xa4", false}, NameRow{"NulByte", std::string("a\0b", 3), false},
                      NameRow{"Newline", "a\n", false}),
    [](const auto& info) { return info.param.name; });

struct PasswordRow {
  std::string name, password;
  bool ok;
};
class Passwords : public ::testing::TestWithParam<PasswordRow> {};
TEST_P(Passwords, AreTakenAsTheRowSays) {
  auto password = SecretBuffer::CopyOf(AsBytes(GetParam().password));
  ASSERT_TRUE(password.ok());
  EXPECT_EQ(PasswordCheck::Rules(*password).ok(), GetParam().ok);
}
INSTANTIATE_TEST_SUITE_P(
    Rules, Passwords,
    ::testing::Values(PasswordRow{"Shortest", "1234567", true}, PasswordRow{"OneTooShort", "123456", false},
                      PasswordRow{"Longest", std::string(32, 'p'), true},
                      PasswordRow{"OneTooLong", std::string(33, 'p'), false}, PasswordRow{"Empty", "", false},
                      PasswordRow{"ColonAndSpace", "a:b c d~!", true}, PasswordRow{"Control", "abcdef\x07", false},
                      PasswordRow{"Utf8", "p\xc3\xa4ssword", false}, PasswordRow{"Delete", "abcdef\x7f", false}),
    [](const auto& info) { return info.param.name; });

TEST(UserNames, CaseDoesNotCount) {
  EXPECT_TRUE(SameUserName("Alice_1", "aLICE_1"));
  EXPECT_FALSE(SameUserName("alice", "alice1"));
  EXPECT_FALSE(SameUserName("@", "`"));  // 0x40 and 0x60: only letters fold
}

}  // namespace
}  // namespace strongroom::hsm
