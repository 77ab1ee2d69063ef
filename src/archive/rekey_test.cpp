// Kept data keys: none are replaced or taken for complete that would not open the snapshot.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "archive/data_keys.h"
#include "archive/location_keys.h"
#include "archive/operations.h"
#include "archive/snapshot.h"
#include "archive/testing/location_fixture.h"

namespace strongroom::archive {
namespace {

namespace esdk = encryption_sdk;
namespace fs = std::filesystem;

class RekeyTest : public testing_kit::LocationTest {
 protected:
  void SetUp() override {
    std::ofstream(root_ / "file") << "content";
    new_.kms_keys = {kms_->AddKey("eu-central-1", "two")};
    Send("one", "file");
  }

  Result<RekeyOutcome> To(const WrappingKeys& keys) {
    return Rekey(access_, keys, LocationFile::At((root_ / "archive.json").string()).value(), {});
  }
  std::string Kept() const {
    std::ifstream in(root_ / "store" / KeysOf("one"), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  const WrappingKeys old_ = access_.location.keys;
  WrappingKeys new_;
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

TEST_F(RekeyTest, AMachineThatMissedARekeyIsToldAndTakesItOver) {
  Access other;
  other.location = access_.location;
  other.kms = kms_;
  other.store = aws_client::OpenDirectoryStore(access_.location.url, aws_client::DirectoryUse::kMustExist).value();
  const auto put = [&](Access& access, const std::string& snapshot) {
    PutOptions options;
    options.source = (root_ / "file").string();
    options.snapshot = snapshot;
    return Put(access, options, {});
  };
  ASSERT_TRUE(put(other, "before").ok());
  ASSERT_TRUE(To(new_).ok());
  const auto refused = put(other, "after");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Errc::kConflict);
  EXPECT_NE(refused.error().public_message().find("archive rekey here --kms-key-id"), std::string::npos)
      << refused.error();
  EXPECT_FALSE(fs::exists(root_ / "store" / PrefixOf("after")));
  // Nor does it make the keys others again, or find its own keys in order.
  const auto file = LocationFile::At((root_ / "other.json").string()).value();
  const WrappingKeys third{.kms_keys = {kms_->AddKey("eu-central-1", "three")}};
  EXPECT_EQ(Rekey(other, third, file, {}).error().code(), Errc::kConflict);
  const auto checks = TestLocation(other);
  EXPECT_EQ(checks.back().what, "the location's wrapping keys");
  EXPECT_EQ(checks.back().code, Errc::kConflict);
  // What is there can still be read, and the same rekey here takes the keys over.
  EXPECT_TRUE(OpenSnapshot(other, "one").ok());
  const auto taken = Rekey(other, new_, file, {});
  ASSERT_TRUE(taken.ok()) << taken.error();
  EXPECT_EQ(taken->done_before, 2u);
  const auto sent = put(other, "after");
  EXPECT_TRUE(sent.ok()) << sent.error();
  EXPECT_TRUE(put(access_, "later").ok());
}

TEST_F(RekeyTest, KeysThatComeToOrGoFromTheOldOnesAreNamedToWhoHasThose) {
  Access other;
  other.location = access_.location;
  other.kms = kms_;
  other.store = aws_client::OpenDirectoryStore(access_.location.url, aws_client::DirectoryUse::kMustExist).value();
  WrappingKeys both = old_;
  both.kms_keys.push_back(new_.kms_keys[0]);
  ASSERT_TRUE(To(both).ok());
  PutOptions options;
  options.source = (root_ / "file").string();
  options.snapshot = "after";
  const auto refused = Put(other, options, {});
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().public_message().find(new_.kms_keys[0]), std::string::npos) << refused.error();
  // What nothing proves is not passed on.
  other.location.keys = {.kms_keys = {kms_->AddKey("eu-central-1", "three")}};
  const auto blind = Put(other, options, {});
  ASSERT_FALSE(blind.ok());
  EXPECT_EQ(blind.error().public_message().find(new_.kms_keys[0]), std::string::npos) << blind.error();
}

TEST_F(RekeyTest, AnAlteredWordOfItIsSaidAndWrittenAnew) {
  ASSERT_TRUE(To(new_).ok());
  for (const char* text : {"", "anything"}) {
    ASSERT_TRUE(access_.store->Put("strongroom-archive-keys", AsBytes(text), aws_client::PutIf::kAny).ok());
    PutOptions options;
    options.source = (root_ / "file").string();
    options.snapshot = "after";
    const auto refused = Put(access_, options, {});
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code(), Errc::kCorrupted);
    ASSERT_TRUE(To(new_).ok());
  }
}

TEST_F(RekeyTest, AnUnfinishedSnapshotIsNamed) {
  ASSERT_TRUE(
      access_.store->Put(DataPrefixOf("half") + std::string(32, '0'), AsBytes("x"), aws_client::PutIf::kAny).ok());
  const auto done = To(new_);
  ASSERT_TRUE(done.ok()) << done.error();
  EXPECT_EQ(done->unfinished, std::vector<std::string>{"half"});
  EXPECT_EQ(done->snapshots, 1u);
}

TEST_F(RekeyTest, AfterTheSwitchItGoesOnToTheNewKeysOrBack) {
  const WrappingKeys third{.kms_keys = {kms_->AddKey("eu-central-1", "three")}};
  for (const bool back : {false, true}) {
    ASSERT_TRUE(To(old_).ok());
    access_.location.keys = new_;
    access_.location.previous_keys = old_;
    const auto waits = To(third);
    ASSERT_FALSE(waits.ok());
    EXPECT_EQ(waits.error().code(), Errc::kConflict);
    EXPECT_NE(waits.error().public_message().find(new_.kms_keys[0]), std::string::npos) << waits.error();
    EXPECT_EQ(waits.error().public_message().find(old_.kms_keys[0]), std::string::npos) << waits.error();
    const auto done = To(back ? old_ : new_);
    ASSERT_TRUE(done.ok()) << done.error();
    EXPECT_EQ(access_.location.keys, back ? old_ : new_);
    EXPECT_FALSE(access_.location.rekey_unfinished());
    EXPECT_TRUE(OpenSnapshot(access_, "one").ok());
  }
}

TEST_F(RekeyTest, WhatItCannotLeaveForOtherMachinesIsDoneTheNextTime) {
  const fs::path word = root_ / "store" / kKeysObject;
  fs::create_directory(word);
  std::ofstream(word / "in-the-way") << "x";
  const auto failed = To(new_);
  ASSERT_FALSE(failed.ok());
  EXPECT_NE(failed.error().public_message().find("say the same again"), std::string::npos) << failed.error();
  EXPECT_EQ(access_.location.keys, new_);
  EXPECT_EQ(access_.location.previous_keys, old_);
  const auto kept = LocationFile::At((root_ / "archive.json").string()).value().Find(access_.location.name);
  ASSERT_TRUE(kept.ok()) << kept.error();
  EXPECT_EQ(kept->keys, new_);
  EXPECT_EQ(kept->previous_keys, old_);
  fs::remove_all(word);
  access_.location = *kept;
  ASSERT_TRUE(To(new_).ok());
  EXPECT_FALSE(access_.location.rekey_unfinished());
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
