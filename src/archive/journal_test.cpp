#include "archive/journal.h"
#include "base/testing/temporary_directory.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace strongroom::archive {
namespace {

namespace fs = std::filesystem;

class JournalTest : public testing::Test {
 protected:
  void SetUp() override { ::setenv("XDG_STATE_HOME", root_.c_str(), 1); }
  void TearDown() override { ::unsetenv("XDG_STATE_HOME"); }
  static std::unique_ptr<Journal> Open() {
    auto journal = Journal::Open("id", "snap");
    EXPECT_TRUE(journal.ok());
    return journal.ok() ? *std::move(journal) : nullptr;
  }
  static pb::JournalHead Head() {
    pb::JournalHead head;
    head.set_format(1);
    head.set_source("/src");
    return head;
  }
  static struct stat Facts(std::uint64_t inode) {
    struct stat facts {};
    facts.st_ino = inode;
    facts.st_size = 10;
    return facts;
  }
  static std::string Name(char digit) { return std::string(32, digit); }
  static ObjectFacts Object(char digit) {
    ObjectFacts facts;
    facts.name = Name(digit);
    facts.plaintext_bytes = 10;
    return facts;
  }
  fs::path Run(int number) const {
    return root_ / "strongroom" / "archive" / "id" / "snap" / ("run-" + std::to_string(number));
  }

  const TemporaryDirectory directory_;
  const fs::path root_ = directory_.path();
};

TEST_F(JournalTest, OnlyPiecesOfStoredObjectsAndUnchangedFilesCount) {
  {
    const auto journal = Open();
    ASSERT_TRUE(journal->Begin(Head()).ok());
    for (const char object : {'a', 'b'}) ASSERT_TRUE(journal->Started(Name(object)).ok());
    ASSERT_TRUE(journal->Piece("dir/one", Facts(1), Name('a'), 0, 0, 10).ok());
    ASSERT_TRUE(journal->Piece("dir/two", Facts(2), Name('b'), 0, 0, 10).ok());
    ASSERT_TRUE(journal->Piece("dir.x", Facts(3), Name('a'), 10, 0, 10).ok());
    ASSERT_TRUE(journal->Stored(Object('a')).ok());
  }
  const auto journal = Open();
  ASSERT_TRUE(journal->resumes());
  EXPECT_EQ(journal->earlier().source(), "/src");
  EXPECT_EQ(journal->started().size(), 2u);
  const auto count = [&](const std::string& path, std::uint64_t inode) {
    return journal->PiecesOf(path, Facts(inode))->size();
  };
  EXPECT_EQ(count("dir/one", 1), 1u);
  EXPECT_EQ(count("dir/two", 2), 0u);  // its object was never stored
  EXPECT_EQ(count("dir.x", 4), 0u);    // another file has the name
}

TEST_F(JournalTest, SeveralRunsAreReadSideBySide) {
  for (const char object : {'a', 'b'}) {
    const auto journal = Open();
    ASSERT_TRUE(journal->Begin(Head()).ok());
    ASSERT_TRUE(journal->Piece("f", Facts(1), Name(object), 0, object == 'a' ? 0u : 5u, 5).ok());
    ASSERT_TRUE(journal->Stored(Object(object)).ok());
  }
  const auto journal = Open();
  EXPECT_EQ(journal->PiecesOf("e", Facts(1))->size(), 0u);
  EXPECT_EQ(journal->PiecesOf("f", Facts(1))->size(), 2u);
}

TEST_F(JournalTest, RunsBeforeAnotherHeadCountForNothing) {
  const auto run = [](pb::JournalHead head, char object) {
    const auto journal = Open();
    ASSERT_TRUE(journal->Begin(head).ok());
    ASSERT_TRUE(journal->Started(Name(object)).ok());
    ASSERT_TRUE(journal->Piece("f", Facts(1), Name(object), 0, 0, 5).ok());
    ASSERT_TRUE(journal->Stored(Object(object)).ok());
  };
  pb::JournalHead other = Head();
  other.add_context("purpose");
  other.add_context("another");
  run(Head(), 'a');
  run(other, 'b');
  {
    const auto journal = Open();
    EXPECT_EQ(journal->StoredFacts(Name('a'))->has_value(), false);
    EXPECT_EQ(journal->StoredFacts(Name('b'))->has_value(), true);
    EXPECT_EQ(journal->started().size(), 2u);  // both are to be deleted one day
    EXPECT_EQ(journal->PiecesOf("f", Facts(1))->size(), 1u);
  }
  // Nor when the first head comes again: its objects may be gone by then.
  run(Head(), 'c');
  const auto journal = Open();
  EXPECT_EQ(journal->stored(), 1u);
  EXPECT_EQ(journal->started().size(), 3u);
  ASSERT_TRUE(journal->Forget(Name('c')).ok());
  EXPECT_EQ(journal->PiecesOf("f", Facts(1))->size(), 0u);
}

TEST_F(JournalTest, ATornOrAlteredEndCostsWhatItHad) {
  {
    const auto journal = Open();
    ASSERT_TRUE(journal->Begin(Head()).ok());
    ASSERT_TRUE(journal->Stored(Object('a')).ok());
    ASSERT_TRUE(journal->Stored(Object('b')).ok());
  }
  std::ifstream file(Run(1), std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(file)), {});
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    std::ofstream(Run(1), std::ios::binary | std::ios::trunc) << whole.substr(0, size);
    EXPECT_LE(Open()->stored(), size == whole.size() ? 2u : 1u) << size;
  }
  std::string altered = whole;
  altered[whole.size() - 40] = static_cast<char>(altered[whole.size() - 40] ^ 1);
  std::ofstream(Run(1), std::ios::binary | std::ios::trunc) << altered;
  EXPECT_EQ(Open()->stored(), 1u);
}

TEST_F(JournalTest, OneProcessAtATime) {
  const auto journal = Open();
  const auto second = Journal::Open("id", "snap");
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code(), Errc::kConflict);
  EXPECT_TRUE(journal->Remove().ok());
  EXPECT_FALSE(Journal::Exists("id", "snap"));
}

}  // namespace
}  // namespace strongroom::archive
