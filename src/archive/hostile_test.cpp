// Snapshots of somebody who may use the wrapping keys and writes the store: signed and sound but for what they say.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "archive/manifest_writer.h"
#include "archive/operations.h"
#include "archive/snapshot.h"
#include "archive/testing/location_fixture.h"

namespace strongroom::archive {
namespace {

namespace esdk = encryption_sdk;
namespace fs = std::filesystem;

struct Hostile {
  pb::Header header{};
  std::vector<ObjectFacts> objects{};
  std::vector<pb::Entry> entries{};

  pb::Entry& Add(const std::string& path, pb::Type type) {
    pb::Entry& entry = entries.emplace_back();
    entry.set_path(path);
    entry.set_type(type);
    entry.set_mode(0644);
    if (type == pb::TYPE_SYMLINK) entry.set_link_target("../outside");
    return entry;
  }
  /// A file with the first byte of the snapshot's one true object.
  pb::Entry& AddFile(const std::string& path) {
    pb::Entry& entry = Add(path, pb::TYPE_FILE);
    entry.set_size(1);
    entry.add_extents()->set_length(1);
    return entry;
  }
};

class HostileTest : public testing_kit::LocationTest {
 protected:
  void SetUp() override {
    for (const char* directory : {"place", "place/outside"}) fs::create_directory(root_ / directory);
    std::ofstream(root_ / "place" / "outside" / "victim") << "untouched";
    std::ofstream(root_ / "file") << "content";
    Send("s", "file");
  }

  /// In place of the true manifest: the same objects, and what `change` makes of a tree with nothing in it.
  void Replace(const std::function<void(Hostile&)>& change) {
    Hostile made;
    esdk::EncryptionContext context;
    {
      const auto opened = OpenSnapshot(access_, "s");
      ASSERT_TRUE(opened.ok()) << opened.error();
      made.header = opened->manifest.header();
      context = WithKind(opened->expected, kKindManifest);
      for (std::uint64_t i = 0; i < opened->manifest.objects().size(); ++i)
        made.objects.push_back(opened->manifest.objects().At(i).value());
    }
    made.Add("", pb::TYPE_DIRECTORY).set_mode(0755);
    change(made);
    auto entries = Spool::Make();
    ASSERT_TRUE(entries.ok());
    pb::End end;
    for (const pb::Entry& entry : made.entries) {
      pb::Record record;
      *record.mutable_entry() = entry;
      Bytes bytes;
      AppendRecord(bytes, record);
      ASSERT_TRUE(entries->Append(bytes).ok());
      if (entry.hard_link().empty()) end.set_file_bytes(end.file_bytes() + entry.size());
    }
    ASSERT_TRUE(entries->Flush().ok());
    ObjectTable objects;
    for (const ObjectFacts& facts : made.objects) ASSERT_TRUE(objects.Append(facts).ok());
    end.set_objects(made.objects.size());
    end.set_entries(made.entries.size());
    auto sealed = Spool::Make();
    ASSERT_TRUE(sealed.ok());
    const esdk::CmmPtr cmm = esdk::MakeDefaultCmm(access_.WritingKeyring(access_.location.keys).value());
    ASSERT_TRUE(SealManifest(*cmm, context, {made.header, objects, *entries, end}, *sealed).ok());
    Bytes bytes(static_cast<std::size_t>(sealed->size()));
    ASSERT_TRUE(sealed->ReadAt(0, bytes).ok());
    ASSERT_TRUE(access_.store->Put(ManifestOf("s"), bytes, aws_client::PutIf::kAny).ok());
  }
  Result<RestoreOutcome> RestoreIt() {
    RestoreOptions options;
    options.snapshot = "s";
    options.target = (root_ / "place" / "back").string();
    return Restore(access_, options, {});
  }
  void ExpectNothingOutside() const {
    std::ifstream victim(root_ / "place" / "outside" / "victim");
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(victim), {}), "untouched");
    struct stat facts {};
    ASSERT_EQ(::stat((root_ / "place" / "outside" / "victim").c_str(), &facts), 0);
    EXPECT_EQ(facts.st_nlink, 1u);
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(root_ / "place"))
      if (const auto name = entry.path().lexically_relative(root_ / "place").string(); !name.starts_with("back"))
        names.push_back(name);
    std::sort(names.begin(), names.end());
    EXPECT_EQ(names, (std::vector<std::string>{"outside", "outside/victim"}));
    EXPECT_FALSE(fs::exists("/tmp/strongroom-hostile"));
  }
};

struct RefusedRow {
  std::string name;
  std::function<void(Hostile&)> change;
};
class RefusedTable : public HostileTest, public testing::WithParamInterface<RefusedRow> {};
TEST_P(RefusedTable, NothingIsWrittenAnywhere) {
  Replace(GetParam().change);
  const auto restored = RestoreIt();
  ASSERT_FALSE(restored.ok());
  EXPECT_EQ(restored.error().code(), Errc::kCorrupted) << restored.error();
  EXPECT_FALSE(fs::exists(root_ / "place" / "back"));
  ExpectNothingOutside();
  const auto verified = Verify(access_, "s", false, {});
  ASSERT_FALSE(verified.ok());
  EXPECT_EQ(verified.error().code(), Errc::kCorrupted);
  int pipe[2];
  ASSERT_EQ(::pipe(pipe), 0);
  EXPECT_FALSE(Get(access_, {.snapshot = "s", .path = "x", .output = pipe[1]}, {}).ok());
  ::close(pipe[0]);
  ::close(pipe[1]);
}
INSTANTIATE_TEST_SUITE_P(
    Manifests, RefusedTable,
    testing::Values(
        RefusedRow{"GoesUp", [](Hostile& h) { h.AddFile("../outside/victim"); }},
        RefusedRow{"GoesUpInside",
                   [](Hostile& h) {
                     h.Add("d", pb::TYPE_DIRECTORY);
                     h.AddFile("d/../../outside/victim");
                   }},
        RefusedRow{"Absolute", [](Hostile& h) { h.AddFile("/tmp/strongroom-hostile"); }},
        RefusedRow{"AbsoluteDirectory", [](Hostile& h) { h.Add("/tmp/strongroom-hostile", pb::TYPE_DIRECTORY); }},
        RefusedRow{"EmptyNames", [](Hostile& h) { h.AddFile("d//x"); }},
        RefusedRow{"ZeroByte", [](Hostile& h) { h.AddFile(std::string("a\0b", 3)); }},
        RefusedRow{"LongName", [](Hostile& h) { h.AddFile(std::string(256, 'n')); }},
        RefusedRow{"ThroughASymlink",
                   [](Hostile& h) {
                     h.Add("d", pb::TYPE_SYMLINK);
                     h.AddFile("d/victim");
                   }},
        RefusedRow{"SymlinkAndDirectoryOfOneName",
                   [](Hostile& h) {
                     h.Add("d", pb::TYPE_SYMLINK);
                     h.Add("d", pb::TYPE_DIRECTORY);
                     h.AddFile("d/victim");
                   }},
        RefusedRow{"HardLinkGoesUp", [](Hostile& h) { h.AddFile("x").set_hard_link("../outside/victim"); }},
        RefusedRow{"HardLinkIsAbsolute", [](Hostile& h) { h.AddFile("x").set_hard_link("/etc/passwd"); }},
        RefusedRow{"HardLinkThroughASymlink",
                   [](Hostile& h) {
                     h.Add("d", pb::TYPE_SYMLINK);
                     h.AddFile("x").set_hard_link("d/victim");
                   }},
        RefusedRow{"HardLinkToItself", [](Hostile& h) { h.AddFile("x").set_hard_link("x"); }},
        RefusedRow{"HardLinksInACircle",
                   [](Hostile& h) {
                     h.AddFile("x").set_hard_link("y");
                     h.AddFile("y").set_hard_link("x");
                   }},
        RefusedRow{"HardLinkToALink",
                   [](Hostile& h) {
                     h.AddFile("w");
                     h.AddFile("x").set_hard_link("w");
                     h.AddFile("y").set_hard_link("x");
                   }},
        RefusedRow{"HardLinkToADirectory",
                   [](Hostile& h) {
                     h.Add("d", pb::TYPE_DIRECTORY);
                     h.AddFile("x").set_hard_link("d");
                   }},
        RefusedRow{"Twice",
                   [](Hostile& h) {
                     h.AddFile("x");
                     h.AddFile("x");
                   }},
        RefusedRow{"NoDirectory", [](Hostile& h) { h.AddFile("d/x"); }},
        RefusedRow{"NegativeSize", [](Hostile& h) { h.AddFile("x").set_size(UINT64_MAX); }},
        RefusedRow{"ManyFilesOfOneExtentBeyondTheObject",
                   [](Hostile& h) { h.AddFile("x").mutable_extents(0)->set_object_offset(std::uint64_t{1} << 40); }},
        RefusedRow{"ObjectOfNobody", [](Hostile& h) { h.AddFile("x").mutable_extents(0)->set_object(1 << 20); }},
        RefusedRow{"AnotherLocation", [](Hostile& h) { h.header.set_location_id(std::string(32, 'b')); }},
        RefusedRow{"AnotherSnapshot", [](Hostile& h) { h.header.set_snapshot("other"); }}),
    [](const auto& info) { return info.param.name; });

TEST_F(HostileTest, AnAbsurdSizeCostsOnlyItsFile) {
  Replace([](Hostile& h) {
    h.AddFile("a").set_size(std::uint64_t{INT64_MAX});
    h.AddFile("b");
  });
  const auto restored = RestoreIt();
  ASSERT_TRUE(restored.ok()) << restored.error();
  EXPECT_TRUE(fs::exists(root_ / "place" / "back" / "b"));
  // Some file systems take a hole of this size; what they do not take is named and leaves nothing.
  if (!fs::exists(root_ / "place" / "back" / "a")) {
    EXPECT_EQ(restored->problems.count, 1u);
    EXPECT_EQ(std::distance(fs::directory_iterator(root_ / "place" / "back"), fs::directory_iterator()), 1);
  }
  ExpectNothingOutside();
}

TEST_F(HostileTest, AnObjectOfAbsurdSizeIsNotRead) {
  Replace([](Hostile& h) {
    h.objects[0].plaintext_bytes = std::uint64_t{1} << 60;
    h.AddFile("a");
  });
  EXPECT_FALSE(RestoreIt().ok());
  EXPECT_FALSE(Verify(access_, "s", false, {}).ok());
  ExpectNothingOutside();
}

TEST_F(HostileTest, LinksAndAttributesThatLeadOutStayInside) {
  Replace([](Hostile& h) {
    h.Add("to-outside", pb::TYPE_SYMLINK).set_link_target("../outside/victim");
    // Names of a link's own, so that mode, owner and time would reach what it leads to.
    pb::Entry& link = h.Add("to-victim", pb::TYPE_SYMLINK);
    link.set_link_target("../outside/victim");
    link.set_mode(0777);
    link.set_mtime_seconds(1);
    h.Add("z", pb::TYPE_SYMLINK).set_link_target("../outside/victim");
    h.entries.back().set_hard_link("to-victim");
  });
  struct stat before {
  }, after{};
  const auto victim = (root_ / "place" / "outside" / "victim").string();
  ASSERT_EQ(::stat(victim.c_str(), &before), 0);
  const auto restored = RestoreIt();
  ASSERT_TRUE(restored.ok()) << restored.error();
  ASSERT_EQ(::stat(victim.c_str(), &after), 0);
  EXPECT_EQ(before.st_mode, after.st_mode);
  EXPECT_EQ(before.st_mtim.tv_sec, after.st_mtim.tv_sec);
  EXPECT_TRUE(fs::is_symlink(root_ / "place" / "back" / "z"));
  ExpectNothingOutside();
}

}  // namespace
}  // namespace strongroom::archive
