// Kept data keys: none are replaced or taken for complete that would not open the snapshot.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "archive/data_keys.h"
#include "archive/operations.h"
#include "archive/snapshot.h"
#include "aws_client/directory_store.h"
#include "encryption_sdk/testing/fake_kms.h"

namespace strongroom::archive {
namespace {

namespace esdk = encryption_sdk;
namespace fs = std::filesystem;

class RekeyTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = "/tmp/strongroom-test-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
    ::setenv("XDG_STATE_HOME", (root_ / "state").c_str(), 1);
    std::ofstream(root_ / "file") << "content";
    fs::create_directory(root_ / "store");
    access_.location.name = "here";
    access_.location.id = std::string(32, 'a');
    access_.location.url = (root_ / "store").string();
    old_.kms_keys = {kms_->AddKey("eu-central-1", "one")};
    new_.kms_keys = {kms_->AddKey("eu-central-1", "two")};
    access_.location.keys = old_;
    access_.kms = kms_;
    access_.store = aws_client::OpenDirectoryStore(access_.location.url, aws_client::DirectoryUse::kMustExist).value();
    PutOptions options;
    options.source = (root_ / "file").string();
    options.snapshot = "one";
    const auto sent = Put(access_, options, {});
    ASSERT_TRUE(sent.ok()) << sent.error();
  }
  void TearDown() override { fs::remove_all(root_); }

  Result<RekeyOutcome> To(const WrappingKeys& keys) {
    return Rekey(access_, keys, LocationFile::At((root_ / "archive.json").string()).value(), {});
  }
  std::string Kept() const {
    std::ifstream in(root_ / "store" / KeysOf("one"), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  fs::path root_;
  std::shared_ptr<esdk::testing::FakeSupplier> kms_ = std::make_shared<esdk::testing::FakeSupplier>();
  WrappingKeys old_, new_;
  Access access_;
};

TEST_F(RekeyTest, KeptKeysThatLackOneAreMadeAnew) {
  const auto snapshot = OpenSnapshot(access_, "one");
  ASSERT_TRUE(snapshot.ok()) << snapshot.error();
  esdk::GivenDataKeys others;
  others.emplace(crypto::Sha256Digest{}, crypto::RandomSecret(32).value());
  ASSERT_TRUE(WriteDataKeys(access_, "one", others, access_.WritingKeyring(new_).value(), snapshot->expected).ok());
  const auto done = To(new_);
  ASSERT_TRUE(done.ok()) << done.error();
  EXPECT_EQ(done->done_before, 0u);
  EXPECT_EQ(access_.location.keys, new_);
  EXPECT_TRUE(OpenSnapshot(access_, "one").ok());
  const auto again = To(new_);
  ASSERT_TRUE(again.ok()) << again.error();
  EXPECT_EQ(again->done_before, 1u);
}

TEST_F(RekeyTest, WhatTheNewKeysDoNotOpenReplacesNothing) {
  ASSERT_TRUE(To(new_).ok());
  const std::string before = Kept();
  const auto snapshot = OpenSnapshot(access_, "one");
  ASSERT_TRUE(snapshot.ok()) << snapshot.error();
  esdk::GivenDataKeys keys;
  keys.emplace(crypto::Sha256Digest{}, crypto::RandomSecret(32).value());
  const auto written = WriteDataKeys(access_, "one", keys, access_.WritingKeyring(old_).value(), snapshot->expected,
                                     access_.KmsKeyring(new_.kms_keys).value());
  EXPECT_FALSE(written.ok());
  EXPECT_EQ(Kept(), before);
}

TEST_F(RekeyTest, AnotherTargetWaitsAndRelatedKeysAreRefused) {
  const std::string first = "arn:aws:kms:eu-central-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";
  WrappingKeys related{.kms_keys = {first, first}};
  related.kms_keys[1].replace(12, 12, "eu-central-2");
  const auto refused = To(related);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Errc::kInvalidArgument) << refused.error();
  EXPECT_FALSE(access_.location.next_keys.has_value());
  access_.location.next_keys = related;
  const auto waits = To(new_);
  ASSERT_FALSE(waits.ok());
  EXPECT_EQ(waits.error().code(), Errc::kConflict);
}

}  // namespace
}  // namespace strongroom::archive
