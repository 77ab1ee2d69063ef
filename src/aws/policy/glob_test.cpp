#include "aws/policy/glob.h"

#include <gtest/gtest.h>

#include "aws/policy/template.h"

namespace strongroom::aws::policy {
namespace {

bool Matches(std::string_view pattern, std::string_view text) {
  Steps steps;
  return Matches(pattern, text, steps);
}
bool MatchesArn(std::string_view pattern, std::string_view text) {
  Steps steps;
  return MatchesArn(pattern, text, steps);
}
std::string Pattern(std::string_view text) { return Template(text, Wildcards::kYes, Variables::kNo).pattern(); }
std::string Resource(std::string_view text) {
  std::string pattern = Pattern(text);
  if (ConfineToSegments(pattern)) pattern.append(kMissingSegments, sizeof kMissingSegments);
  return pattern;
}

struct Row {
  std::string name, pattern, text;
  bool matches;
};
const Row kRows[] = {
    {"Same", "abc", "abc", true},
    {"Longer", "abc", "abcd", false},
    {"Empty", "", "", true},
    {"StarOfNothing", "*", "", true},
    {"StarAtTheEnd", "ab*", "abcd", true},
    {"StarAtTheStart", "*cd", "abcd", true},
    {"StarInTheMiddle", "a*d", "abcd", true},
    {"HeadAndTailDoNotOverlap", "ab*bc", "abc", false},
    {"ManyStars", "*a**b*c*", "xxaxxbxxc", true},
    {"OrderCounts", "*b*a*", "ab", false},
    {"PieceBeforeTheTail", "*ab*b", "xab", false},
    {"QuestionMark", "a?c", "abc", true},
    {"QuestionMarkOfNothing", "a?", "a", false},
    {"QuestionMarkIsOneCharacter", "a?c",
     "a\xc3\xa9"
     "c",
     true},
    {"TwoQuestionMarksAreTwoCharacters", "a??c",
     "a\xc3\xa9"
     "c",
     false},
    {"QuestionMarkOfFourBytes", "?", "\xf0\x9f\x94\x91", true},
    {"StarAndQuestionMark", "*?b", "aab", true},
    {"StarAndQuestionMarks", "*??", "a", false},
    {"QuestionMarkThenStar", "?*", "\xc3\xa9", true},
    {"BeyondOneWord", std::string(70, '?') + "*z", std::string(90, 'a') + "z", true},
    {"BeyondOneWordTooShort", std::string(70, '?') + "*z", std::string(69, 'a') + "z", false},
};
class Wildcard : public ::testing::TestWithParam<Row> {};
TEST_P(Wildcard, MatchesAsTheRowSays) {
  const std::string pattern = Pattern(GetParam().pattern);
  EXPECT_EQ(Matches(pattern, GetParam().text), GetParam().matches);
  Steps steps;
  EXPECT_EQ(Glob(pattern).Match(GetParam().text, steps), GetParam().matches);
}
INSTANTIATE_TEST_SUITE_P(Policy, Wildcard, ::testing::ValuesIn(kRows), [](const auto& row) { return row.param.name; });

const Row kResources[] = {
    {"Whole", "arn:aws:kms:eu:1:key/a", "arn:aws:kms:eu:1:key/a", true},
    {"AnyRegion", "arn:aws:kms:*:1:key/a", "arn:aws:kms:eu:1:key/a", true},
    {"RunAtASegmentsEndGoesOn", "arn:aws:kms:*:1:key/a", "arn:aws:kms:eu:2:1:key/a", true},
    {"RunWithinASegmentStays", "arn:aws:kms:e*u:1:key/a", "arn:aws:kms:ex:yu:1:key/a", false},
    {"RunWithinASegment", "arn:aws:kms:e*u:1:key/a", "arn:aws:kms:exxu:1:key/a", true},
    {"QuestionMarkIsNoColon", "arn:aws:kms:eu?1:key/a", "arn:aws:kms:eu:1:key/a", false},
    {"RunInTheResource", "arn:aws:kms:eu:1:k*a", "arn:aws:kms:eu:1:key:b/a", true},
    {"QuestionMarkInTheResource", "arn:aws:kms:eu:1:key?a", "arn:aws:kms:eu:1:key:a", true},
    {"MissingSegments", "arn:aws:kms", "arn:aws:kms:eu:1:key/a", true},
    {"MissingSegmentsOfAnother", "arn:aws:sqs", "arn:aws:kms:eu:1:key/a", false},
    {"Everything", "*", "arn:aws:kms:eu:1:key/a", true},
    {"NoResource", "*", "*", true},
    {"ArnIsNotTheStar", "arn:aws:kms:eu:1:key/*", "*", false},
};
class ResourceWildcard : public ::testing::TestWithParam<Row> {};
TEST_P(ResourceWildcard, MatchesAsTheRowSays) {
  EXPECT_EQ(Matches(Resource(GetParam().pattern), GetParam().text), GetParam().matches);
}
INSTANTIATE_TEST_SUITE_P(Policy, ResourceWildcard, ::testing::ValuesIn(kResources),
                         [](const auto& row) { return row.param.name; });

const Row kArns[] = {
    {"Whole", "arn:aws:iam::1:user/a", "arn:aws:iam::1:user/a", true},
    {"RunsStayInTheirSegments", "arn:aws:iam:*:user/a", "arn:aws:iam::1:user/a", false},
    {"RunInTheLast", "arn:aws:iam::1:*", "arn:aws:iam::1:user/a:b", true},
    {"EachByItself", "*:*:*:*:*:*", "arn:aws:iam::1:user/a", true},
    {"Missing", "arn:*", "arn:aws:iam::1:user/a", true},
    {"NoArn", "*", "user", false},
    {"Shorter", "arn:aws:iam::1:user/a", "arn:aws:iam::1", false},
};
class ArnWildcard : public ::testing::TestWithParam<Row> {};
TEST_P(ArnWildcard, MatchesAsTheRowSays) {
  EXPECT_EQ(MatchesArn(Pattern(GetParam().pattern), GetParam().text), GetParam().matches);
}
INSTANTIATE_TEST_SUITE_P(Policy, ArnWildcard, ::testing::ValuesIn(kArns),
                         [](const auto& row) { return row.param.name; });

std::string Repeat(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

TEST(Glob, RunsCostStepsInProportionToPatternAndText) {
  for (const std::size_t size : {1'000U, 10'000U, 100'000U}) {
    Steps steps;
    EXPECT_FALSE(Matches(Pattern(Repeat("*a", size / 2) + "b*"), std::string(size, 'a'), steps));
    EXPECT_LE(steps.taken(), 4 * size);
    steps = Steps();
    EXPECT_TRUE(Matches(Pattern(Repeat("*", size)), std::string(size, 'a'), steps));
    EXPECT_LE(steps.taken(), 4 * size);
    steps = Steps();
    EXPECT_FALSE(Matches(Pattern("*" + std::string(size / 2, 'a') + "b*"), std::string(size, 'a'), steps));
    EXPECT_LE(steps.taken(), 4 * size);
  }
}

TEST(Glob, QuestionMarksCostOneStepForEach64OfThem) {
  constexpr std::size_t kText = 8'192;
  Steps steps;
  EXPECT_FALSE(Matches(Pattern(Repeat("*?a", kText / 4) + "b"), std::string(kText, 'a'), steps));
  EXPECT_LE(steps.taken(), kText * (kText / 2 / 64 + 2));
  steps = Steps();
  EXPECT_FALSE(Matches(Pattern(Repeat("*?", 500'000)), "short", steps));
  EXPECT_LE(steps.taken(), 1'000'000U);  // a million wildcards are counted, and that is all
}

TEST(Glob, NothingMatchesOnceTheStepsAreUsedUp) {
  const std::string text(8'192, 'a');
  Steps steps(100'000);
  int matched = 0;
  while (Matches(Pattern(Repeat("*?a", 1'000) + "*"), text, steps)) ASSERT_LT(++matched, 10);
  EXPECT_TRUE(steps.exhausted());
  EXPECT_LE(steps.taken(), 110'000U);
  EXPECT_FALSE(Matches("a", "a", steps));
  EXPECT_FALSE(MatchesArn(Pattern("*"), "arn:aws:iam::1:user/a", steps));
}

TEST(Glob, AStarFromAVariableIsNoWildcard) {
  EXPECT_TRUE(Matches(Template("a${*}?", Wildcards::kYes, Variables::kYes).pattern(), "a*b"));
  EXPECT_FALSE(Matches(Template("a${*}?", Wildcards::kYes, Variables::kYes).pattern(), "axb"));
  EXPECT_TRUE(Matches(Template("${?}${$}${*}", Wildcards::kYes, Variables::kYes).pattern(), "?$*"));
  EXPECT_TRUE(Matches(Template("${*}", Wildcards::kYes, Variables::kNo).pattern(), "${xyz}"));
}

}  // namespace
}  // namespace strongroom::aws::policy
