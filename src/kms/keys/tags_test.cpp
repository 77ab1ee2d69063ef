#include "kms/keys/tags.h"

#include <gtest/gtest.h>

namespace strongroom::kms {
namespace {

struct Row {
  std::string name, text;
  bool good;
};
const Row kRows[] = {
    {"AsciiLettersAndDigits", "Team 7", true},
    {"Signs", "_./=+-:@", true},
    {"Umlaut", "K\u00fche", true},
    {"Cyrillic", "\u043a\u043b\u044e\u0447", true},
    {"Japanese", "\u9375\u3000\u30ad\u30fc", true},
    {"ArabicDigits", "\u0661\u0662", true},
    {"LettersBeyondTheFirstPlane", "\U00020000\U0001d7d8", true},
    {"AsciiSign", "a<b", false},
    {"Tab", "a\tb", false},
    {"Delete", "a\u007f", false},
    {"NextLine", "a\u0085b", false},
    {"LastC1Control", "\u009f", false},
    {"Emoji", "\U0001f511", false},
    {"Currency", "5 \u20ac", false},
    {"Quote", "\u00ab", false},
    {"ZeroWidthSpace", "a\u200bb", false},
    {"RightToLeftOverride", "\u202eabc", false},
    {"ByteOrderMark", "\ufeffa", false},
    {"LineSeparator", "a\u2028b", false},
    {"ParagraphSeparator", "a\u2029b", false},
    {"PrivateUse", "\ue000", false},
    {"PrivateUseOfTheLastPlane", "\U0010fffd", false},
    {"Noncharacter", "\ufffe", false},
    {"NoncharacterInside", "\ufdd0", false},
    {"Unassigned", "\U000e0fff", false},
};
class TagCharacters : public ::testing::TestWithParam<Row> {};
TEST_P(TagCharacters, AreTakenInKeysAndValuesOrInNeither) {
  const Row& row = GetParam();
  const std::vector<Tag> as_key{{row.text, ""}}, as_value{{"key", row.text}};
  for (const std::vector<Tag>& tags : {as_key, as_value}) {
    const Status checked = CheckTags(tags);
    EXPECT_EQ(checked.ok(), row.good);
    if (checked.ok()) continue;
    EXPECT_EQ(checked.error().code(), Errc::kTag);
    EXPECT_EQ(checked.error().public_message(),
              "Tags can hold letters, digits, spaces and the characters _ . / = + - : @ only");
  }
}
INSTANTIATE_TEST_SUITE_P(Keys, TagCharacters, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace strongroom::kms
