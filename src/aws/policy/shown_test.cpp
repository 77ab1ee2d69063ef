#include "aws/policy/shown.h"

#include <gtest/gtest.h>

namespace strongroom::aws::policy {
namespace {

const ports::PrincipalIds kIds{{"arn:aws:iam::111122223333:user/anna", "AIDAANNA"},
                               {"arn:aws:iam::111122223333:role/r", "AROAR"}};
constexpr std::string_view kAnna = R"("arn:aws:iam::111122223333:user/anna")";

struct Row {
  std::string name, text, want;
};

const Row kRows[] = {
    {"One", R"({"Statement":[{"Principal":{"AWS":ANNA},"Action":"*"}]})",
     R"({"Statement":[{"Principal":{"AWS":"AIDAANNA"},"Action":"*"}]})"},
    {"AmongOthersWhoAreThere",
     R"({"Statement":{"NotPrincipal":{"AWS":["arn:aws:iam::111122223333:role/r",ANNA,"*"]}}})",
     R"({"Statement":{"NotPrincipal":{"AWS":["arn:aws:iam::111122223333:role/r","AIDAANNA","*"]}}})"},
    {"NotInConditions", R"({"Statement":[{"Principal":"*","Condition":{"ArnEquals":{"aws:PrincipalArn":ANNA}}}]})",
     R"({"Statement":[{"Principal":"*","Condition":{"ArnEquals":{"aws:PrincipalArn":ANNA}}}]})"},
    {"NotOfServices", R"({"Statement":[{"Principal":{"Service":ANNA}}]})",
     R"({"Statement":[{"Principal":{"Service":ANNA}}]})"},
};

std::string Filled(std::string text) {
  for (auto at = text.find("ANNA"); at != std::string::npos; at = text.find("ANNA", at + 1))
    if (at < 4 || text.compare(at - 4, 4, "AIDA") != 0) text.replace(at, 4, kAnna);
  return text;
}

class ShownPolicyTable : public ::testing::TestWithParam<Row> {};
TEST_P(ShownPolicyTable, HasIdsOfWhoIsGone) {
  EXPECT_EQ(ShownPolicy(Filled(GetParam().text), kIds, {"arn:aws:iam::111122223333:user/anna"}),
            Filled(GetParam().want));
}
INSTANTIATE_TEST_SUITE_P(Policies, ShownPolicyTable, ::testing::ValuesIn(kRows),
                         [](const auto& tested) { return tested.param.name; });

TEST(ShownPolicy, KeepsItsFormWhereNobodyIsGone) {
  const std::string text = Filled("{ \"Statement\" : [ {\"Principal\": {\"AWS\": ANNA}} ] }\n");
  EXPECT_EQ(ShownPolicy(text, kIds, {}), text);
}

}  // namespace
}  // namespace strongroom::aws::policy
