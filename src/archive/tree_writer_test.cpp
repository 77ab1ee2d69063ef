#include "archive/tree_writer.h"
#include "base/testing/temporary_directory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

namespace strongroom::archive {
namespace {

namespace fs = std::filesystem;

class TreeWriterTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directory(root_ / "outside");
    std::ofstream(root_ / "outside" / "victim") << "untouched";
  }

  std::unique_ptr<TreeWriter> Open(bool overwrite) {
    auto writer = TreeWriter::Open((root_ / "target").string(), {.overwrite = overwrite},
                                   [this](std::string_view, std::string_view what) { problems_.emplace_back(what); });
    EXPECT_TRUE(writer.ok());
    return writer.ok() ? *std::move(writer) : nullptr;
  }
  static pb::Entry Entry(const std::string& path, pb::Type type) {
    pb::Entry entry;
    entry.set_path(path);
    entry.set_type(type);
    entry.set_mode(0644);
    return entry;
  }
  static Status Write(TreeWriter& writer, const std::string& path, std::string_view text) {
    pb::Entry entry = Entry(path, pb::TYPE_FILE);
    entry.set_size(text.size());
    SR_TRY(const Fd file, writer.OpenFile(entry, 1));
    SR_CHECK(PwriteAll(file.get(), AsBytes(text), 0, "test"));
    return writer.FinishFile(entry, 1, file);
  }
  std::string Victim() const {
    std::ifstream file(root_ / "outside" / "victim");
    return {std::istreambuf_iterator<char>(file), {}};
  }

  const TemporaryDirectory directory_;
  const fs::path root_ = directory_.path();
  std::vector<std::string> problems_;
};

TEST_F(TreeWriterTest, LinksThatLieThereLeadNowhere) {
  fs::create_directory(root_ / "target");
  fs::create_directory_symlink("../outside", root_ / "target" / "d");
  fs::create_directory_symlink(root_ / "outside", root_ / "target" / "e");
  fs::create_symlink("../outside/victim", root_ / "target" / "victim");
  const auto writer = Open(true);
  EXPECT_FALSE(Write(*writer, "d/victim", "taken over").ok());
  EXPECT_FALSE(Write(*writer, "e/victim", "taken over").ok());
  EXPECT_FALSE(writer->MakeDirectory(Entry("d", pb::TYPE_DIRECTORY)).ok());
  EXPECT_FALSE(writer->FinishDirectory(Entry("d", pb::TYPE_DIRECTORY)).ok());
  EXPECT_FALSE(writer->MakeSpecial(Entry("d/fifo", pb::TYPE_FIFO), 2).ok());
  pb::Entry link = Entry("mine", pb::TYPE_FILE);
  link.set_hard_link("d/victim");
  EXPECT_FALSE(writer->MakeHardLink(link, 3).ok());
  // A file of the link's own name takes its place, and does not go through it.
  EXPECT_TRUE(Write(*writer, "victim", "new").ok());
  EXPECT_FALSE(fs::is_symlink(root_ / "target" / "victim"));
  EXPECT_EQ(Victim(), "untouched");
  EXPECT_EQ(std::distance(fs::directory_iterator(root_ / "outside"), fs::directory_iterator()), 1);
}

TEST_F(TreeWriterTest, PathsThatGoUpAreRefusedByTheKernelToo) {
  const auto writer = Open(false);
  EXPECT_FALSE(Write(*writer, "../outside/victim", "taken over").ok());
  EXPECT_FALSE(Write(*writer, "/tmp/strongroom-test-absolute/x", "x").ok());
  EXPECT_EQ(Victim(), "untouched");
}

TEST_F(TreeWriterTest, AFileHasItsNameWhenItIsWhole) {
  const auto writer = Open(false);
  pb::Entry entry = Entry("file", pb::TYPE_FILE);
  entry.set_size(3);
  {
    const auto file = writer->OpenFile(entry, 7);
    ASSERT_TRUE(file.ok());
    EXPECT_FALSE(fs::exists(root_ / "target" / "file"));
  }
  writer->DropFile(entry, 7);
  EXPECT_TRUE(fs::is_empty(root_ / "target"));
  EXPECT_TRUE(Write(*writer, "file", "abc").ok());
  EXPECT_EQ(fs::file_size(root_ / "target" / "file"), 3u);
  EXPECT_EQ(std::distance(fs::directory_iterator(root_ / "target"), fs::directory_iterator()), 1);
}

TEST_F(TreeWriterTest, ATemporaryNameThatIsTakenIsNotWrittenThrough) {
  const auto writer = Open(false);
  pb::Entry entry = Entry("file", pb::TYPE_FILE);
  { ASSERT_TRUE(writer->OpenFile(entry, 1).ok()); }
  std::string temporary = fs::directory_iterator(root_ / "target")->path().string();
  ASSERT_TRUE(temporary.ends_with("-1"));
  EXPECT_FALSE(writer->OpenFile(entry, 1).ok());  // it is there: somebody else's
  // The names of others to come can be known from the first one's.
  temporary.back() = '2';
  fs::create_hard_link(root_ / "outside" / "victim", temporary);
  EXPECT_FALSE(writer->OpenFile(entry, 2).ok());
  temporary.back() = '3';
  ASSERT_EQ(::mkfifo(temporary.c_str(), 0600), 0);
  EXPECT_FALSE(writer->OpenFile(entry, 3).ok());
  EXPECT_EQ(Victim(), "untouched");
}

TEST_F(TreeWriterTest, AFileOfSeveralExtentsIsTheSameAtEachOpening) {
  const auto writer = Open(false);
  pb::Entry entry = Entry("file", pb::TYPE_FILE);
  entry.set_size(6);
  entry.add_extents();
  entry.add_extents();
  {
    const auto first = writer->OpenFile(entry, 4);
    ASSERT_TRUE(first.ok());
    ASSERT_TRUE(PwriteAll(first->get(), AsBytes("abc"), 0, "test").ok());
  }
  const fs::path temporary = fs::directory_iterator(root_ / "target")->path();
  {
    const auto second = writer->OpenFile(entry, 4);
    ASSERT_TRUE(second.ok());
    ASSERT_TRUE(PwriteAll(second->get(), AsBytes("def"), 3, "test").ok());
  }
  fs::rename(temporary, root_ / "kept");
  fs::create_hard_link(root_ / "outside" / "victim", temporary);
  EXPECT_FALSE(writer->OpenFile(entry, 4).ok());
  fs::remove(temporary);
  EXPECT_FALSE(writer->OpenFile(entry, 4).ok());
  fs::rename(root_ / "kept", temporary);
  const auto last = writer->OpenFile(entry, 4);
  ASSERT_TRUE(last.ok());
  ASSERT_TRUE(writer->FinishFile(entry, 4, *last).ok());
  std::ifstream file(root_ / "target" / "file");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "abcdef");
  EXPECT_EQ(Victim(), "untouched");
}

struct SpecialRow {
  std::string name;
  pb::Type type;
  mode_t kind;
};
class SpecialTable : public TreeWriterTest, public testing::WithParamInterface<SpecialRow> {};
TEST_P(SpecialTable, HasItsOwnModeAndTime) {
  const auto writer = Open(false);
  pb::Entry entry = Entry("special", GetParam().type);
  entry.set_mode(0640);
  entry.set_mtime_seconds(1234567);
  entry.set_link_target((root_ / "outside" / "victim").string());
  ASSERT_TRUE(writer->MakeSpecial(entry, 5).ok());
  struct stat facts {
  }, victim{};
  ASSERT_EQ(::lstat((root_ / "target" / "special").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & S_IFMT, GetParam().kind);
  EXPECT_TRUE(GetParam().type == pb::TYPE_SYMLINK || (facts.st_mode & 07777) == 0640);
  EXPECT_EQ(facts.st_mtim.tv_sec, 1234567);
  ASSERT_EQ(::stat((root_ / "outside" / "victim").c_str(), &victim), 0);
  EXPECT_NE(victim.st_mtim.tv_sec, 1234567);
  EXPECT_TRUE(problems_.empty());
  EXPECT_EQ(std::distance(fs::directory_iterator(root_ / "target"), fs::directory_iterator()), 1);
}
INSTANTIATE_TEST_SUITE_P(Kinds, SpecialTable,
                         testing::Values(SpecialRow{"Fifo", pb::TYPE_FIFO, S_IFIFO},
                                         SpecialRow{"Socket", pb::TYPE_SOCKET, S_IFSOCK},
                                         SpecialRow{"Link", pb::TYPE_SYMLINK, S_IFLNK}),
                         [](const auto& info) { return info.param.name; });

// Somebody puts a link in place of a new FIFO again and again; what it leads to must keep its mode whoever wins.
TEST_F(TreeWriterTest, ALinkInPlaceOfAFifoDoesNotGetItsMode) {
  const auto writer = Open(true);
  const fs::path victim = root_ / "outside" / "victim";
  ASSERT_EQ(::chmod(victim.c_str(), 0600), 0);
  pb::Entry entry = Entry("fifo", pb::TYPE_FIFO);
  entry.set_mode(0666);
  { ASSERT_TRUE(writer->OpenFile(Entry("file", pb::TYPE_FILE), 9).ok()); }
  std::string temporary = fs::directory_iterator(root_ / "target")->path().string();
  temporary.back() = '8';
  const std::string link = (root_ / "link").string();
  std::atomic<bool> swapping = false;
  std::jthread attacker([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      ::unlink(link.c_str());
      if (::symlink(victim.c_str(), link.c_str()) == 0)
        ::renameat2(AT_FDCWD, link.c_str(), AT_FDCWD, temporary.c_str(), RENAME_EXCHANGE);
      swapping = true;
    }
  });
  while (!swapping) std::this_thread::yield();
  for (int i = 0; i < 3000; ++i) {
    (void)writer->MakeSpecial(entry, 8).ok();
    ::unlink(temporary.c_str());
  }
  attacker.request_stop();
  attacker.join();
  struct stat facts {};
  ASSERT_EQ(::stat(victim.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 07777, 0600u);
}

struct CapabilityRow {
  std::string name;
  bool owners;
};
class CapabilityTable : public TreeWriterTest, public testing::WithParamInterface<CapabilityRow> {};
TEST_P(CapabilityTable, FollowsTheOwner) {
  auto opened = TreeWriter::Open((root_ / "target").string(), {.owners = GetParam().owners, .numeric_owners = true},
                                 [this](std::string_view, std::string_view what) { problems_.emplace_back(what); });
  ASSERT_TRUE(opened.ok());
  pb::Entry entry = Entry("file", pb::TYPE_FILE);
  entry.set_uid(::geteuid());
  entry.set_gid(::getegid());
  pb::Xattr* const capability = entry.add_xattrs();
  capability->set_name("security.capability");
  // VFS_CAP_REVISION_2, CAP_NET_RAW permitted and effective.
  capability->set_value(std::string("\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20));
  const auto file = (*opened)->OpenFile(entry, 1);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE((*opened)->FinishFile(entry, 1, *file).ok());
  const bool there = ::getxattr((root_ / "target" / "file").c_str(), "security.capability", nullptr, 0) > 0;
  if (!GetParam().owners) {
    EXPECT_FALSE(there);
    ASSERT_EQ(problems_.size(), 1u);
    EXPECT_NE(problems_.front().find("since its owner is not"), std::string::npos) << problems_.front();
  } else {
    // Without the privilege, the refusal is said.
    EXPECT_EQ(there, problems_.empty());
  }
}
INSTANTIATE_TEST_SUITE_P(Rules, CapabilityTable,
                         testing::Values(CapabilityRow{"WithoutOwners", false}, CapabilityRow{"WithOwners", true}),
                         [](const auto& info) { return info.param.name; });

TEST_F(TreeWriterTest, AttributesOfAFileWithoutTheRightToWrite) {
  const auto writer = Open(false);
  pb::Entry entry = Entry("file", pb::TYPE_FILE);
  entry.set_mode(0400);
  pb::Xattr* const attribute = entry.add_xattrs();
  attribute->set_name("user.kind");
  attribute->set_value("x");
  const auto file = writer->OpenFile(entry, 1);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(writer->FinishFile(entry, 1, *file).ok());
  struct stat facts {};
  ASSERT_EQ(::stat((root_ / "target" / "file").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 07777, 0400u);
  const bool there = ::getxattr((root_ / "target" / "file").c_str(), "user.kind", nullptr, 0) == 1;
  // Some file systems have none of the kind.
  EXPECT_EQ(there, problems_.empty());
}

TEST_F(TreeWriterTest, WhatIsThereIsNotTouchedUnlessAsked) {
  fs::create_directory(root_ / "target");
  std::ofstream(root_ / "target" / "file") << "old";
  const auto refused = TreeWriter::Open((root_ / "target").string(), {}, [](std::string_view, std::string_view) {});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Errc::kAlreadyExists);
}

TEST_F(TreeWriterTest, PathsLongerThanTheKernelTakesAtOnce) {
  const auto writer = Open(false);
  std::string path;
  for (int i = 0; i < 40; ++i) {
    path += (i == 0 ? "" : "/") + std::string(200, 'd');
    ASSERT_TRUE(writer->MakeDirectory(Entry(path, pb::TYPE_DIRECTORY)).ok()) << i;
  }
  EXPECT_TRUE(Write(*writer, path + "/file", "deep").ok());
  for (; !path.empty(); path.resize(path.size() - std::min<std::size_t>(path.size(), 201)))
    EXPECT_TRUE(writer->FinishDirectory(Entry(path, pb::TYPE_DIRECTORY)).ok());
  EXPECT_EQ(std::system(("rm -rf " + (root_ / "target").string()).c_str()), 0);
}

}  // namespace
}  // namespace strongroom::archive
