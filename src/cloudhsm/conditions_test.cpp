// The condition keys of CloudHSM's operations, as real identity policies decide by them.
#include "cloudhsm/conditions.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "cloudhsm/ops/all.h"
#include "cloudhsm/testing/world.h"

namespace strongroom::cloudhsm {
namespace {
namespace json = boost::json;
using testing::World;

std::string May(const std::string& action, const std::string& resource, const std::string& condition) {
  return R"({"Effect":"Allow","Action":")" + action + R"(","Resource":")" + resource + R"(","Condition":)" +
         (condition.empty() ? "{}" : condition) + "}";
}
const std::string kRed = R"({"StringEquals":{"aws:RequestTag/Team":"red"}})";
const std::string kOnRed = R"({"StringEquals":{"aws:ResourceTag/team":"red"}})";
const std::string kOnlyTeam = R"({"ForAllValues:StringEquals":{"aws:TagKeys":"Team"},"Null":{"aws:TagKeys":"false"}})";
const std::string kClusters = "arn:aws:cloudhsm:us-east-1:111122223333:cluster/*";
const std::string kTagRed = R"("TagList":[{"Key":"Team","Value":"red"}])";
const std::string kTagBlue = R"("TagList":[{"Key":"Team","Value":"blue"}])";
const std::string kCreate = R"({"HsmType":"hsm1.medium","SubnetIds":["subnet-0a0a0a0a"])";

/// A cluster with tag Team=red stands for RED, one without for PLAIN.
struct Row {
  std::string name, statements, operation, body;
  bool allowed;
};
const Row kRows[] = {
    {"CreateWithTheTag", May("cloudhsm:*", "*", kRed), "CreateCluster", kCreate + "," + kTagRed + "}", true},
    {"CreateWithAnother", May("cloudhsm:*", "*", kRed), "CreateCluster", kCreate + "," + kTagBlue + "}", false},
    {"CreateWithout", May("cloudhsm:*", "*", kRed), "CreateCluster", kCreate + "}", false},
    {"CreateWithTagsNeedsTagResource", May("cloudhsm:CreateCluster", "*", ""), "CreateCluster",
     kCreate + "," + kTagRed + "}", false},
    {"CreateWithoutTagsDoesNot", May("cloudhsm:CreateCluster", "*", ""), "CreateCluster", kCreate + "}", true},
    {"CreateWithTagsAndTagResource",
     May("cloudhsm:CreateCluster", "*", "") + "," + May("cloudhsm:TagResource", kClusters, kRed), "CreateCluster",
     kCreate + "," + kTagRed + "}", true},
    {"TagWithTheTag", May("cloudhsm:TagResource", "*", kRed), "TagResource",
     R"({"ResourceId":"PLAIN",)" + kTagRed + "}", true},
    {"TagWithAnother", May("cloudhsm:TagResource", "*", kRed), "TagResource",
     R"({"ResourceId":"PLAIN",)" + kTagBlue + "}", false},
    {"TagOnlyThatKey", May("cloudhsm:TagResource", "*", kOnlyTeam), "TagResource",
     R"({"ResourceId":"PLAIN","TagList":[{"Key":"Team","Value":"x"},{"Key":"Other","Value":"y"}]})", false},
    {"UntagThatKey", May("cloudhsm:UntagResource", "*", kOnlyTeam), "UntagResource",
     R"({"ResourceId":"RED","TagKeyList":["Team"]})", true},
    {"UntagAnother", May("cloudhsm:UntagResource", "*", kOnlyTeam), "UntagResource",
     R"({"ResourceId":"RED","TagKeyList":["Other"]})", false},
    {"OfATaggedResource", May("cloudhsm:*", kClusters, kOnRed), "ListTags", R"({"ResourceId":"RED"})", true},
    {"OfOneThatIsNot", May("cloudhsm:*", kClusters, kOnRed), "ListTags", R"({"ResourceId":"PLAIN"})", false},
    {"DeleteOfATaggedResource", May("cloudhsm:*", kClusters, kOnRed), "DeleteCluster", R"({"ClusterId":"RED"})", true},
    {"DeleteOfOneThatIsNot", May("cloudhsm:*", kClusters, kOnRed), "DeleteCluster", R"({"ClusterId":"PLAIN"})", false},
    {"NoResourceHasNoTags", May("cloudhsm:*", "*", kOnRed), "DescribeClusters", "{}", false},
    {"NothingElseIsAKey", May("cloudhsm:*", "*", R"({"StringLike":{"cloudhsm:anything":"*"}})"), "DescribeClusters",
     "{}", false},
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class CloudHsmConditions : public ::testing::TestWithParam<Row> {};
TEST_P(CloudHsmConditions, DecideAsTheRowSays) {
  World world;
  const std::string plain = world.NewCluster(R"(["subnet-0b0b0b0b"])"),
                    red = world.NewCluster(R"(["subnet-0c0c0c0c"])");
  ASSERT_TRUE(world.Call("TagResource", R"({"ResourceId":")" + red + R"(",)" + kTagRed + "}").ok());
  std::string body = GetParam().body;
  for (const auto& [word, id] : {std::pair<std::string, std::string>{"PLAIN", plain}, {"RED", red}})
    if (const std::size_t at = body.find('"' + word + '"'); at != std::string::npos)
      body.replace(at + 1, word.size(), id);
  ports::PrincipalPolicies policies;
  auto compiled = world.authorizer.Compile(ports::PolicyKind::kIdentity,
                                           R"({"Version":"2012-10-17","Statement":[)" + GetParam().statements + "]}");
  ASSERT_TRUE(compiled.ok()) << compiled.error();
  policies.identity.push_back({"alice", *compiled});
  world.alice = std::make_shared<const ports::PrincipalPolicies>(std::move(policies));
  const auto answer = world.Call(GetParam().operation, body);
  EXPECT_EQ(answer.error_type != "CloudHsmAccessDeniedException", GetParam().allowed) << answer.message;
  if (GetParam().allowed) {
    EXPECT_TRUE(answer.ok()) << answer.message;
  }
}
INSTANTIATE_TEST_SUITE_P(CloudHsm, CloudHsmConditions, ::testing::ValuesIn(kRows),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace strongroom::cloudhsm
