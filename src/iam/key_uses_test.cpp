#include "iam/key_uses.h"

#include <gtest/gtest.h>

#include "iam/names.h"
#include "iam/testing/iam_service.h"

namespace strongroom::iam {
namespace {
using testing::IamTest;

class KeyUsesTest : public IamTest {
 protected:
  void Use(KeyUses& uses, const std::string& key_id, ports::WallTime time, std::string_view region = "eu-west-1") {
    ports::Caller caller = root_;
    caller.access_key_id = key_id;
    const boost::json::object body;
    const aws::Call call{.caller = caller, .region = region, .time = time, .body = aws::Fields(body)};
    uses.Note(call, "kms");
  }
  boost::json::value LastUsed(const std::string& key_id) {
    return Do("GetAccessKeyLastUsed", R"({"AccessKeyId":")" + key_id + "\"}").at("AccessKeyLastUsed");
  }
  Loop loop_;
};
INSTANTIATE_TEST_SUITE_P(Iam, KeyUsesTest, store::testing::BothEngines(), store::testing::EngineName);

TEST_P(KeyUsesTest, TheNewestUseIsKept) {
  const std::string id(Do("CreateAccessKey", "{}").at("AccessKey").at("AccessKeyId").as_string());
  KeyUses uses(loop_, *database_);
  const ports::WallTime noon = WallTimeOf(1'800'000'000'000);
  Use(uses, id, noon);
  Use(uses, id, noon + std::chrono::minutes(5), "us-east-1");
  Use(uses, "ASIATEMPORARYTEMPORA", noon + std::chrono::minutes(7));
  ASSERT_TRUE(uses.Write().ok());
  Use(uses, id, noon + std::chrono::minutes(2));  // another front end's clock
  ASSERT_TRUE(uses.Write().ok());
  const auto used = LastUsed(id);
  EXPECT_EQ(used.at("Region").as_string(), "us-east-1");
  EXPECT_EQ(used.at("ServiceName").as_string(), "kms");
  EXPECT_EQ(used.at("LastUsedDate").to_number<double>(), 1'800'000'300.0);
}

TEST_P(KeyUsesTest, StoppingWritesWhatIsLeft) {
  const std::string id(Do("CreateAccessKey", "{}").at("AccessKey").at("AccessKeyId").as_string());
  KeyUses uses(loop_, *database_);
  uses.Start();
  Use(uses, id, WallTimeOf(1'800'000'000'000));
  uses.Stop();
  loop_.run();
  EXPECT_EQ(LastUsed(id).at("Region").as_string(), "eu-west-1");
}
}  // namespace
}  // namespace strongroom::iam
