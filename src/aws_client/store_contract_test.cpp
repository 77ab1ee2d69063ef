// What both kinds of object store promise (object_store.h), asked of each of them.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "aws_client/directory_store.h"
#include "aws_client/s3_store.h"
#include "aws_client/testing/fake_s3.h"
#include "aws_client/testing/made_aws.h"
#include "base/testing/temporary_directory.h"

namespace strongroom::aws_client {
namespace {

struct World {
  virtual ~World() = default;
  std::unique_ptr<ObjectStore> store;
};
struct DirectoryWorld : World {
  DirectoryWorld() { store = OpenDirectoryStore(directory.path() / "archive", DirectoryUse::kCreate).value(); }
  TemporaryDirectory directory;
};
struct S3World : World {
  S3World(std::string_view url, bool modern) {
    s3.knows_sha256 = s3.knows_conditions = modern;
    store = OpenS3Store(testing_kit::MadeAws(), url, s3.Url()).value();
  }
  testing_kit::FakeS3 s3;
};

struct Kind {
  std::string name;
  std::function<std::unique_ptr<World>()> make;
};

class StoreContract : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override { world_ = GetParam().make(); }
  ObjectStore& store() { return *world_->store; }
  Status PutText(std::string_view name, std::string_view text, PutIf put_if = PutIf::kAny) {
    SR_CHECK(store().Put(name, AsBytes(text), put_if));
    return {};
  }
  std::string Text(std::string_view name, std::optional<ByteRange> range = std::nullopt) {
    std::string text;
    const auto got = store().Get(name, range, [&](ByteView bytes) -> Status {
      text.append(AsText(bytes));
      return {};
    });
    return got.ok() ? text : "error: " + std::string(Name(got.error().code()));
  }
  std::string Names(std::string_view prefix, std::string_view after = "", std::size_t most = 1000) {
    const auto page = store().List(prefix, after, most);
    if (!page.ok()) return page.error().public_message();
    std::string names;
    for (const auto& object : page->objects) names += object.name + " ";
    return names + (page->more ? "..." : ".");
  }
  static Bytes Filled(std::size_t size, std::uint8_t start) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(start + i * 7 + (i >> 8));
    return bytes;
  }
  std::unique_ptr<World> world_;
};

TEST_P(StoreContract, WhatIsPutIsThere) {
  ASSERT_TRUE(store().Check().ok());
  ASSERT_TRUE(PutText("a/b c/ü+&=%.x", "hello").ok());
  EXPECT_EQ(Text("a/b c/ü+&=%.x"), "hello");
  const auto info = store().Head("a/b c/ü+&=%.x");
  ASSERT_TRUE(info.ok()) << info.error();
  EXPECT_EQ(info->size, 5u);
  EXPECT_EQ(Names("a/"), "a/b c/ü+&=%.x .");
  ASSERT_TRUE(PutText("a/b c/ü+&=%.x", "another").ok());
  EXPECT_EQ(Text("a/b c/ü+&=%.x"), "another");
  EXPECT_NE(store().Head("a/b c/ü+&=%.x")->etag, info->etag);
  ASSERT_TRUE(PutText("empty", "").ok());
  EXPECT_EQ(Text("empty"), "");
}

TEST_P(StoreContract, AbsentRefusesWhatIsThere) {
  ASSERT_TRUE(PutText("one", "first", PutIf::kAbsent).ok());
  const auto second = PutText("one", "second", PutIf::kAbsent);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code(), Errc::kAlreadyExists);
  EXPECT_EQ(Text("one"), "first");
}

TEST_P(StoreContract, RangesAreCutAtTheEnd) {
  ASSERT_TRUE(PutText("text", "0123456789").ok());
  EXPECT_EQ(Text("text", ByteRange{0, 4}), "0123");
  EXPECT_EQ(Text("text", ByteRange{4, 2}), "45");
  EXPECT_EQ(Text("text", ByteRange{8, 100}), "89");
  EXPECT_EQ(Text("text", ByteRange{10, 5}), "");
  EXPECT_EQ(Text("text", ByteRange{3, 0}), "");
  EXPECT_EQ(store().Get("text", ByteRange{2, 3}, [](ByteView) { return Status(); })->size, 10u);
}

TEST_P(StoreContract, MissingIsNotFound) {
  EXPECT_EQ(Text("no/such"), "error: not-found");
  EXPECT_EQ(store().Head("no").error().code(), Errc::kNotFound);
  EXPECT_TRUE(store().Delete(std::vector<std::string>{"no/such", "no"}).ok());
}

TEST_P(StoreContract, TheSinksErrorEndsTheTransfer) {
  ASSERT_TRUE(PutText("text", "0123456789").ok());
  int calls = 0;
  const auto got = store().Get("text", std::nullopt, [&](ByteView) -> Status {
    ++calls;
    return Error(Errc::kResourceExhausted, "full");
  });
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.error().public_message(), "full");
  EXPECT_EQ(calls, 1);
}

TEST_P(StoreContract, ListsInTheOrderOfBytesAndByPages) {
  for (const char* name : {"b/2", "b.x", "b/10", "a", "b0", "b/sub/x", "c-d"})
    ASSERT_TRUE(PutText(name, "x").ok()) << name;
  EXPECT_EQ(Names(""), "a b.x b/10 b/2 b/sub/x b0 c-d .");
  EXPECT_EQ(Names("b/"), "b/10 b/2 b/sub/x .");
  EXPECT_EQ(Names("b/1"), "b/10 .");
  EXPECT_EQ(Names("b"), "b.x b/10 b/2 b/sub/x b0 .");
  EXPECT_EQ(Names("", "b.x"), "b/10 b/2 b/sub/x b0 c-d .");
  EXPECT_EQ(Names("", "", 3), "a b.x b/10 ...");
  EXPECT_EQ(Names("", "b.x", 3), "b/10 b/2 b/sub/x ...");
  EXPECT_EQ(Names("", "b/sub/x", 3), "b0 c-d .");
  EXPECT_EQ(Names("zzz"), ".");
}

TEST_P(StoreContract, DeletesMany) {
  std::vector<std::string> names;
  for (int i = 0; i < 30; ++i) {
    names.push_back("d/" + std::to_string(i));
    ASSERT_TRUE(PutText(names.back(), "x").ok());
  }
  ASSERT_TRUE(PutText("kept", "x").ok());
  names.push_back("d/not there");
  ASSERT_TRUE(store().Delete(names).ok());
  EXPECT_EQ(Names(""), "kept .");
}

TEST_P(StoreContract, PartsInAnyOrderFromManyThreads) {
  constexpr std::size_t kPart = kSmallestPartBytes;
  auto upload = store().StartUpload("big/one", kPart);
  ASSERT_TRUE(upload.ok()) << upload.error();
  Bytes all;
  std::vector<Bytes> parts;
  for (std::uint8_t i = 0; i < 3; ++i) parts.push_back(Filled(i == 2 ? 1234 : kPart, i));
  for (const Bytes& part : parts) Append(all, part);
  {
    std::vector<std::jthread> threads;
    for (const std::uint32_t number : {3u, 1u, 2u}) {
      threads.emplace_back([&, number] { EXPECT_TRUE((*upload)->Part(number, parts[number - 1]).ok()); });
    }
  }
  EXPECT_EQ(Names(""), ".");
  const auto done = (*upload)->Complete(PutIf::kAbsent);
  ASSERT_TRUE(done.ok()) << done.error();
  EXPECT_EQ(done->size, all.size());
  EXPECT_EQ(GetAll(store(), "big/one", all.size()).value(), all);
  EXPECT_EQ(GetAll(store(), "big/one", all.size() - 1).error().code(), Errc::kInvalidArgument);
  EXPECT_TRUE((*upload)->Abort().ok());
  EXPECT_EQ(Text("big/one", ByteRange{2 * kPart + 1000, 1000}).size(), 234u);

  auto second = store().StartUpload("big/one", kPart);
  ASSERT_TRUE((*second)->Part(1, parts[2]).ok());
  EXPECT_EQ((*second)->Complete(PutIf::kAbsent).error().code(), Errc::kAlreadyExists);
  ASSERT_TRUE((*second)->Abort().ok());
  EXPECT_EQ(store().Head("big/one")->size, all.size());
}

TEST_P(StoreContract, APartSentAgainStandsAsLast) {
  auto upload = store().StartUpload("again", kSmallestPartBytes);
  ASSERT_TRUE((*upload)->Part(1, Filled(5000, 1)).ok());
  ASSERT_TRUE((*upload)->Part(1, Filled(100, 2)).ok());
  ASSERT_TRUE((*upload)->Complete(PutIf::kAny).ok());
  EXPECT_EQ(GetAll(store(), "again", 10000).value(), Filled(100, 2));
}

TEST_P(StoreContract, PartsOutOfBoundsAreRefused) {
  EXPECT_EQ(store().StartUpload("x", 1000).error().code(), Errc::kInvalidArgument);
  auto upload = store().StartUpload("x", kSmallestPartBytes);
  EXPECT_EQ((*upload)->Part(0, Filled(1, 1)).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ((*upload)->Part(kMostParts + 1, Filled(1, 1)).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ((*upload)->Part(1, Bytes()).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ((*upload)->Part(1, Bytes(kSmallestPartBytes + 1)).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ((*upload)->Complete(PutIf::kAny).error().code(), Errc::kInvalidArgument);
  ASSERT_TRUE((*upload)->Part(2, Filled(1, 1)).ok());
  EXPECT_EQ((*upload)->Complete(PutIf::kAny).error().public_message(), "Part 1 is missing.");
  ASSERT_TRUE((*upload)->Part(1, Filled(9, 1)).ok());
  EXPECT_EQ((*upload)->Complete(PutIf::kAny).error().public_message(), "Part 1 is short and not the last one.");
  ASSERT_TRUE((*upload)->Abort().ok());
  EXPECT_EQ(Names(""), ".");
}

TEST_P(StoreContract, UnfinishedUploadsAreDropped) {
  auto upload = store().StartUpload("left/behind", kSmallestPartBytes);
  ASSERT_TRUE((*upload)->Part(1, Filled(10, 1)).ok());
  EXPECT_EQ(store().DropUnfinishedUploads("left/", std::chrono::hours(24 * 365 * 100)).value(), 0u);
  const bool directory = GetParam().name == "Directory";
  EXPECT_EQ(store().DropUnfinishedUploads("left/", std::chrono::seconds(0)).value(), directory ? 0u : 1u);
  EXPECT_EQ((*upload)->Complete(PutIf::kAny).ok(), directory);
}

TEST(DirectoryStoreTest, OnlyUploadsThatNobodyWorksOnAreDropped) {
  const TemporaryDirectory directory;
  const auto store = OpenDirectoryStore(directory.path(), DirectoryUse::kCreate).value();
  const auto other = OpenDirectoryStore(directory.path(), DirectoryUse::kMustExist).value();
  auto upload = store->StartUpload("a", kSmallestPartBytes);
  ASSERT_TRUE((*upload)->Part(1, AsBytes("abc")).ok());
  std::ofstream(directory.path() / ".uploads" / "of-a-process-that-is-gone") << "x";
  EXPECT_EQ(other->DropUnfinishedUploads("b", std::chrono::seconds(0)).value(), 1u);
  EXPECT_TRUE((*upload)->Complete(PutIf::kAny).ok());
  EXPECT_EQ(other->Head("a")->size, 3u);
  auto given_up = store->StartUpload("c", kSmallestPartBytes);
  given_up->reset();
  EXPECT_TRUE(std::filesystem::is_empty(directory.path() / ".uploads"));
}

TEST(DirectoryStoreTest, OnlyWhoWritesMakesTheDirectoryOfUploads) {
  const TemporaryDirectory directory;
  std::ofstream(directory.path() / "a") << "x";
  const auto store = OpenDirectoryStore(directory.path(), DirectoryUse::kMustExist).value();
  EXPECT_EQ(GetAll(*store, "a", 10).value().size(), 1u);
  EXPECT_EQ(store->Head("a")->size, 1u);
  EXPECT_EQ(store->List("", "")->objects.size(), 1u);
  EXPECT_EQ(store->Head("b").error().code(), Errc::kNotFound);
  EXPECT_EQ(store->DropUnfinishedUploads("a", std::chrono::seconds(0)).value(), 0u);
  ASSERT_TRUE(store->Delete(std::vector<std::string>{"a"}).ok());
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
  ASSERT_TRUE(store->Put("c", AsBytes("x"), PutIf::kAbsent).ok());
  EXPECT_TRUE(std::filesystem::is_directory(directory.path() / ".uploads"));
  EXPECT_EQ(std::filesystem::status(directory.path() / ".uploads").permissions(), std::filesystem::perms(0700));
  EXPECT_EQ(store->Head("c")->size, 1u);
}

TEST(DirectoryStoreTest, TheDirectoryOfUploadsIsNotReachedThroughALink) {
  const TemporaryDirectory directory;
  std::filesystem::create_directories(directory.path() / "outside");
  std::filesystem::create_directories(directory.path() / "store");
  std::filesystem::create_directory_symlink(directory.path() / "outside", directory.path() / "store" / ".uploads");
  const auto store = OpenDirectoryStore(directory.path() / "store", DirectoryUse::kMustExist).value();
  EXPECT_FALSE(store->Put("a", AsBytes("x"), PutIf::kAny).ok());
  EXPECT_FALSE(store->DropUnfinishedUploads("a", std::chrono::seconds(0)).ok());
  EXPECT_TRUE(std::filesystem::is_empty(directory.path() / "outside"));
}

TEST_P(StoreContract, OneOfManyWritersOfOneName) {
  if (GetParam().name == "S3BeforeConditions")
    GTEST_SKIP() << "such a server cannot tell writers at the same moment apart";
  std::atomic<int> won = 0, lost = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&, i] {
        const auto put = PutText("contested", std::to_string(i), PutIf::kAbsent);
        if (put.ok()) ++won;
        if (!put.ok() && put.error().code() == Errc::kAlreadyExists) ++lost;
      });
    }
  }
  EXPECT_EQ(won, 1);
  EXPECT_EQ(lost, 7);
}

TEST_P(StoreContract, BadNamesAreRefusedEverywhere) {
  for (const std::string& name :
       {std::string(), std::string("/a"), std::string("a/"), std::string("a//b"), std::string("../a"),
        std::string("a/../b"), std::string("a/."), std::string("a\nb"), std::string("a\0b", 3), std::string("\xff"),
        std::string(256, 'x'), std::string("\xed\xa0\x80"), std::string("\xc0\xaf"), std::string(901, 'x')}) {
    EXPECT_EQ(PutText(name, "x").error().code(), Errc::kInvalidArgument) << name;
    EXPECT_EQ(store().Head(name).error().code(), Errc::kInvalidArgument) << name;
    EXPECT_EQ(store().StartUpload(name, kSmallestPartBytes).error().code(), Errc::kInvalidArgument) << name;
    EXPECT_EQ(store().Delete(std::vector<std::string>{name}).error().code(), Errc::kInvalidArgument) << name;
  }
  EXPECT_EQ(store().List("", "", 0).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(store().List("", "", 1001).error().code(), Errc::kInvalidArgument);
}

INSTANTIATE_TEST_SUITE_P(
    Stores, StoreContract,
    ::testing::Values(Kind{"Directory", [] { return std::make_unique<DirectoryWorld>(); }},
                      Kind{"S3", [] { return std::make_unique<S3World>("s3://backup/pre/fix", true); }},
                      Kind{"S3WithoutPrefix", [] { return std::make_unique<S3World>("s3://backup", true); }},
                      Kind{"S3BeforeConditions", [] { return std::make_unique<S3World>("s3://backup/x", false); }}),
    [](const auto& tested) { return tested.param.name; });

TEST(DirectoryStoreTest, NeitherFollowsNorListsLinks) {
  TemporaryDirectory directory;
  const auto outside = directory.path() / "outside";
  std::filesystem::create_directory(outside);
  auto store = OpenDirectoryStore(directory.path() / "store", DirectoryUse::kCreate).value();
  std::filesystem::create_symlink(outside, directory.path() / "store" / "link");
  std::filesystem::create_symlink("/etc/passwd", directory.path() / "store" / "file");
  EXPECT_FALSE(store->Put("link/x", AsBytes("x"), PutIf::kAny).ok());
  EXPECT_TRUE(std::filesystem::is_empty(outside));
  EXPECT_EQ(store->Head("file").error().code(), Errc::kNotFound);
  EXPECT_EQ(GetAll(*store, "file", 100000).error().code(), Errc::kNotFound);
  EXPECT_TRUE(store->List("", "")->objects.empty());
  EXPECT_EQ(store->Put(".uploads/x", AsBytes("x"), PutIf::kAny).error().code(), Errc::kInvalidArgument);
  std::filesystem::remove(directory.path() / "store" / "link");
  std::filesystem::remove(directory.path() / "store" / "file");
  ASSERT_TRUE(store->Put("a/b/c", AsBytes("x"), PutIf::kAny).ok());
  ASSERT_TRUE(store->Delete(std::vector<std::string>{"a/b/c"}).ok());
  EXPECT_FALSE(std::filesystem::exists(directory.path() / "store" / "a"));
  EXPECT_EQ(OpenDirectoryStore(directory.path() / "none", DirectoryUse::kMustExist).error().code(), Errc::kNotFound);
  const auto file = directory.path() / "file";
  std::ofstream(file) << "x";
  for (const DirectoryUse use : {DirectoryUse::kMustExist, DirectoryUse::kCreate}) {
    const auto opened = OpenDirectoryStore(file, use);
    ASSERT_FALSE(opened.ok());
    EXPECT_EQ(opened.error().public_message(), file.string() + " is a file; an object store is a directory.");
  }
}

}  // namespace
}  // namespace strongroom::aws_client
