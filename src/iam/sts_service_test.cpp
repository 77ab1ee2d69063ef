#include "iam/sts_service.h"

#include <gmock/gmock.h>

#include "store/testing/engines.h"

namespace strongroom::iam {
namespace {
struct Who {
  std::string name;
  ports::Caller caller;
};
const Who kWho[] = {
    {"Root", {.account = "111122223333", .arn = "arn:aws:iam::111122223333:root", .principal_id = "111122223333"}},
    {"User",
     {.kind = ports::PrincipalKind::kUser,
      .account = "444455556666",
      .arn = "arn:aws:iam::444455556666:user/anna",
      .principal_id = "AIDAEXAMPLE",
      .user_name = "anna"}}};

class GetCallerIdentity : public ::testing::TestWithParam<Who> {};
TEST_P(GetCallerIdentity, SaysWhoSigned) {
  Sts sts;
  const aws::Service service = sts.Service();
  ASSERT_EQ(service.operations.size(), 1U);
  const aws::Operation& operation = *service.operations[0];
  EXPECT_EQ(operation.name(), "GetCallerIdentity");
  const boost::json::object body;
  aws::Call call{
      .caller = GetParam().caller, .region = "eu-west-1", .operation = "GetCallerIdentity", .body = aws::Fields(body)};
  auto reply = store::testing::RunToEnd(operation.handler(service.instance, call));
  ASSERT_TRUE(reply.ok()) << reply.error();
  std::vector<std::string> lines;
  for (const aws::Reply::Member& member : reply->members())
    lines.push_back(std::string(member.name) + "=" + std::get<std::string>(member.value));
  EXPECT_THAT(lines, ::testing::ElementsAre("Arn=" + GetParam().caller.arn, "UserId=" + GetParam().caller.principal_id,
                                            "Account=" + GetParam().caller.account));
}
INSTANTIATE_TEST_SUITE_P(Iam, GetCallerIdentity, ::testing::ValuesIn(kWho),
                         [](const auto& info) { return info.param.name; });

TEST(StsService, AnswersInItsOwnWords) {
  Sts sts;
  const aws::Service service = sts.Service();
  EXPECT_EQ((*service.errors)[std::size_t(Errc::kInvalidSignature)].type, "SignatureDoesNotMatch");
  EXPECT_EQ((*service.errors)[std::size_t(Errc::kUnrecognizedClient)].type, "InvalidClientTokenId");
  EXPECT_EQ((*service.errors)[std::size_t(Errc::kClusterInUse)].type, "InternalFailure");
  EXPECT_EQ((*service.errors)[std::size_t(Errc::kClusterInUse)].http_status, 500U);
}
}  // namespace
}  // namespace strongroom::iam
