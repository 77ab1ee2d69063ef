// Two machines send a snapshot of one name to a server that ignores If-None-Match.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>

#include "archive/operations.h"
#include "archive/publish_claim.h"
#include "archive/snapshot.h"
#include "archive/testing/watched_store.h"
#include "aws_client/directory_store.h"
#include "aws_client/s3_store.h"
#include "aws_client/testing/fake_s3.h"
#include "aws_client/testing/made_aws.h"
#include "base/testing/temporary_directory.h"
#include "encryption_sdk/testing/fake_kms.h"

namespace strongroom::archive {
namespace {

namespace esdk = encryption_sdk;
namespace fs = std::filesystem;

class TwoWritersTest : public testing::Test {
 protected:
  struct Writer {
    Access access;
    testing_kit::WatchedStore* store = nullptr;
    std::string source;
    fs::path state;
  };
  void SetUp() override {
    fs::create_directory(root_ / "store");
    key_ = kms_->AddKey("eu-central-1", "one");
  }

  Writer Make(const std::string& name) const {
    Writer writer;
    writer.access.location.name = "here";
    writer.access.location.id = std::string(32, 'a');
    writer.access.location.url = "s3://bucket";  // what is said of S3 goes for a directory that ignores conditions
    writer.access.location.keys.kms_keys = {key_};
    writer.access.kms = kms_;
    auto store = std::make_unique<testing_kit::WatchedStore>(
        aws_client::OpenDirectoryStore(root_ / "store", aws_client::DirectoryUse::kMustExist).value());
    store->ignores_conditions = true;
    writer.store = store.get();
    writer.access.store = std::move(store);
    writer.source = (root_ / name).string();
    writer.state = root_ / (name + "-state");
    std::ofstream(writer.source) << "of " << name;
    return writer;
  }
  /// Runs until data is to be sent; then waits for `go`. So the environment is each writer's own as long as it is read.
  std::future<Result<PutOutcome>> Start(Writer& writer, const std::string& snapshot,
                                        const std::shared_future<void>& go) {
    std::promise<void> arrived;
    auto there = arrived.get_future();
    ::setenv("XDG_STATE_HOME", writer.state.c_str(), 1);
    auto done = std::async(std::launch::async, [&writer, snapshot, go, arrived = std::move(arrived)]() mutable {
      const auto inner = writer.store->before;  // which it gets back
      writer.store->before = [&, first = true](std::string_view call, std::string_view name) mutable {
        if (call == "Put" && name.find("/data/") != std::string_view::npos && std::exchange(first, false)) {
          arrived.set_value();
          go.wait();
        }
        inner(call, name);
      };
      PutOptions options;
      options.source = writer.source;
      options.snapshot = snapshot;
      options.pack.uploads = 1;
      auto sent = Put(writer.access, options, {});
      writer.store->before = inner;
      return sent;
    });
    there.wait();
    return done;
  }
  /// The winner's, whole, with nothing of the other one beside it.
  void ExpectWhole(Writer& reader, const std::string& snapshot, const std::string& content) const {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const auto got = Get(reader.access, {.snapshot = snapshot, .path = content.substr(3), .output = pipe[1]}, {});
    ::close(pipe[1]);
    ASSERT_TRUE(got.ok()) << got.error();
    char text[64] = {};
    EXPECT_EQ(std::string(text, static_cast<std::size_t>(::read(pipe[0], text, sizeof text))), content);
    ::close(pipe[0]);
    const auto verified = Verify(reader.access, snapshot, false, {});
    ASSERT_TRUE(verified.ok()) << verified.error();
    EXPECT_EQ(verified->problems.count, 0u);
    EXPECT_TRUE(verified->unknown.empty()) << verified->unknown[0];
    EXPECT_FALSE(fs::exists(root_ / "store" / ClaimsOf(snapshot)));
  }

  const TemporaryDirectory directory_;
  const fs::path root_ = directory_.path();
  std::shared_ptr<esdk::testing::FakeSupplier> kms_ = std::make_shared<esdk::testing::FakeSupplier>();
  std::string key_;
};

TEST_F(TwoWritersTest, OneSnapshotWinsWholeAndTheOtherWriterIsTold) {
  for (int round = 0; round < 20; ++round) {
    const std::string snapshot = fmt::format("s{}", round);
    Writer a = Make("first"), b = Make("second");
    std::promise<void> both;
    const std::shared_future<void> go = both.get_future().share();
    auto one = Start(a, snapshot, go);
    auto two = Start(b, snapshot, go);
    both.set_value();
    const auto x = one.get();
    const auto y = two.get();
    ASSERT_NE(x.ok(), y.ok()) << snapshot;
    const Error& lost = x.ok() ? y.error() : x.error();
    EXPECT_EQ(lost.code(), Errc::kAlreadyExists) << lost;
    ExpectWhole(a, snapshot, x.ok() ? "of first" : "of second");
  }
}

TEST_F(TwoWritersTest, AClaimIsNotNeededWhereTheServerKnowsTheCondition) {
  Writer writer = Make("first");
  PublishClaim claim(*writer.access.store, "claims/", std::string(32, '1'));
  EXPECT_FALSE(claim.ServerRefusesSecond().value());
  writer.store->ignores_conditions = false;
  EXPECT_TRUE(claim.ServerRefusesSecond().value());
  EXPECT_TRUE(writer.access.store->List("claims/", "", 10)->objects.empty());
}

struct ServerRow {
  std::string name;
  bool knows, ignores, refuses;
};
class ServersTable : public testing::TestWithParam<ServerRow> {};
TEST_P(ServersTable, ClaimsAreForThoseThatDoNotRefuseASecond) {
  aws_client::testing_kit::FakeS3 s3;
  s3.knows_conditions = GetParam().knows;
  s3.ignores_conditions = GetParam().ignores;
  const auto store = aws_client::OpenS3Store(aws_client::testing_kit::MadeAws(), "s3://backup/p", s3.Url()).value();
  PublishClaim claim(*store, "claims/", std::string(32, '1'));
  EXPECT_EQ(claim.ServerRefusesSecond().value(), GetParam().refuses);
  EXPECT_TRUE(s3.objects.empty());
}
INSTANTIATE_TEST_SUITE_P(Servers, ServersTable,
                         testing::Values(ServerRow{"Refuses", true, false, true},
                                         ServerRow{"KnowsNoCondition", false, false, false},
                                         ServerRow{"IgnoresIt", true, true, false}),
                         [](const auto& info) { return info.param.name; });

TEST_F(TwoWritersTest, AClaimOfOnesOwnFromBeforeIsInNobodysWay) {
  Writer writer = Make("first");
  const std::string own(32, '1');
  ASSERT_TRUE(writer.access.store->Put("claims/" + own, AsBytes("x"), aws_client::PutIf::kAny).ok());
  {
    PublishClaim claim(*writer.access.store, "claims/", own);
    EXPECT_TRUE(claim.Take().ok());
  }
  EXPECT_TRUE(writer.access.store->List("claims/", "", 10)->objects.empty());
}

}  // namespace
}  // namespace strongroom::archive
