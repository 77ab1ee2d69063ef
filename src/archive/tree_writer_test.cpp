#include "archive/tree_writer.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace strongroom::archive {
namespace {

namespace fs = std::filesystem;

class TreeWriterTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = "/tmp/strongroom-test-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
    fs::create_directory(root_ / "outside");
    std::ofstream(root_ / "outside" / "victim") << "untouched";
  }
  void TearDown() override { fs::remove_all(root_); }

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

  fs::path root_;
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
