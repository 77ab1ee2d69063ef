#include "archive/manifest.h"

#include <google/protobuf/io/coded_stream.h>

#include "archive/paths.h"
#include "crypto/hash.h"

namespace strongroom::archive {
namespace {

Error Wrong(std::string_view what) {
  return Error(Errc::kCorrupted, fmt::format("The manifest is not sound: {}.", what));
}

/// A path as bytes whose order is ComparePaths', with a zero at its end; no path's is the beginning of another's.
Bytes SortKey(std::string_view path) {
  Bytes key;
  key.reserve(path.size() + 1);
  for (const char c : path) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (byte == 1 || byte == 2) key.push_back(2);
    key.push_back(c == '/' ? std::uint8_t{1} : byte);
  }
  key.push_back(0);
  return key;
}

/// Over all that the names of one file have in common.
crypto::Sha256Digest ContentDigest(const pb::Entry& entry) {
  pb::Entry content;
  content.set_type(entry.type());
  content.set_size(entry.size());
  content.set_incomplete(entry.incomplete());
  content.set_link_target(entry.link_target());
  content.set_device(entry.device());
  *content.mutable_extents() = entry.extents();
  return crypto::Sha256(AsBytes(content.SerializeAsString()));
}

}  // namespace

void AppendRecord(Bytes& to, const google::protobuf::MessageLite& message) {
  const std::size_t size = message.ByteSizeLong();
  std::uint8_t length[10];
  std::uint8_t* const end =
      google::protobuf::io::CodedOutputStream::WriteVarint32ToArray(static_cast<std::uint32_t>(size), length);
  to.insert(to.end(), &length[0], end);
  const std::size_t at = to.size();
  to.resize(at + size);
  message.SerializeWithCachedSizesToArray(to.data() + at);
}

Status ReadRecord(SpoolCursor& cursor, google::protobuf::MessageLite& message) {
  std::uint64_t length = 0;
  for (unsigned shift = 0;; shift += 7) {
    SR_TRY(const ByteView byte, cursor.Take(1));
    length |= static_cast<std::uint64_t>(byte[0] & 0x7f) << shift;
    if ((byte[0] & 0x80) == 0) break;
    if (shift == 28) return Wrong("the length of a record is out of bounds");
  }
  if (length > kLargestRecord) return Wrong("a record is larger than 16 MiB");
  SR_TRY(const ByteView bytes, cursor.Take(static_cast<std::size_t>(length)));
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return Wrong("a record cannot be read");
  return {};
}

Result<ObjectFacts> FactsOf(const pb::Object& object) {
  ObjectFacts facts;
  const auto take = [](const std::string& from, std::array<std::uint8_t, 32>& to) {
    if (from.size() != to.size()) return false;
    std::copy(from.begin(), from.end(), to.begin());
    return true;
  };
  if (object.name().size() != 16 || !take(object.message_id(), facts.message_id) ||
      !take(object.commitment(), facts.commitment) || !take(object.tags_digest(), facts.tags_digest) ||
      !take(object.data_key(), facts.data_key))
    return Wrong("a member of an object has the wrong length");
  facts.name = Hex(AsBytes(object.name()));
  facts.plaintext_bytes = object.plaintext_bytes();
  facts.stored_bytes = object.stored_bytes();
  return facts;
}

pb::Object ToRecord(const ObjectFacts& facts) {
  pb::Object object;
  const auto text = [](const std::array<std::uint8_t, 32>& bytes) { return std::string(AsText(bytes)); };
  if (const auto name = FromHex(facts.name); name.ok()) object.set_name(std::string(AsText(*name)));
  object.set_message_id(text(facts.message_id));
  object.set_commitment(text(facts.commitment));
  object.set_tags_digest(text(facts.tags_digest));
  object.set_data_key(text(facts.data_key));
  object.set_plaintext_bytes(facts.plaintext_bytes);
  object.set_stored_bytes(facts.stored_bytes);
  return object;
}

Status EntryChecker::CheckPlace(const pb::Entry& entry) {
  const std::string& path = entry.path();
  SR_CHECK(CheckEntryPath(path));
  const bool is_directory = entry.type() == pb::TYPE_DIRECTORY;
  if (!any_) {
    // A tree begins with its root; a snapshot of one file has that file and nothing else.
    root_is_directory_ = is_directory && path.empty();
    if (!root_is_directory_ && (path.empty() || is_directory || path.find('/') != std::string::npos))
      return Wrong("the first entry is neither the root of a tree nor a single file");
    any_ = true;
    last_ = path;
    return {};
  }
  if (!root_is_directory_) return Wrong("something follows the entry of a single file");
  if (ComparePaths(last_, path) != std::strong_ordering::less)
    return Wrong(fmt::format("'{}' comes twice or out of order", Printable(path.substr(0, 200))));
  const std::string_view parent = ParentOf(path);
  if (!IsWithin(directory_, parent))
    return Wrong(fmt::format("'{}' lies in what is no directory", Printable(path.substr(0, 200))));
  directory_ = is_directory ? path : std::string(parent);
  last_ = path;
  return {};
}

Result<std::uint64_t> EntryChecker::BytesOf(std::uint64_t object) {
  if (!looked_up_ || looked_up_->first != object) {
    SR_TRY(const ObjectFacts facts, objects_->At(object));
    looked_up_.emplace(object, facts.plaintext_bytes);
  }
  return looked_up_->second;
}

Status EntryChecker::CheckContent(const pb::Entry& entry) {
  const auto wrong = [&](std::string_view what) {
    return Wrong(fmt::format("{} of '{}'", what, Printable(entry.path().substr(0, 200))));
  };
  if (entry.type() < pb::TYPE_FILE || entry.type() > pb::TYPE_SOCKET) return wrong("unknown type");
  if (stream_ && entry.type() != pb::TYPE_FILE) return wrong("a stream's type");
  if (entry.mode() > 07777) return wrong("mode out of bounds");
  if (entry.mtime_nanoseconds() > 999'999'999) return wrong("time out of bounds");
  if (entry.type() == pb::TYPE_SYMLINK
          ? entry.link_target().empty() || entry.link_target().find('\0') != std::string::npos
          : !entry.link_target().empty())
    return wrong("link target");
  if (entry.type() == pb::TYPE_DIRECTORY && !entry.hard_link().empty()) return wrong("hard link");
  if (static_cast<std::size_t>(entry.extents_size()) > kMostExtents) return wrong("too many extents");
  if (!entry.hard_link().empty()) {
    SR_CHECK(CheckEntryPath(entry.hard_link()));
    if (ComparePaths(entry.hard_link(), entry.path()) != std::strong_ordering::less) return wrong("hard link");
  }
  for (const pb::Xattr& attribute : entry.xattrs())
    if (attribute.name().empty() || attribute.name().find('\0') != std::string::npos) return wrong("attribute");
  if (entry.type() != pb::TYPE_FILE && (entry.size() != 0 || entry.extents_size() != 0)) return wrong("content");
  if (entry.type() != pb::TYPE_FILE && entry.incomplete()) return wrong("content");
  if (entry.size() > static_cast<std::uint64_t>(INT64_MAX)) return wrong("size");
  std::uint64_t end = 0;
  for (const pb::Extent& extent : entry.extents()) {
    if (extent.length() == 0 || extent.object() >= objects_->size()) return wrong("extents");
    SR_TRY(const std::uint64_t object_bytes, BytesOf(extent.object()));
    if (extent.object_offset() > object_bytes || extent.length() > object_bytes - extent.object_offset())
      return wrong("extents beyond their object");
    if (extent.file_offset() < end) return wrong("overlapping extents");
    if (extent.file_offset() > entry.size() || extent.length() > entry.size() - extent.file_offset())
      return wrong("extents beyond the end");
    end = extent.file_offset() + extent.length();
  }
  return {};
}

Status EntryChecker::Next(const pb::Entry& entry) {
  SR_CHECK(CheckPlace(entry));
  return CheckContent(entry);
}

Result<Manifest> Manifest::Open(Spool spool) {
  SR_CHECK(spool.Flush());
  Manifest manifest;
  manifest.spool_ = std::move(spool);
  SR_CHECK(manifest.CheckAll());
  return manifest;
}

Status Manifest::CheckAll() {
  SpoolCursor cursor(spool_, 0, spool_.size());
  pb::Record record;
  SR_CHECK(ReadRecord(cursor, record));
  if (!record.has_header()) return Wrong("it does not begin with a header");
  header_ = record.header();
  if (header_.format() != kManifestFormat)
    return Error(Errc::kUnsupported, fmt::format("The manifest is of format {}, which this program does not know; a "
                                                 "newer one does.",
                                                 header_.format()));
  std::optional<EntryChecker> checker;
  std::uint64_t entries = 0, bytes = 0;
  RecordSorter links;
  for (;;) {
    const std::uint64_t at = cursor.offset();
    SR_CHECK(ReadRecord(cursor, record));
    if (record.has_object()) {
      if (checker) return Wrong("an object stands among the entries");
      if (objects_.size() == kMostObjects) return Wrong("too many objects");
      SR_TRY(auto facts, FactsOf(record.object()));
      SR_CHECK(objects_.Append(facts));
      continue;
    }
    if (!checker) {
      entries_begin_ = at;
      checker.emplace(objects_, header_.stream());
    }
    if (record.has_entry()) {
      SR_CHECK(checker->Next(record.entry()));
      ++entries;
      if (record.entry().hard_link().empty()) {
        bytes += record.entry().size();
      } else {
        Bytes link = SortKey(record.entry().hard_link());
        Append(link, ContentDigest(record.entry()));
        SR_CHECK(links.Add(link));
      }
      continue;
    }
    if (!record.has_end()) return Wrong("a record is of no known kind");
    entries_end_ = at;
    end_ = record.end();
    break;
  }
  if (!cursor.done()) return Wrong("something follows its end");
  if (end_.objects() != objects_.size() || end_.entries() != entries || end_.file_bytes() != bytes)
    return Wrong("its totals are not those of its records");
  if (header_.stream() && entries != 1) return Wrong("a stream with several entries");
  return CheckLinks(links);
}

/// That each link's first name is there, is no link itself and has the same content: both come in the order of paths.
Status Manifest::CheckLinks(RecordSorter& links) const {
  if (links.size() == 0) return {};
  SR_CHECK(links.Sort());
  const auto wrong = [](ByteView link) {
    std::string path;
    for (std::size_t i = 0; i + 1 + sizeof(crypto::Sha256Digest) < link.size(); ++i) {
      const bool slash = link[i] == 1;
      if (link[i] == 2) ++i;
      path += slash ? '/' : static_cast<char>(link[i]);
    }
    return Wrong(fmt::format("a hard link is of '{}', which is not there before it or has another content",
                             Printable(path.substr(0, 200))));
  };
  SR_TRY(std::optional<ByteView> next, links.Next());
  SR_CHECK(ForEach([&](const pb::Entry& entry, std::uint64_t) -> Status {
    if (!next) return {};
    const Bytes key = SortKey(entry.path());
    const auto is_here = [&] { return next && std::equal(key.begin(), key.end(), next->begin(), next->end() - 32); };
    if (!is_here()) return {};
    const crypto::Sha256Digest content = ContentDigest(entry);
    for (; is_here();) {
      if (!entry.hard_link().empty() || !std::equal(content.begin(), content.end(), next->end() - 32, next->end()))
        return wrong(*next);
      SR_TRY(next, links.Next());
    }
    return {};
  }));
  return next ? Status(wrong(*next)) : Status();
}

Status Manifest::ForEach(const Visit& visit) const {
  SpoolCursor cursor(spool_, entries_begin_, entries_end_);
  pb::Record record;
  while (!cursor.done()) {
    const std::uint64_t at = cursor.offset();
    SR_CHECK(ReadRecord(cursor, record));
    SR_CHECK(visit(record.entry(), at));
  }
  return {};
}

Result<pb::Entry> Manifest::EntryAt(std::uint64_t offset) const {
  SpoolCursor cursor(spool_, offset, entries_end_, 1024);
  pb::Record record;
  SR_CHECK(ReadRecord(cursor, record));
  return std::move(*record.mutable_entry());
}

}  // namespace strongroom::archive
