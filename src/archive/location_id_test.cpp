// A disk or bucket that is not the location's is refused.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <tuple>

#include "archive/access.h"
#include "archive/testing/location_fixture.h"
#include "aws_client/s3_store.h"
#include "aws_client/testing/fake_s3.h"
#include "aws_client/testing/made_aws.h"

namespace strongroom::archive {
namespace {

class LocationIdTest : public testing_kit::LocationTest {
 protected:
  void ExpectConflict(const std::string& words) const {
    const Status checked = CheckLocationId(access_);
    ASSERT_FALSE(checked.ok());
    EXPECT_EQ(checked.error().code(), Errc::kConflict);
    for (const std::string& part : {access_.store->Description() + " is not location 'here' any more", words})
      EXPECT_NE(checked.error().public_message().find(part), std::string::npos) << checked.error();
  }
};

TEST_F(LocationIdTest, OfTheLocationItselfIsFine) {
  ASSERT_TRUE(WriteLocationId(*access_.store, access_.location.id).ok());
  const Status checked = CheckLocationId(access_);
  EXPECT_TRUE(checked.ok()) << checked.error();
}

TEST_F(LocationIdTest, MissingAsInAnEmptyMountPoint) {
  ExpectConflict("it has no id");
  EXPECT_TRUE(std::filesystem::is_empty(root_ / "store")) << "what is asked leaves nothing there";
}

TEST_F(LocationIdTest, OfAnotherLocation) {
  ASSERT_TRUE(WriteLocationId(*access_.store, std::string(32, 'b')).ok());
  ExpectConflict("it has another id");
}

TEST_F(LocationIdTest, DamageIsNoOtherLocation) {
  std::ofstream(root_ / "store" / kLocationObject) << "{}";
  EXPECT_EQ(CheckLocationId(access_).error().code(), Errc::kCorrupted);
}

TEST_F(LocationIdTest, AStoreThatIsAwayKeepsItsOwnError) {
  aws_client::testing_kit::FakeS3 s3;
  access_.location.url = "s3://backup/p";
  access_.store = aws_client::OpenS3Store(aws_client::testing_kit::MadeAws(), access_.location.url, s3.Url()).value();
  ExpectConflict("it has no id");
  for (const auto& [status, code, expected] :
       {std::tuple{404, "NoSuchBucket", Errc::kNotFound}, std::tuple{403, "AccessDenied", Errc::kAccessDenied}}) {
    s3.fault = [status = status, code = code](const aws_client::testing_kit::FakeRequest&) {
      return std::optional(aws_client::testing_kit::FakeS3::Refuse(status, code));
    };
    EXPECT_EQ(CheckLocationId(access_).error().code(), expected);
  }
  access_.store.reset();
}

}  // namespace
}  // namespace strongroom::archive
