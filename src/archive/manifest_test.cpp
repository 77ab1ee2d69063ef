#include "archive/manifest.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "archive/paths.h"

namespace strongroom::archive {
namespace {

/// A manifest of records as a hostile or mistaken writer, who has the keys, may make one.
class Records {
 public:
  Records() {
    header_.set_format(1);
    header_.set_location_id("00112233445566778899aabbccddeeff");
    header_.set_snapshot("s");
  }
  pb::Header& header() { return header_; }
  pb::Object& AddObject(std::uint64_t bytes) {
    pb::Object& object = objects_.emplace_back();
    object.set_name(std::string(16, 'n'));
    for (auto set : {&pb::Object::mutable_message_id, &pb::Object::mutable_commitment, &pb::Object::mutable_tags_digest,
                     &pb::Object::mutable_data_key})
      *(object.*set)() = std::string(32, 'x');
    object.set_plaintext_bytes(bytes);
    return object;
  }
  pb::Entry& Add(const std::string& path, pb::Type type) {
    pb::Entry& entry = entries_.emplace_back();
    entry.set_path(path);
    entry.set_type(type);
    if (type == pb::TYPE_SYMLINK) entry.set_link_target("target");
    return entry;
  }
  pb::Entry& AddFile(const std::string& path, std::uint64_t size, std::uint64_t object_offset, std::uint64_t length) {
    pb::Entry& entry = Add(path, pb::TYPE_FILE);
    entry.set_size(size);
    pb::Extent* extent = entry.add_extents();
    extent->set_object_offset(object_offset);
    extent->set_length(length);
    return entry;
  }
  Bytes Serialize() const {
    Bytes bytes;
    pb::Record record;
    *record.mutable_header() = header_;
    AppendRecord(bytes, record);
    for (const auto& object : objects_) {
      *record.mutable_object() = object;
      AppendRecord(bytes, record);
    }
    std::uint64_t size = 0;
    for (const auto& entry : entries_) {
      *record.mutable_entry() = entry;
      AppendRecord(bytes, record);
      if (entry.hard_link().empty()) size += entry.size();
    }
    record.mutable_end()->set_objects(objects_.size());
    record.mutable_end()->set_entries(entries_.size() + entries_too_many);
    record.mutable_end()->set_file_bytes(size);
    AppendRecord(bytes, record);
    return bytes;
  }
  std::vector<pb::Entry>& entries() { return entries_; }
  std::uint64_t entries_too_many = 0;

 private:
  pb::Header header_;
  std::vector<pb::Object> objects_;
  std::vector<pb::Entry> entries_;
};

Result<Manifest> Open(ByteView bytes) {
  auto spool = Spool::Make();
  EXPECT_TRUE(spool.ok());
  EXPECT_TRUE(spool->Append(bytes).ok());
  return Manifest::Open(*std::move(spool));
}

Records Sound() {
  Records records;
  records.AddObject(100);
  records.Add("", pb::TYPE_DIRECTORY);
  records.Add("a", pb::TYPE_DIRECTORY);
  records.AddFile("a/file", 10, 0, 10);
  records.Add("a.link", pb::TYPE_SYMLINK);
  records.AddFile("b", 20, 90, 10);
  return records;
}

TEST(ManifestTest, SoundOneIsReadEntryByEntry) {
  const auto manifest = Open(Sound().Serialize());
  ASSERT_TRUE(manifest.ok()) << manifest.error();
  EXPECT_EQ(manifest->objects().size(), 1u);
  std::vector<std::string> paths;
  const auto visited = manifest->ForEach([&](const pb::Entry& entry, std::uint64_t offset) -> Status {
    paths.push_back(entry.path());
    const auto again = manifest->EntryAt(offset);
    EXPECT_TRUE(again.ok() && again->path() == entry.path());
    return {};
  });
  EXPECT_TRUE(visited.ok());
  EXPECT_EQ(paths, (std::vector<std::string>{"", "a", "a/file", "a.link", "b"}));
}

TEST(ManifestTest, EveryTruncationIsFound) {
  const Bytes whole = Sound().Serialize();
  for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(Open(ByteView(whole).first(size)).ok()) << size;
  Bytes longer = whole;
  longer.push_back(0);
  EXPECT_FALSE(Open(longer).ok());
}

TEST(ManifestTest, HardLinksOfAllOrdersAreFound) {
  Records records;
  records.AddObject(100);
  records.Add("", pb::TYPE_DIRECTORY);
  // Names around the slash, and bytes that sort keys escape.
  for (const char* path : {"a", "a/x", "a\x01", "a\x02", "a-", "b"})
    records.Add(path, path == std::string_view("a") ? pb::TYPE_DIRECTORY : pb::TYPE_FIFO);
  for (const char* target : {"b", "a\x02", "a/x", "a-", "a\x01", "b"})
    records.Add(fmt::format("c{}", Hex(AsBytes(target)) + std::to_string(records.entries().size())), pb::TYPE_FIFO)
        .set_hard_link(target);
  // Their own order is by name, whatever they link to.
  auto& entries = records.entries();
  std::sort(entries.begin() + 1, entries.end(), [](const pb::Entry& a, const pb::Entry& b) {
    return ComparePaths(a.path(), b.path()) == std::strong_ordering::less;
  });
  const auto manifest = Open(records.Serialize());
  ASSERT_TRUE(manifest.ok()) << manifest.error();
}

struct HostileRow {
  std::string name;
  void (*change)(Records& records);
  std::string says;
};
class HostileTable : public testing::TestWithParam<HostileRow> {};
TEST_P(HostileTable, IsRefused) {
  Records records;
  records.AddObject(100);
  records.Add("", pb::TYPE_DIRECTORY);
  GetParam().change(records);
  const auto manifest = Open(records.Serialize());
  ASSERT_FALSE(manifest.ok());
  EXPECT_NE(manifest.error().public_message().find(GetParam().says), std::string::npos) << manifest.error();
}
INSTANTIATE_TEST_SUITE_P(
    Manifest, HostileTable,
    testing::Values(
        HostileRow{"OtherFormat", [](Records& r) { r.header().set_format(2); }, "format 2"},
        HostileRow{"AbsolutePath", [](Records& r) { r.Add("/etc/passwd", pb::TYPE_FIFO); }, "absolute"},
        HostileRow{"ParentPath", [](Records& r) { r.Add("../x", pb::TYPE_FIFO); }, "'..'"},
        HostileRow{"ParentInside",
                   [](Records& r) {
                     r.Add("a", pb::TYPE_DIRECTORY);
                     r.Add("a/../../x", pb::TYPE_FIFO);
                   },
                   "'..'"},
        HostileRow{"FileThroughSymlink",
                   [](Records& r) {
                     r.Add("a", pb::TYPE_SYMLINK);
                     r.AddFile("a/b", 1, 0, 1);
                   },
                   "no directory"},
        HostileRow{"FileInFile",
                   [](Records& r) {
                     r.AddFile("a", 1, 0, 1);
                     r.AddFile("a/b", 1, 0, 1);
                   },
                   "no directory"},
        HostileRow{"DirectoryThenSymlinkOfTheName",
                   [](Records& r) {
                     r.Add("a", pb::TYPE_DIRECTORY);
                     r.Add("a", pb::TYPE_SYMLINK);
                   },
                   "twice"},
        HostileRow{"MissingDirectory", [](Records& r) { r.AddFile("a/b", 1, 0, 1); }, "no directory"},
        HostileRow{"OutOfOrder",
                   [](Records& r) {
                     r.AddFile("b", 1, 0, 1);
                     r.AddFile("a", 1, 0, 1);
                   },
                   "out of order"},
        HostileRow{"BackIntoAnEarlierDirectory",
                   [](Records& r) {
                     r.Add("a", pb::TYPE_DIRECTORY);
                     r.AddFile("b", 1, 0, 1);
                     r.AddFile("a/b", 1, 0, 1);
                   },
                   "out of order"},
        HostileRow{"RootTwice", [](Records& r) { r.Add("", pb::TYPE_DIRECTORY); }, "twice"},
        HostileRow{"NoType", [](Records& r) { r.Add("a", pb::TYPE_NONE); }, "unknown type"},
        HostileRow{"Mode", [](Records& r) { r.Add("a", pb::TYPE_FIFO).set_mode(010000); }, "mode"},
        HostileRow{"Time", [](Records& r) { r.Add("a", pb::TYPE_FIFO).set_mtime_nanoseconds(1'000'000'000); }, "time"},
        HostileRow{"LinkWithoutTarget", [](Records& r) { r.Add("a", pb::TYPE_SYMLINK).clear_link_target(); },
                   "link target"},
        HostileRow{"FileWithTarget", [](Records& r) { r.Add("a", pb::TYPE_FILE).set_link_target("x"); }, "link target"},
        HostileRow{"HardLinkOutside", [](Records& r) { r.AddFile("a", 1, 0, 1).set_hard_link("../x"); }, "'..'"},
        HostileRow{"HardLinkAhead", [](Records& r) { r.AddFile("a", 1, 0, 1).set_hard_link("b"); }, "hard link"},
        HostileRow{"HardLinkToItself", [](Records& r) { r.AddFile("a", 1, 0, 1).set_hard_link("a"); }, "hard link"},
        HostileRow{"HardLinkToNothing", [](Records& r) { r.AddFile("b", 1, 0, 1).set_hard_link("a"); }, "of 'a'"},
        HostileRow{"HardLinkToAnAbsolutePath", [](Records& r) { r.AddFile("b", 1, 0, 1).set_hard_link("/a"); },
                   "absolute"},
        HostileRow{"HardLinkToADirectory",
                   [](Records& r) {
                     r.Add("a", pb::TYPE_DIRECTORY);
                     r.AddFile("b", 1, 0, 1).set_hard_link("a");
                   },
                   "of 'a'"},
        HostileRow{"HardLinkToALink",
                   [](Records& r) {
                     r.AddFile("a", 1, 0, 1);
                     r.AddFile("b", 1, 0, 1).set_hard_link("a");
                     r.AddFile("c", 1, 0, 1).set_hard_link("b");
                   },
                   "of 'b'"},
        HostileRow{"HardLinkOfAnotherSize",
                   [](Records& r) {
                     r.AddFile("a", 1, 0, 1);
                     r.AddFile("b", 2, 0, 1).set_hard_link("a");
                   },
                   "of 'a'"},
        HostileRow{"HardLinkWithOtherExtentsOfOddNames",
                   [](Records& r) {
                     r.Add("a", pb::TYPE_DIRECTORY);
                     r.AddFile("a/\x01\x02", 1, 0, 1);
                     r.AddFile("b", 1, 1, 1).set_hard_link("a/\x01\x02");
                   },
                   "of 'a/\\x01\\x02'"},
        HostileRow{"HardLinkOfAnotherType",
                   [](Records& r) {
                     r.Add("a", pb::TYPE_FIFO);
                     r.Add("b", pb::TYPE_SOCKET).set_hard_link("a");
                   },
                   "of 'a'"},
        HostileRow{"HardLinkOfAnotherTarget",
                   [](Records& r) {
                     r.Add("a", pb::TYPE_SYMLINK);
                     pb::Entry& second = r.Add("b", pb::TYPE_SYMLINK);
                     second.set_link_target("elsewhere");
                     second.set_hard_link("a");
                   },
                   "of 'a'"},
        HostileRow{"TooManyExtents",
                   [](Records& r) {
                     pb::Entry& entry = r.Add("a", pb::TYPE_FILE);
                     entry.set_size(2 * kMostExtents + 2);
                     for (std::uint64_t i = 0; i <= kMostExtents; ++i) {
                       pb::Extent* extent = entry.add_extents();
                       extent->set_file_offset(2 * i);
                       extent->set_length(1);
                     }
                   },
                   "too many extents"},
        HostileRow{"NoSuchObject", [](Records& r) { r.AddFile("a", 1, 0, 1).mutable_extents(0)->set_object(1); },
                   "extents"},
        HostileRow{"BeyondTheObject", [](Records& r) { r.AddFile("a", 2, 99, 2); }, "beyond their object"},
        HostileRow{"OffsetOverflows", [](Records& r) { r.AddFile("a", 2, UINT64_MAX, 2); }, "beyond their object"},
        HostileRow{"LengthOverflows", [](Records& r) { r.AddFile("a", 2, 50, UINT64_MAX); }, "beyond their object"},
        HostileRow{"BeyondTheFile", [](Records& r) { r.AddFile("a", 1, 0, 2); }, "beyond the end"},
        HostileRow{"EmptyExtent", [](Records& r) { r.AddFile("a", 1, 0, 0); }, "extents"},
        HostileRow{"Overlap",
                   [](Records& r) {
                     pb::Extent* second = r.AddFile("a", 10, 0, 10).add_extents();
                     second->set_file_offset(5);
                     second->set_length(5);
                   },
                   "overlapping"},
        HostileRow{"HugeSize", [](Records& r) { r.Add("a", pb::TYPE_FILE).set_size(UINT64_MAX); }, "size"},
        HostileRow{"DirectoryWithContent", [](Records& r) { r.Add("a", pb::TYPE_DIRECTORY).set_size(1); }, "content"},
        HostileRow{"IncompleteDirectory", [](Records& r) { r.Add("a", pb::TYPE_DIRECTORY).set_incomplete(true); },
                   "content"},
        HostileRow{"AttributeWithoutName", [](Records& r) { r.Add("a", pb::TYPE_FIFO).add_xattrs(); }, "attribute"},
        HostileRow{"ShortMessageId", [](Records& r) { r.AddObject(1).set_message_id("x"); }, "wrong length"},
        HostileRow{"TotalsDiffer", [](Records& r) { r.entries_too_many = 1; }, "totals"},
        HostileRow{"StreamWithATree", [](Records& r) { r.header().set_stream(true); }, "stream"}),
    [](const auto& info) { return info.param.name; });

TEST(ManifestTest, LengthsThatNobodyWritesCostNoMemory) {
  const Bytes huge{0xff, 0xff, 0xff, 0xff, 0x0f, 0x00};
  const Bytes endless(20, 0xff);
  EXPECT_FALSE(Open(huge).ok());
  EXPECT_FALSE(Open(endless).ok());
}

}  // namespace
}  // namespace strongroom::archive
