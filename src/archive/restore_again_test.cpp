// A restore that was interrupted: what it leaves, and what the same one makes of it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>

#include "archive/operations.h"
#include "archive/restore_marker.h"
#include "archive/snapshot.h"
#include "archive/testing/location_fixture.h"
#include "archive/testing/watched_store.h"

namespace strongroom::archive {
namespace {

namespace esdk = encryption_sdk;
namespace fs = std::filesystem;

class RestoreAgainTest : public testing_kit::LocationTest {
 protected:
  void SetUp() override {
    for (const char* directory : {"tree", "tree/closed", "tree/open"}) fs::create_directory(root_ / directory);
    std::ofstream(root_ / "tree" / "closed" / "small") << "small";
    // Two of several objects each, so that there are temporary files when it ends.
    for (const char* large : {"tree/closed/large", "tree/open/large"})
      std::ofstream(root_ / large) << std::string((std::size_t{5} << 19) + 1, 'x');
    std::ofstream(root_ / "tree" / "open" / "one") << "one";
    fs::create_hard_link(root_ / "tree" / "open" / "one", root_ / "tree" / "open" / "two");
    fs::create_hard_link(root_ / "tree" / "open" / "one", root_ / "tree" / "three");
    fs::permissions(root_ / "tree" / "closed", fs::perms(0500));
    fs::permissions(root_ / "tree" / "open", fs::perms(0755));
    fs::permissions(root_ / "tree", fs::perms(0711));
    auto store = std::make_unique<testing_kit::WatchedStore>(std::move(access_.store));
    store_ = store.get();
    access_.store = std::move(store);
    for (const char* snapshot : {"s", "other"}) Send(snapshot, "tree");
  }
  void TearDown() override {
    for (const char* closed : {"tree/closed", "back/closed"})
      if (fs::exists(root_ / closed)) fs::permissions(root_ / closed, fs::perms::owner_all);
  }

  Result<RestoreOutcome> RestoreIt(const std::string& snapshot = "s", bool overwrite = false,
                                   std::vector<std::string> paths = {}) {
    RestoreOptions options;
    options.snapshot = snapshot;
    options.target = (root_ / "back").string();
    options.rules.overwrite = overwrite;
    options.paths = std::move(paths);
    return Restore(access_, options, {});
  }
  /// `signal` comes when the third object is asked for; several threads ask.
  void SignalAtThirdObject(int signal) {
    store_->before = [signal, count = std::make_shared<std::atomic<int>>(0)](std::string_view call,
                                                                             std::string_view name) {
      if (call == "Get" && name.find("/data/") != std::string_view::npos && ++*count == 3) ::raise(signal);
    };
  }
  /// What a process that is killed leaves: its mark, directories for their owner only, and temporary files.
  void RestoreAndKill() {
    SignalAtThirdObject(SIGTERM);
    ASSERT_FALSE(RestoreIt().ok());
    store_->before = [](std::string_view, std::string_view) {};
    const Fd back(::open((root_ / "back").c_str(), O_RDONLY | O_DIRECTORY));
    const auto mark = RestoreMarker::Find(back.get());
    ASSERT_TRUE(mark.ok() && *mark);
    for (const char* directory : {"back", "back/open", "back/closed"}) {
      fs::permissions(root_ / directory, fs::perms(0700));
      for (const char* number : {"1", "2f"})
        std::ofstream(root_ / directory / fmt::format(".strongroom-{}-{}", (*mark)->tag(), number)) << "half";
    }
  }
  unsigned Mode(const std::string& path) const {
    struct stat facts {};
    return ::stat((root_ / "back" / path).c_str(), &facts) == 0 ? facts.st_mode & 07777 : 0;
  }
  std::vector<std::string> Temporary() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(root_ / "back"))
      if (entry.path().filename().string().starts_with(".strongroom-"))
        found.push_back(entry.path().lexically_relative(root_ / "back").string());
    return found;
  }
  void ExpectWhole() const {
    EXPECT_EQ(Temporary(), std::vector<std::string>());
    EXPECT_EQ(Mode(""), 0711u);
    EXPECT_EQ(Mode("open"), 0755u);
    EXPECT_EQ(Mode("closed"), 0500u);
    for (const char* file : {"closed/large", "open/large"})
      EXPECT_EQ(fs::file_size(root_ / "back" / file), (std::size_t{5} << 19) + 1);
    EXPECT_EQ(fs::file_size(root_ / "back" / "closed" / "small"), 5u);
    EXPECT_EQ(fs::hard_link_count(root_ / "back" / "three"), 3u);
  }

  testing_kit::WatchedStore* store_ = nullptr;
};

class SignalTable : public RestoreAgainTest, public testing::WithParamInterface<int> {};
TEST_P(SignalTable, LeavesNoTemporaryFilesAndIsDoneByTheNext) {
  SignalAtThirdObject(GetParam());
  const auto cut = RestoreIt();
  store_->before = [](std::string_view, std::string_view) {};
  ASSERT_FALSE(cut.ok());
  EXPECT_EQ(cut.error().code(), Errc::kCancelled);
  EXPECT_NE(cut.error().public_message().find("said again"), std::string::npos) << cut.error();
  EXPECT_EQ(Temporary(), std::vector<std::string>{std::string(RestoreMarker::kName)});
  EXPECT_EQ(Mode("open"), 0755u);
  EXPECT_EQ(Mode("closed"), 0500u);
  struct sigaction now {};
  ASSERT_EQ(::sigaction(GetParam(), nullptr, &now), 0);
  EXPECT_EQ(now.sa_handler, SIG_DFL);
  const auto again = RestoreIt();
  ASSERT_TRUE(again.ok()) << again.error();
  EXPECT_EQ(again->problems.count, 0u);
  ExpectWhole();
}
INSTANTIATE_TEST_SUITE_P(Signals, SignalTable, testing::Values(SIGINT, SIGTERM, SIGHUP),
                         [](const auto& info) { return std::string(::sigabbrev_np(info.param)); });

TEST_F(RestoreAgainTest, WhatAKillLeavesIsCleanedUpByTheNext) {
  RestoreAndKill();
  EXPECT_EQ(Temporary().size(), 7u);
  RestoreAndKill();
  // Files that only look like temporary ones are somebody's.
  std::ofstream(root_ / "back" / "open" / ".strongroom-000000000000-1") << "mine";
  const auto again = RestoreIt();
  ASSERT_TRUE(again.ok()) << again.error();
  EXPECT_EQ(again->problems.count, 0u);
  EXPECT_TRUE(fs::remove(root_ / "back" / "open" / ".strongroom-000000000000-1"));
  ExpectWhole();
}

TEST_F(RestoreAgainTest, AnErrorCleansUpToo) {
  access_.store = nullptr;
  auto store = std::make_unique<testing_kit::WatchedStore>(
      aws_client::OpenDirectoryStore(access_.location.url, aws_client::DirectoryUse::kMustExist).value());
  store_ = store.get();
  access_.store = std::move(store);
  // KMS refuses once the manifest is open.
  store_->before = [this](std::string_view call, std::string_view name) {
    if (call == "Get" && name.find("/data/") != std::string_view::npos)
      kms_->Port("eu-central-1")->Fail(Error(Errc::kAccessDenied, "no"));
  };
  const auto cut = RestoreIt();
  ASSERT_FALSE(cut.ok());
  EXPECT_EQ(cut.error().code(), Errc::kAccessDenied);
  EXPECT_EQ(Temporary(), std::vector<std::string>{std::string(RestoreMarker::kName)});
  EXPECT_EQ(Mode("closed"), 0500u);
  store_->before = [](std::string_view, std::string_view) {};
  kms_->Port("eu-central-1")->fails.reset();
  ASSERT_TRUE(RestoreIt().ok());
  ExpectWhole();
}

TEST_F(RestoreAgainTest, AnotherSnapshotIsNotMixedIn) {
  RestoreAndKill();
  const auto other = RestoreIt("other");
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().code(), Errc::kAlreadyExists);
  EXPECT_NE(other.error().public_message().find("unfinished restore of s "), std::string::npos) << other.error();
  EXPECT_FALSE(RestoreIt("s", false, {"open"}).ok());
  ASSERT_TRUE(RestoreIt("other", true).ok());
  ExpectWhole();
  // And once it is through, the directory is as any other that is not empty.
  EXPECT_EQ(RestoreIt().error().code(), Errc::kAlreadyExists);
}

TEST_F(RestoreAgainTest, ACopyOfTheMarkSaysNothing) {
  RestoreAndKill();
  const fs::path mark = root_ / "back" / RestoreMarker::kName;
  ASSERT_TRUE(fs::exists(mark));
  fs::rename(mark, root_ / "mark");
  fs::remove_all(root_ / "back");
  fs::create_directory(root_ / "back");
  fs::create_directory(root_ / "another");
  fs::copy_file(root_ / "mark", root_ / "another" / RestoreMarker::kName);
  const Fd another(::open((root_ / "another").c_str(), O_RDONLY | O_DIRECTORY));
  const auto found = RestoreMarker::Find(another.get());
  ASSERT_TRUE(found.ok());
  EXPECT_FALSE(found->has_value());
}

TEST_F(RestoreAgainTest, TwoAtOnceAreNot) {
  fs::create_directory(root_ / "back");
  const Fd back(::open((root_ / "back").c_str(), O_RDONLY | O_DIRECTORY));
  const auto mark = RestoreMarker::Make(back.get(), "something", "001122334455");
  ASSERT_TRUE(mark.ok());
  const auto second = RestoreIt("s", true);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code(), Errc::kConflict);
}

TEST_F(RestoreAgainTest, NamesOfOneFileStayOneWithoutItsFirst) {
  // "open/one" comes first in the snapshot and is wanted, then only the others are.
  const auto restored = RestoreIt("s", false, {"open/two", "three"});
  ASSERT_TRUE(restored.ok()) << restored.error();
  EXPECT_EQ(fs::hard_link_count(root_ / "back" / "three"), 2u);
  EXPECT_TRUE(fs::equivalent(root_ / "back" / "three", root_ / "back" / "open" / "two"));
  EXPECT_EQ(fs::file_size(root_ / "back" / "three"), 3u);
}

TEST_F(RestoreAgainTest, WhatHasTheNameOfTheMarkIsReported) {
  // One that the tree itself has: of a restore that was never finished, say. Its second name is an ordinary file's.
  std::ofstream(root_ / "tree" / RestoreMarker::kName) << "mine";
  fs::create_hard_link(root_ / "tree" / RestoreMarker::kName, root_ / "tree" / "open" / "kept");
  std::ofstream(root_ / "tree" / "open" / RestoreMarker::kName) << "no mark below the root";
  Send("marked", "tree");
  const auto restored = RestoreIt("marked");
  ASSERT_TRUE(restored.ok()) << restored.error();
  ASSERT_EQ(restored->problems.lines.size(), 1u);
  EXPECT_TRUE(restored->problems.lines[0].starts_with(".strongroom-unfinished-restore: It is not restored"))
      << restored->problems.lines[0];
  EXPECT_FALSE(fs::exists(root_ / "back" / RestoreMarker::kName));
  EXPECT_EQ(fs::file_size(root_ / "back" / "open" / "kept"), 4u);
  EXPECT_EQ(fs::file_size(root_ / "back" / "open" / RestoreMarker::kName), 22u);
  // Not asked for, not missed.
  const auto part = RestoreIt("marked", true, {"open"});
  ASSERT_TRUE(part.ok()) << part.error();
  EXPECT_EQ(part->problems.count, 0u);
}

}  // namespace
}  // namespace strongroom::archive
