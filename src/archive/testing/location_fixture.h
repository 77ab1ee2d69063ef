#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "archive/operations.h"
#include "aws_client/directory_store.h"
#include "base/testing/temporary_directory.h"
#include "encryption_sdk/testing/fake_kms.h"

namespace strongroom::archive::testing_kit {

/// A location in a directory, under one key of a KMS in memory; journals go beside it.
class LocationTest : public ::testing::Test {
 protected:
  LocationTest() {
    ::setenv("XDG_STATE_HOME", (root_ / "state").c_str(), 1);
    std::filesystem::create_directory(root_ / "store");
    access_.location.name = "here";
    access_.location.id = std::string(32, 'a');
    access_.location.url = (root_ / "store").string();
    access_.location.keys.kms_keys = {kms_->AddKey("eu-central-1", "one")};
    access_.kms = kms_;
    access_.store = aws_client::OpenDirectoryStore(access_.location.url, aws_client::DirectoryUse::kMustExist).value();
  }
  ~LocationTest() override { ::unsetenv("XDG_STATE_HOME"); }

  /// What is at `source` under `root_`, in objects of 1 MiB.
  void Send(const std::string& snapshot, std::string_view source, bool sign = false) {
    PutOptions options;
    options.source = (root_ / source).string();
    options.snapshot = snapshot;
    options.pack.object_bytes = std::uint64_t{1} << 20;
    options.pack.sign = sign;
    const auto sent = Put(access_, options, {});
    ASSERT_TRUE(sent.ok()) << sent.error();
  }

  const TemporaryDirectory directory_;
  const std::filesystem::path root_ = directory_.path();
  std::shared_ptr<encryption_sdk::testing::FakeSupplier> kms_ =
      std::make_shared<encryption_sdk::testing::FakeSupplier>();
  Access access_;
};

}  // namespace strongroom::archive::testing_kit
