#include <gtest/gtest.h>

#include "encryption_sdk/given_keyring.h"
#include "encryption_sdk/testing/messages.h"

namespace strongroom::encryption_sdk {
namespace {

using testing::Said;

TEST(Context, IsSortedByBytes) {
  const EncryptionContext context{{"a", "2"}, {"\U0001f600", "5"}, {"Zeta", "1"}, {"\uff5e", "4"}, {"\u00e9", "3"}};
  const Bytes text = Serialize(context).value();
  EXPECT_EQ(Hex(text), "000500045a6574610001310001610001320002c3a90001330003efbd9e0001340004f09f9880000135");
  EXPECT_EQ(ParseContext(text).value(), context);
}

TEST(Context, EmptyIsNoBytes) { EXPECT_TRUE(Serialize(EncryptionContext()).value().empty()); }

TEST(Context, MayHave65535Bytes) {
  const std::size_t room = 65535 - 2 - 4 - 1;
  EXPECT_EQ(Serialize({{"k", std::string(room, 'x')}})->size(), 65535u);
  EXPECT_EQ(Said(Serialize({{"k", std::string(room + 1, 'x')}})), "LimitExceeded");
  EXPECT_EQ(Said(EncryptMessage(*testing::WrappingCmm(), {{"k", std::string(room + 1, 'x')}}, {})), "LimitExceeded");
  EXPECT_EQ(Said(EncryptMessage(*testing::WrappingCmm(), {{"k", "\xff"}}, {})), "InvalidArgument");
}

struct Utf8Row {
  std::string name, text;
  bool good;
};
class Utf8 : public ::testing::TestWithParam<Utf8Row> {};
TEST_P(Utf8, IsToldApart) { EXPECT_EQ(IsUtf8(GetParam().text), GetParam().good); }
INSTANTIATE_TEST_SUITE_P(
    EncryptionSdk, Utf8,
    ::testing::Values(Utf8Row{"Empty", "", true}, Utf8Row{"Ascii", "abc", true}, Utf8Row{"TwoBytes", "\xc2\x80", true},
                      Utf8Row{"LastOfThree", "\xef\xbf\xbf", true}, Utf8Row{"LastOfAll", "\xf4\x8f\xbf\xbf", true},
                      Utf8Row{"BeforeSurrogates", "\xed\x9f\xbf", true}, Utf8Row{"OverlongTwo", "\xc1\xbf", false},
                      Utf8Row{"OverlongThree", "\xe0\x9f\xbf", false},
                      Utf8Row{"OverlongFour", "\xf0\x8f\xbf\xbf", false}, Utf8Row{"Surrogate", "\xed\xa0\x80", false},
                      Utf8Row{"TooLarge", "\xf4\x90\x80\x80", false}, Utf8Row{"Continuation", "\x80", false},
                      Utf8Row{"CutShort", "a\xe2\x82", false}, Utf8Row{"BrokenOff", "\xe2\x82q", false}),
    [](const auto& info) { return info.param.name; });

struct ReproducedRow {
  std::string name;
  EncryptionContext reproduced;
  std::string want;
};
class Reproduced : public ::testing::TestWithParam<ReproducedRow> {};
TEST_P(Reproduced, IsCompared) {
  const Bytes message = testing::Write(SuiteId::k256Commit, 16, 20, {{"a", "b"}, {"c", "d"}}).message;
  DecryptOptions options = testing::ReadsAll();
  options.reproduced = GetParam().reproduced;
  EXPECT_EQ(Said(DecryptMessage(*testing::WrappingCmm(), message, options)), GetParam().want);
}
INSTANTIATE_TEST_SUITE_P(EncryptionSdk, Reproduced,
                         ::testing::Values(ReproducedRow{"Equal", {{"a", "b"}, {"c", "d"}}, ""},
                                           ReproducedRow{"Subset", {{"a", "b"}}, ""},
                                           ReproducedRow{"OtherValue", {{"a", "x"}}, "ContextMismatch"},
                                           ReproducedRow{"OneEntryMore", {{"a", "b"}, {"z", "z"}}, "NoDataKey"}),
                         [](const auto& info) { return info.param.name; });

TEST(RequiredContext, IsLeftOutAndMustBeReproduced) {
  for (const SuiteId suite : {SuiteId::k256Commit, SuiteId::k256CommitP384}) {
    const CmmPtr cmm = MakeRequiredContextCmm(testing::WrappingCmm(), {"tenant"}).value();
    const EncryptionContext whole{{"a", "b"}, {"tenant", "seven"}};
    EXPECT_EQ(Said(EncryptMessage(*cmm, {{"a", "b"}}, testing::TextOf(20))), "InvalidArgument");
    const auto made = EncryptMessage(*cmm, whole, testing::TextOf(20), {.suite = suite});
    ASSERT_TRUE(made.ok()) << made.error();
    EXPECT_FALSE(PeekHeader(made->message)->context.contains("tenant"));
    EXPECT_TRUE(PeekHeader(made->message)->context.contains("a"));

    DecryptOptions options;
    EXPECT_EQ(Said(DecryptMessage(*cmm, made->message, options)), "InvalidArgument");
    EXPECT_EQ(Said(DecryptMessage(*testing::WrappingCmm(), made->message, options)), "NoDataKey");
    options.reproduced = {{"tenant", "eight"}};
    EXPECT_EQ(Said(DecryptMessage(*cmm, made->message, options)), "NoDataKey");
    options.reproduced = {{"tenant", "seven"}};
    EXPECT_EQ(Said(DecryptMessage(*cmm, made->message, options)), "");
    EXPECT_EQ(Said(DecryptMessage(*testing::WrappingCmm(), made->message, options)), "");
  }
}

TEST(ReproducedContext, WhereTheWrappingDoesNotBindTheContextTheHeadersTagDoes) {
  const Bytes message = testing::Write(SuiteId::k256Commit, 16, 20).message;
  auto opened = OpenHeader(*testing::WrappingCmm(), message).value();
  GivenDataKeys keys;
  keys.emplace(DigestOf(opened.header.encrypted_data_keys).value(), std::move(opened.materials.data_key));
  const CmmPtr cmm = MakeDefaultCmm(MakeGivenDataKeyKeyring(std::move(keys)));
  DecryptOptions options;
  options.reproduced = {{"a", "b"}};
  EXPECT_EQ(Said(DecryptMessage(*cmm, message, options)), "");
  options.reproduced = {{"z", "z"}};
  EXPECT_EQ(Said(DecryptMessage(*cmm, message, options)), "HeaderAuthenticationFailed");
}

TEST(RequiredContext, NamesAreChecked) {
  EXPECT_EQ(Said(MakeRequiredContextCmm(testing::WrappingCmm(), {})), "InvalidArgument");
  EXPECT_EQ(Said(MakeRequiredContextCmm(testing::WrappingCmm(), {"a", "a"})), "InvalidArgument");
  EXPECT_EQ(Said(MakeRequiredContextCmm(testing::WrappingCmm(), {"aws-crypto-x"})), "InvalidArgument");
}

TEST(Context, ReservedNamesAreTheFormats) {
  EXPECT_EQ(Said(EncryptMessage(*testing::WrappingCmm(), {{"aws-crypto-public-key", "x"}}, {})), "ReservedContextKey");
  EXPECT_EQ(Said(EncryptMessage(*testing::WrappingCmm(), {{"aws-crypto-", "x"}}, {})), "ReservedContextKey");
  EXPECT_EQ(Said(EncryptMessage(*testing::WrappingCmm(), {{"aws-crypt", "x"}}, {})), "");
}

}  // namespace
}  // namespace strongroom::encryption_sdk
