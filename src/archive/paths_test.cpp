#include "archive/paths.h"

#include <gtest/gtest.h>

namespace strongroom::archive {
namespace {

struct PathRow {
  std::string name, path;
  bool fine;
};
class PathTable : public testing::TestWithParam<PathRow> {};
TEST_P(PathTable, IsTakenOrRefused) { EXPECT_EQ(CheckEntryPath(GetParam().path).ok(), GetParam().fine); }
INSTANTIATE_TEST_SUITE_P(Paths, PathTable,
                         testing::Values(PathRow{"Root", "", true}, PathRow{"Plain", "a/b", true},
                                         PathRow{"AnyBytes", "\xff\x01 \n/\x80", true}, PathRow{"Dots", "...", true},
                                         PathRow{"DotInName", "a/.b", true}, PathRow{"Absolute", "/a", false},
                                         PathRow{"Parent", "..", false}, PathRow{"ParentInside", "a/../b", false},
                                         PathRow{"ParentLast", "a/..", false}, PathRow{"Self", "a/./b", false},
                                         PathRow{"Empty", "a//b", false}, PathRow{"SlashLast", "a/", false},
                                         PathRow{"Zero", std::string("a\0b", 3), false},
                                         PathRow{"LongestName", std::string(255, 'x'), true},
                                         PathRow{"LongerName", std::string(256, 'x'), false},
                                         PathRow{"TooLong", "a" + std::string(kLongestPath, '/'), false}),
                         [](const auto& info) { return info.param.name; });

struct OrderRow {
  std::string name, before, after;
};
class OrderTable : public testing::TestWithParam<OrderRow> {};
TEST_P(OrderTable, FirstComesBeforeSecond) {
  EXPECT_EQ(ComparePaths(GetParam().before, GetParam().after), std::strong_ordering::less);
  EXPECT_EQ(ComparePaths(GetParam().after, GetParam().before), std::strong_ordering::greater);
  EXPECT_EQ(ComparePaths(GetParam().after, GetParam().after), std::strong_ordering::equal);
}
INSTANTIATE_TEST_SUITE_P(Paths, OrderTable,
                         testing::Values(OrderRow{"RootIsFirst", "", "a"},
                                         OrderRow{"DirectoryBeforeContent", "a", "a/b"},
                                         OrderRow{"ContentBeforeDotName", "a/z", "a.b"},
                                         OrderRow{"ContentBeforeControlName", "a/z", "a\x01"},
                                         OrderRow{"BytesAreUnsigned", "a\x7f", "a\x80"}),
                         [](const auto& info) { return info.param.name; });

struct TypedRow {
  std::string name, typed, meant;
};
class TypedTable : public testing::TestWithParam<TypedRow> {};
TEST_P(TypedTable, IsWhatIsMeant) { EXPECT_EQ(AsTyped(GetParam().typed), GetParam().meant); }
INSTANTIATE_TEST_SUITE_P(Paths, TypedTable,
                         testing::Values(TypedRow{"Plain", "a/b", "a/b"}, TypedRow{"Directory", "a/b/", "a/b"},
                                         TypedRow{"ManySlashes", "a//", "a"}, TypedRow{"Here", "./a", "a"},
                                         TypedRow{"HereTwice", ".//./a", "a"}, TypedRow{"TheSource", ".", ""},
                                         TypedRow{"TheSourceAsDirectory", "./", ""}, TypedRow{"DotName", ".a/", ".a"},
                                         TypedRow{"Slash", "/", "/"}, TypedRow{"Nothing", "", ""}),
                         [](const auto& info) { return info.param.name; });

TEST(Paths, WithinIsByNamesAndNotByLetters) {
  EXPECT_TRUE(IsWithin("a/b", "a"));
  EXPECT_TRUE(IsWithin("a", "a"));
  EXPECT_TRUE(IsWithin("a", ""));
  EXPECT_FALSE(IsWithin("ab", "a"));
  EXPECT_FALSE(IsWithin("a", "a/b"));
}

TEST(Paths, TextsShowWhatNoTerminalAndNoJsonTakes) {
  EXPECT_EQ(Printable("a\x1b[31m\\\xff\xc3\xa9"), "a\\x1b[31m\\x5c\\xff\xc3\xa9");
  EXPECT_EQ(Printable("\xc2\x9b"), "\\xc2\\x9b");  // a C1 control, which terminals obey
  EXPECT_EQ(PercentText("100%\n\xed\xa0\x80"), "100%25%0A%ED%A0%80");
  EXPECT_EQ(ContextPath("/home/\xc3\xa9"), "/home/\xc3\xa9");
  const std::string cut = ContextPath(std::string("\xc3\xa9") + std::string(1023, 'x'));
  EXPECT_EQ(cut, std::string(1023, 'x'));  // no half character
}

struct NameRow {
  std::string name, text;
  bool fine;
};
class NameTable : public testing::TestWithParam<NameRow> {};
TEST_P(NameTable, IsTakenOrRefused) { EXPECT_EQ(CheckName("snapshot", GetParam().text).ok(), GetParam().fine); }
INSTANTIATE_TEST_SUITE_P(Names, NameTable,
                         testing::Values(NameRow{"Plain", "daily-2026.03_01", true}, NameRow{"Empty", "", false},
                                         NameRow{"Dot", ".x", false}, NameRow{"Slash", "a/b", false},
                                         NameRow{"Longest", std::string(128, 'a'), true},
                                         NameRow{"Longer", std::string(129, 'a'), false},
                                         NameRow{"Utf8", "\xc3\xa9", false}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace strongroom::archive
