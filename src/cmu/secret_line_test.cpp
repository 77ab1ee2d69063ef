#include "cmu/secret_line.h"

#include <gtest/gtest.h>

namespace strongroom::cmu {
namespace {

struct Row {
  std::string name, typed, remembered;
};
class History : public ::testing::TestWithParam<Row> {};
TEST_P(History, HasNoPassword) { EXPECT_EQ(SecretLine(GetParam().typed).WithoutPassword(), GetParam().remembered); }
INSTANTIATE_TEST_SUITE_P(
    SecretLine, History,
    ::testing::Values(
        Row{"Login", "loginHSM CO admin Secret-1", "loginHSM CO admin -hpswd"},
        Row{"LoginShortened", "LOGINH CO admin Secret-1 more", "LOGINH CO admin -hpswd"},
        Row{"Create", "createUser CU alice Secret-1", "createUser CU alice -hpswd"},
        Row{"Change", " changePswd  CU alice Secret-1 ", "changePswd CU alice -hpswd"},
        Row{"Recover", "recoverCO admin challenge signature Secret-1", "recoverCO admin challenge signature -hpswd"},
        Row{"RecoverShortened", "r admin challenge signature Secret-1", "r admin challenge signature -hpswd"},
        Row{"RecoverAndAsk", "recoverCO admin challenge signature", "recoverCO admin challenge signature"},
        Row{"AmbiguousButPerhapsALogin", "l CO admin Secret-1", "l CO admin -hpswd"},
        Row{"NoPasswordInIt", "shareKey 5 4 1", "shareKey 5 4 1"}, Row{"Empty", "", ""}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace strongroom::cmu
