// What a location lacks is found out before a backup needs it.
#include <gtest/gtest.h>

#include "archive/operations.h"
#include "aws_client/s3_store.h"
#include "aws_client/testing/fake_s3.h"
#include "aws_client/testing/made_aws.h"
#include "encryption_sdk/testing/fake_kms.h"

namespace strongroom::archive {
namespace {

using aws_client::testing_kit::FakeReply;
using aws_client::testing_kit::FakeRequest;
using aws_client::testing_kit::FakeS3;

struct DeniedRow {
  std::string name, method, in;  // of the requests that are denied
  std::vector<std::string> lacking;
};
class DeniedTable : public testing::TestWithParam<DeniedRow> {};
TEST_P(DeniedTable, IsFoundAndNamed) {
  FakeS3 s3;
  const auto kms = std::make_shared<encryption_sdk::testing::FakeSupplier>();
  Access access;
  access.location.url = "s3://backup/p";
  access.location.keys.kms_keys = {kms->AddKey("eu-central-1", "one")};
  access.kms = kms;
  auto store = aws_client::OpenS3Store(aws_client::testing_kit::MadeAws(), access.location.url, s3.Url());
  ASSERT_TRUE(store.ok());
  access.store = *std::move(store);
  s3.fault = [](const FakeRequest& request) -> std::optional<FakeReply> {
    if (request.method != GetParam().method || request.query.find(GetParam().in) == std::string::npos)
      return std::nullopt;
    return FakeS3::Refuse(403, "AccessDenied");
  };
  std::vector<std::string> lacking;
  for (const Check& check : TestLocation(access)) {
    if (check.error.empty()) continue;
    EXPECT_EQ(check.code, Errc::kAccessDenied) << check.error;
    lacking.push_back(check.what.substr(0, check.what.find(" on ")));
  }
  EXPECT_EQ(lacking, GetParam().lacking);
}
INSTANTIATE_TEST_SUITE_P(
    Requests, DeniedTable,
    testing::Values(DeniedRow{"Nothing", "NONE", "", {}},
                    DeniedRow{"Uploads", "POST", "uploads", {"s3:PutObject in parts", "s3:AbortMultipartUpload"}},
                    DeniedRow{"Parts", "PUT", "partNumber", {"s3:PutObject in parts"}},
                    DeniedRow{"Completing", "POST", "uploadId", {"s3:PutObject in parts"}},
                    DeniedRow{"Aborting", "DELETE", "uploadId", {"s3:AbortMultipartUpload"}},
                    DeniedRow{"ListingUploads", "GET", "uploads", {"s3:ListBucketMultipartUploads"}},
                    DeniedRow{"Deleting", "POST", "delete", {"s3:DeleteObject"}}),
    [](const auto& info) { return info.param.name; });

TEST(TestLocationTest, AServerThatIgnoresConditionsServesWithClaims) {
  FakeS3 s3;
  s3.ignores_conditions = true;
  const auto kms = std::make_shared<encryption_sdk::testing::FakeSupplier>();
  Access access;
  access.location.url = "s3://backup/p";
  access.location.keys.kms_keys = {kms->AddKey("eu-central-1", "one")};
  access.kms = kms;
  access.store = aws_client::OpenS3Store(aws_client::testing_kit::MadeAws(), access.location.url, s3.Url()).value();
  std::size_t by_claims = 0;
  for (const Check& check : TestLocation(access)) {
    EXPECT_EQ(check.error, "") << check.what;
    EXPECT_EQ(check.what.find("s3:PutObject with If-None-Match"), std::string::npos);
    by_claims += check.what.find("by claims") != std::string::npos;
  }
  EXPECT_EQ(by_claims, 1u);
  EXPECT_TRUE(s3.objects.empty());
}

}  // namespace
}  // namespace strongroom::archive
